"""The backend's answers on a stick, taken into the journal; by the running device itself when there is one.

Only one process may hold a journal. So a command leaves copies of the answers in `DATA/stick`, asks the device by a
signal, and reads what it says in `DATA/stick.told`.
"""

import contextlib
import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from sync.journal import Journal
from sync.session import Accepted
from sync.stick import StickTrouble, acknowledged, copy_answers, take, troubles, write

ASK = signal.SIGUSR2
WAIT_SECONDS = 120
"""A device answers between two taps; a year's batches are read in a minute."""

_INBOX = "stick"
_TOLD = "stick.told"


class Told(NamedTuple):
    """What the answers changed: the acknowledged row before and after, rows still unsent, answers found, troubles."""

    before: int
    after: int
    unsent: int
    answers: int
    troubles: list[str]


def taken(journal: Journal, stick: Path, key: str, alarm: Callable[[str, str], None]) -> Told:
    """Take the answers on `stick`. `key`: [sync] stick_key; `alarm` gets (what, detail). Raises StickTrouble,
    JournalError."""
    if not key:
        raise StickTrouble("未配置 [sync] stick_key · set [sync] stick_key to what smk backend stick-key prints")
    before = journal.acknowledged
    found = take(stick, journal.identity, journal.last_seq, bytes.fromhex(key), journal.head_at)
    after = acknowledged(before, found)
    if after != before:
        journal.acknowledge(after)
        journal.flush()
    for one in found:
        # An answer of an earlier trip was heard then.
        if isinstance(one.reply, Accepted) and one.reply.quarantined and one.parcel.last > before:
            alarm("quarantined", f"rows {', '.join(map(str, one.reply.quarantined))}")
    return Told(before, after, journal.unsent().rows, len(found), troubles(found))


def ask(data: Path, pid: int, stick: Path, terminal: str) -> Told:
    """Have the running device `pid` take the answers for `terminal` on `stick`. Raises StickTrouble."""
    inbox, said = data / _INBOX, data / _TOLD
    shutil.rmtree(inbox, ignore_errors=True)
    said.unlink(missing_ok=True)
    copy_answers(stick, terminal, inbox)
    os.kill(pid, ASK)
    deadline = time.monotonic() + WAIT_SECONDS
    while not said.exists():
        if time.monotonic() > deadline:
            raise StickTrouble(f"设备 {WAIT_SECONDS} 秒内没有回答 · the running device did not answer, see its log")
        time.sleep(0.05)
    table = json.loads(said.read_text("utf-8"))
    if "trouble" in table:
        raise StickTrouble(table["trouble"])
    return Told(**table)


def serve(data: Path, journal: Journal, key: str, alarm: Callable[[str, str], None]) -> None:
    """In the device: take what `ask` left, and say what came of it."""
    try:
        said = dict(taken(journal, data / _INBOX, key, alarm)._asdict())
    except Exception as wrong:  # whatever it is, the asker hears it and the device goes on
        said = {"trouble": str(wrong)}
    with contextlib.suppress(StickTrouble):
        write(data / _TOLD, json.dumps(said, ensure_ascii=False).encode())
    shutil.rmtree(data / _INBOX, ignore_errors=True)
