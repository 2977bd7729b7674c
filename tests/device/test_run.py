"""`smk run` in its own process: signals, new packs and lists, a second device, and what it says of what is missing."""

import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

import config
from apdu.virtual import remote
from apdu.virtual.spec import CardSpec
from apdu.virtual.timing import Timing
from config import parse
from config.blacklist import build
from config.hotlist import HotList
from config.model import Configuration, HotListFile, Psam, Reader, Sync, Tariff
from sync.closed import read_closed
from sync.events import Alarm, AnyEvent, Done, Held, Refused
from sync.record import decode
from terminal.drivers.clock import CHINA
from tests.device.process import Running, send_all, smk
from tests.device.rig import Backend, books, configuration, eventually
from tests.serving import Office

numbers = count(7_001)
SHIPPED = Path(config.__file__).parent / "defaults" / "packs" / "jiaxing"


@pytest.fixture
def told(chips: remote.Virtual, backend: Backend, tmp_path: Path) -> Configuration:
    """A configuration with a pack of its own, which the test may damage."""
    shutil.copytree(SHIPPED, tmp_path / "pack")
    made = configuration(tmp_path / "data", f"{next(numbers):08d}", chips.udp_path, backend.address)
    return replace(made, tariff=Tariff(str(tmp_path / "pack")))


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    """Starts devices; none outlives the test."""
    running: list[Running] = []

    def started(told: Configuration, **given: Any) -> Running:
        running.append(Running(told, **given))
        return running[-1]

    yield started
    for device in running:
        if device.process.poll() is None:
            device.end(signal.SIGKILL)


@pytest.fixture
def card(chips: remote.Virtual, told: Configuration) -> Callable[[], str]:
    """Issues cards."""
    serials = count(int(told.terminal.number) * 10_000)

    def issued() -> str:
        spec = CardSpec(f"{next(serials):016d}", balance_fen=10_000)
        return chips.remote.add(spec, spec.number20)

    return issued


def events(told: Configuration) -> list[AnyEvent]:
    """What the closed journal holds."""
    return [decode(row.raw).event for row in read_closed(Path(told.terminal.data) / "journal.db")[1]]


Start = Callable[..., Running]
Issue = Callable[[], str]


def test_a_stop_in_the_middle_of_a_tap_ends_the_tap_first(
    chips: remote.Virtual, told: Configuration, start: Start, card: Issue
) -> None:
    device = start(told)
    device.ready()
    chips.remote.wtx(59, ins="54")
    chips.remote.timing(Timing(card_ms={0x54: 200}))
    chips.remote.counts(reset=True)
    rider = card()
    chips.remote.enter(rider)
    assert eventually(lambda: "54" in chips.remote.counts()["card"])
    assert device.end() == 0
    chips.remote.timing(None)
    chips.remote.leave()
    held, done = events(told)[-2:]
    assert isinstance(held, Held) and isinstance(done, Done) and done.by == "debit"
    assert device.said("票价")  # and its rider was told
    assert not (device.data / "smk.pid").exists()


def test_a_device_runs_for_the_seconds_it_was_given(told: Configuration, start: Start) -> None:
    start(told).end()
    assert smk("run", "--plain", "--seconds", "0.5", Path(told.terminal.data).with_suffix(".toml")).returncode == 0
    assert smk("journal", "verify", Path(told.terminal.data) / "journal.db").returncode == 0


def test_a_second_device_on_the_same_data_is_turned_away_and_the_first_goes_on(
    chips: remote.Virtual, told: Configuration, start: Start, card: Issue
) -> None:
    device = start(told)
    device.ready()
    second = smk("run", "--plain", device.file)
    assert second.returncode == 1
    assert "JournalInUse" in second.stderr and "stop that one" in second.stderr and "Traceback" not in second.stderr
    assert "1.00" in device.tap(chips.remote, card())
    assert (device.data / "smk.pid").read_text() == str(device.process.pid)


def test_a_hang_up_takes_a_new_pack_and_a_new_hot_list_into_force(
    chips: remote.Virtual, told: Configuration, start: Start, card: Issue, tmp_path: Path
) -> None:
    listed = card()
    today = datetime.now(CHINA).date()
    file = tmp_path / f"{today:%Y%m%d}_Black.txt"
    file.write_bytes(build(HotList(today, [])))
    told = replace(told, hot_list=HotListFile(str(file)))
    device = start(told)
    device.ready()
    device.tap(chips.remote, card())
    pack = tmp_path / "pack" / "pack.toml"
    pack.write_text(pack.read_text("utf-8").replace('version = "', 'version = "second-'), "utf-8")
    file.write_bytes(build(HotList(today, [(listed, 0)])))
    device.process.send_signal(signal.SIGHUP)
    assert device.logged("second-")
    assert "✗" in device.tap(chips.remote, listed)
    device.tap(chips.remote, card())
    assert device.end() == 0
    before, after = [event.service for event in events(told) if isinstance(event, Held)]
    assert after.pack == "second-" + before.pack
    assert [event.reason for event in events(told) if isinstance(event, Refused)] == ["hot_listed"]


def test_a_damaged_pack_leaves_the_old_one_in_force_with_a_message_and_an_alarm_row(
    chips: remote.Virtual, told: Configuration, start: Start, card: Issue, tmp_path: Path
) -> None:
    device = start(told)
    device.ready()
    (tmp_path / "pack" / "fare_products.txt").write_bytes(b"\xff\x00 nonsense")
    device.process.send_signal(signal.SIGHUP)
    assert device.logged("pack_not_taken") and device.logged("fare_products.txt")
    assert "1.00" in device.tap(chips.remote, card())
    assert device.end() == 0
    again = start(told)  # and so does a start
    again.ready()
    assert again.logged("pack_not_taken")
    assert "1.00" in again.tap(chips.remote, card())
    assert again.end() == 0
    alarms = [event for event in events(told) if isinstance(event, Alarm)]
    assert [alarm.what for alarm in alarms] == ["pack_not_taken"] * 2
    assert all("fare_products.txt" in alarm.detail for alarm in alarms)


def test_a_damaged_pack_on_a_new_device_says_every_fault_and_what_to_do(told: Configuration, tmp_path: Path) -> None:
    (tmp_path / "pack" / "pack.toml").write_text("version = 3", "utf-8")
    file = tmp_path / "terminal.toml"
    file.write_text(parse.build(told), "utf-8")
    refused = smk("run", "--plain", file)
    assert refused.returncode == 1
    assert str(tmp_path / "pack") in refused.stderr and "Traceback" not in refused.stderr
    assert "What to do" in refused.stderr


def test_a_snapshot_of_a_running_device_is_a_whole_journal_that_sqlite_utils_reads(
    chips: remote.Virtual, told: Configuration, start: Start, card: Issue
) -> None:
    device = start(told)
    device.ready()
    device.tap(chips.remote, card())
    device.process.send_signal(signal.SIGUSR1)
    snapshot = device.data / "snapshot.db"
    assert eventually(snapshot.exists)
    kinds = [row["kind"] for row in Database(snapshot)["row"].rows]
    assert kinds == ["STARTED", "HELD", "DONE"]
    assert smk("journal", "verify", snapshot).returncode == 0
    assert smk("journal", "verify", device.data / "journal.db").returncode == 1  # the live one is not for others
    assert "1.00" in device.tap(chips.remote, card())
    device.process.send_signal(signal.SIGUSR1)
    assert eventually(lambda: Database(snapshot)["row"].count == 5)


def test_a_running_device_sends_its_rows_by_stick_and_takes_the_answers(
    chips: remote.Virtual, told: Configuration, start: Start, card: Issue, tmp_path: Path
) -> None:
    office = Office(tmp_path / "office")
    device = start(replace(told, sync=Sync("", office.stick_key)))
    device.ready()
    device.tap(chips.remote, card())
    stick = tmp_path / "usb"
    stick.mkdir()
    exported = smk("sync", "export", device.file, stick)
    assert "3 rows in 1 files" in exported.stdout, exported.stdout + exported.stderr
    assert office.answer(stick, told.terminal.number) == 1
    imported = smk("sync", "import", device.file, stick)
    assert "acknowledged up to row 3 (before: 0), 0 unsent" in imported.stdout, imported.stdout + imported.stderr
    assert "1.00" in device.tap(chips.remote, card())
    assert device.end() == 0


@pytest.mark.parametrize(
    "change, words",
    [
        ({"reader": Reader("udp:127.0.0.1:64999", 40)}, "smk virtual"),
        ({"reader": Reader("tty:NONE:pn532", 40)}, "path"),
        ({"psam": Psam("No Such Reader")}, "Virtual PCD"),
    ],
)
def test_a_missing_reader_is_told_with_what_to_do_and_the_device_waits_for_it(
    told: Configuration, start: Start, change: dict[str, Any], words: str
) -> None:
    device = start(replace(told, **change))
    assert "暂停服务" in device.said("暂停服务")
    assert device.logged(words), device.log
    assert device.end() == 0
    assert not any("Traceback" in line for line in device.log)


# enrolment


def test_a_device_that_was_killed_is_enrolled_anew_and_its_old_journal_keeps_every_row(
    chips: remote.Virtual, told: Configuration, backend: Backend, start: Start, card: Issue
) -> None:
    device = start(told)
    device.ready()
    device.tap(chips.remote, card())
    device.end(signal.SIGKILL)
    answer = smk("enrol", "--json", device.file)
    assert answer.returncode == 0, answer.stderr
    assert '"epoch": 2' in answer.stdout
    kept = device.data / "journal-before-epoch-2.db"
    kinds = [str(type(decode(row.raw).event).__struct_config__.tag) for row in read_closed(kept)[1]]
    assert kinds == ["STARTED", "HELD", "DONE"]
    again = start(told)
    again.ready()
    assert "1.00" in again.tap(chips.remote, card())
    assert again.end() == 0
    assert [type(event) for event in events(told)][1:] == [Held, Done]


def test_a_running_device_is_not_enrolled(told: Configuration, start: Start) -> None:
    device = start(told)
    device.ready()
    refused = smk("enrol", device.file)
    assert refused.returncode == 1 and "stop" in refused.stderr and "Traceback" not in refused.stderr


def test_a_device_that_began_without_its_backend_keeps_its_rows_when_it_is_enrolled(
    chips: remote.Virtual, told: Configuration, backend: Backend, start: Start, card: Issue
) -> None:
    offline = start(replace(told, sync=replace(told.sync, backend="http://127.0.0.1:9")))
    offline.ready()
    rider = card()
    offline.tap(chips.remote, rider)
    assert offline.end() == 0
    offline.file.write_text(parse.build(told), "utf-8")
    assert smk("enrol", offline.file).returncode == 0
    journal = offline.data / "journal.db"
    send_all(journal, backend.address)
    found = books(chips.remote, {rider}, journal, backend)
    assert found.balanced, found.lines("en")
    assert any(isinstance(event, Held) for event in events(told))


# looking at the chips


def test_a_card_and_the_psam_are_shown_and_nothing_is_taken(
    chips: remote.Virtual, told: Configuration, start: Start, card: Issue, tmp_path: Path
) -> None:
    start(told).end()
    file = Path(told.terminal.data).with_suffix(".toml")
    rider = card()
    chips.remote.enter(rider)
    shown = smk("card", "--json", "--record", tmp_path / "spoken.json", file)
    chips.remote.leave()
    assert shown.returncode == 0, shown.stderr
    assert '"profile": "jiaxing"' in shown.stdout and '"balance_fen": 10000' in shown.stdout
    assert rider not in shown.stdout
    assert '"to": "card"' in (tmp_path / "spoken.json").read_text("utf-8")
    assert chips.remote.memory()["cards"][rider]["balance_fen"] == 10_000
    psam = smk("psam", "--json", file)
    assert psam.returncode == 0 and '"number": "314000000001"' in psam.stdout
    nobody = smk("card", "--seconds", "0.2", file)
    assert nobody.returncode == 1 and "no card in the field" in nobody.stderr


def test_a_psam_that_is_pulled_out_is_told_by_the_command_that_looks_at_it(
    chips: remote.Virtual, told: Configuration, start: Start
) -> None:
    start(told).end()
    chips.remote.psam_unplug()
    looked = smk("psam", Path(told.terminal.data).with_suffix(".toml"))
    assert chips.remote.psam_plug()
    assert looked.returncode == 1 and "push the PSAM in" in looked.stderr and "Traceback" not in looked.stderr
