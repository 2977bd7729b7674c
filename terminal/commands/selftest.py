"""`smk selftest`: every part of the device tried on its own, without a card and without taking money."""

import os
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep
from typing import NamedTuple

import click

from config.model import Configuration
from config.store import load_configuration
from terminal.commands.say import answer, as_json, configuration_file, speaking

FREE_BYTES_MIN = 64 * 1024 * 1024
"""Room for a WAL at its longest; below it a device that is never idle could close."""

SYNC_MS_MAX = 50.0
"""A tap waits for two of these; slower, and its rider waits longer than for the card."""

SYNCS = 9
ISSUERS_SHOWN = 5
"""The most urgent ones; the count says how many there are."""
FACE_S = 0.5


class Result(NamedTuple):
    """One part. `how` "ok", "warning", "failed" or "in use" (by the device that runs)."""

    zh: str
    en: str
    how: str
    detail: str


class Doubtful(Exception):
    """The part works, but somebody should look at it."""


Part = tuple[str, str, Callable[[], str], bool]
"""Its names, how it is tried, and whether only one process can."""


@click.command(short_help="Try every part of the device, without a card.")
@configuration_file
@as_json
@speaking
def selftest(configuration: str, as_json: bool) -> None:
    """Try every part of the device: tables, disk, journal, clock, reader, PSAM, faces. Takes no money.

    Exit status 1 when a part failed. While the device runs, what it holds is left alone and said to be in use.
    """
    from terminal.commands.device import as_the_owner, is_running

    loaded = load_configuration(Path(configuration)).value
    as_the_owner(Path(loaded.terminal.data))
    running = is_running(loaded)
    results = [tried(part, running) for part in parts(loaded)]
    marks = {"ok": "✓", "warning": "!", "failed": "✗", "in use": "…"}
    lines = [f"{marks[result.how]} {result.zh} · {result.en}: {result.detail}" for result in results]
    answer([result._asdict() for result in results], as_json, lambda: lines)
    if any(result.how == "failed" for result in results):
        sys.exit(1)


def tried(part: Part, running: bool) -> Result:
    """Try one part; `running`: a device holds what only one can."""
    from apdu.errors import ApduError
    from apdu.profile import BadProfile
    from config.errors import ConfigError
    from sync.errors import JournalError
    from terminal.ports import ReaderLost

    zh, en, attempt, alone = part
    if alone and running:
        return Result(zh, en, "in use", "由运行中的设备使用 · by the running device")
    try:
        return Result(zh, en, "ok", attempt())
    except Doubtful as doubt:
        return Result(zh, en, "warning", str(doubt))
    except ConfigError as trouble:
        return Result(zh, en, "failed", f"{trouble.text('zh')} · {trouble.text('en')}")
    except (ApduError, BadProfile, JournalError, OSError, ReaderLost) as trouble:
        return Result(zh, en, "failed", str(trouble))


def parts(configuration: Configuration) -> list[Part]:
    """What is tried, in this order."""
    return [
        ("票价与名单", "tables", lambda: _tables(configuration), False),
        ("签名", "signatures", lambda: _signatures(configuration), False),
        ("发卡方", "issuers", lambda: _issuers(configuration), False),
        ("磁盘", "disk", lambda: _disk(Path(configuration.terminal.data)), False),
        ("交易日志", "journal", lambda: _journal(configuration), True),
        ("时钟", "clock", _clock, False),
        ("读卡器", "reader", lambda: _reader(configuration), True),
        ("PSAM 卡", "PSAM", lambda: _psam(configuration), True),
        ("界面", "faces", lambda: _faces(configuration), True),
    ]


def _tables(configuration: Configuration) -> str:
    from terminal import box

    pack, hot_list = box.load_tables(configuration, keep=False)
    return f"{pack.value.version}, {hot_list.value.version}"


def _signatures(configuration: Configuration) -> str:
    """How far the signatures reach, and until when the office calls them fresh: past that the device goes on."""
    from terminal import signed

    standing, now = signed.trust_of(configuration).standing(), datetime.now(UTC)
    if configuration.packs.development:
        raise Doubtful("开发模式，未签名的也装 · development mode: unsigned packs are taken too")
    if standing is None:
        raise Doubtful("尚未信任任何根 · no root is enrolled: smk pack trust")
    if standing.fresh_until is None:
        return f"根 root v{standing.root}, 尚未装过 · nothing loaded yet"
    told = f"根 root v{standing.root}, 有效至 · good until {standing.fresh_until:%Y-%m-%d}"
    if now > min(standing.fresh_until, standing.root_expires):
        raise Doubtful(f"{told}: 已过期，现行内容继续有效 · out of date, what is in force stays: get a fresh stick")
    return told


def _issuers(configuration: Configuration) -> str:
    """What the network's list of issuers wants by when, and the pack in force does not do yet."""
    from terminal import box, kinds
    from terminal.drivers.clock import CHINA

    pack, _ = box.load_tables(configuration, keep=False)
    today = datetime.now(UTC).astimezone(CHINA).date()
    wanted = kinds.open_issuers(configuration, pack.value, today)
    if not wanted:
        return "与名单一致 · as the list wants"
    words = {"added": "须受理 to be accepted", "deleted": "须停用 to be refused"}
    told = [f"{one.issuer} {words[one.change]} {one.by} 前 by then" for one in wanted[:ISSUERS_SHOWN]]
    late = sum(one.by < today for one in wanted)
    raise Doubtful(f"{len(wanted)} 项待办 open, {late} 项逾期 overdue: {'; '.join(told)}")


def _disk(data: Path) -> str:
    free = shutil.disk_usage(data).free
    probe = data / "selftest"
    times = []
    try:
        file = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            for _ in range(SYNCS):
                began = monotonic()
                os.pwrite(file, os.urandom(4_096), 0)
                os.fdatasync(file)
                times.append((monotonic() - began) * 1000)
        finally:
            os.close(file)
    finally:
        probe.unlink(missing_ok=True)
    took_ms = sorted(times)[SYNCS // 2]
    told = f"{free // 1024**2} MiB 可用 free, 写入 a durable write {took_ms:.1f} ms"
    if free < FREE_BYTES_MIN or took_ms > SYNC_MS_MAX:
        raise Doubtful(f"{told}: 空间不足或磁盘慢 · little room or a slow disk")
    return told


def _journal(configuration: Configuration) -> str:
    from sync.journal import Journal
    from sync.schema import stored_identity
    from terminal import box

    path = Path(configuration.terminal.data) / box.JOURNAL
    whose = stored_identity(path)
    if whose is None:
        raise Doubtful("尚无日志 · none yet: smk enrol")
    journal = Journal.open(path, whose, "")
    try:
        unsent, drafts = journal.unsent(), journal.open_drafts_all()
        return f"{journal.last_seq} 条 rows, 未上传 unsent {unsent.rows}, 待定 open drafts {len(drafts)}"
    finally:
        journal.close()


def _clock() -> str:
    from terminal.drivers.clock import SystemClock
    from terminal.ports import ClockTrust

    moment = SystemClock().read()
    told = f"{moment.at.isoformat(timespec='seconds')} ({moment.trust.value})"
    if moment.trust not in (ClockTrust.SYNCED, ClockTrust.RTC):
        raise Doubtful(f"{told}: 时间不可信 · not to be trusted: a network for timesyncd, or a battery clock")
    return told


def _reader(configuration: Configuration) -> str:
    from terminal import box

    reader = box.open_reader(configuration)
    try:
        reader.poll()
        return reader.name
    finally:
        reader.close()


def _psam(configuration: Configuration) -> str:
    from apdu.psam import open_psam
    from apdu.script import Slot, run
    from terminal import box

    slot = box.open_slot(configuration)
    try:
        profiles = box.profiles_of(configuration)
        psam = run(open_psam(profiles), {Slot.PSAM: slot.wire}, lambda draft: None)
        return f"{psam.number}, {slot.name}"
    finally:
        slot.close()


def _faces(configuration: Configuration) -> str:
    from terminal import box
    from terminal.ports import Advancing, Status

    faces = box.configured_faces(configuration, plain=True)
    for face in faces:
        face.idle(Status("selftest", "自检", "self-test"))
    sleep(FACE_S)
    stuck = [type(face).__name__ for face in faces if isinstance(face, Advancing) and face.lag_s() > FACE_S / 2]
    for face in faces:
        face.close()
    if stuck:
        raise OSError(f"没有反应 · does not move: {', '.join(stuck)}")
    return ", ".join(type(face).__name__ for face in faces) or "无 · none"
