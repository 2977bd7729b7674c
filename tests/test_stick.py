"""Records go to the backend on a stick and its answers come back: all of it once, whatever happens to the stick."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from config.store import sample
from sync.backend.operator import Operator
from sync.backend.service import Backend
from sync.batch import BadBatch
from sync.carried import BadCarried, new_key, public_of, seal, unseal
from sync.chain import Identity
from sync.journal import Journal
from sync.session import Accepted
from sync.stick import Parcel, Taken, acknowledged, parcels, read_batch, terminals
from terminal import cli, identity, sticks
from terminal.commands.device import PID, SNAPSHOT
from tests.rows import AT, IDENTITY, done, held
from tests.serving import KEYS, NOW, counts, serving, tac_of

WHO = Identity("00000001", 1, 1)
JOURNAL = Path("data/journal.db")
ROWS = 6
"""Two batches of at most BATCH."""
BATCH = 4


@pytest.fixture
def stick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty stick beside a parked device with ROWS unsent rows, and its configuration that knows the backend."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sync.stick.BATCH_ROWS_MAX", BATCH)
    key = Operator(Path("served")).stick_key
    Path("terminal.toml").write_text(
        sample().replace('"/var/lib/smk"', '"data"').replace('stick_key = ""', f'stick_key = "{key}"'), "utf-8"
    )
    identity.keep(Path("data"), WHO)
    with journal() as opened:
        taps(opened, ROWS // 2)
    (tmp_path / "usb").mkdir()
    return tmp_path / "usb"


@contextmanager
def journal() -> Iterator[Journal]:
    with closing(Journal.open(JOURNAL, WHO, "boot")) as opened:
        yield opened


def taps(opened: Journal, number: int) -> None:
    for counter in range(number):
        row = opened.hold(held(counter=counter), AT, "rtc", 0)
        opened.keep(done(row.seq, tac_of(held(counter=counter))), AT, "rtc", 0)


def smk(*words: object, status: int = 0) -> str:
    result = CliRunner().invoke(cli.main, list(map(str, words)))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == status, result.output
    return result.output


def export(stick: Path, status: int = 0) -> str:
    return smk("sync", "export", "terminal.toml", stick, status=status)


def office(stick: Path, *more: str, status: int = 0) -> str:
    with serving(Path("served")) as address:
        return smk("backend", "import", stick, "--data", "served", "--backend", address, *more, status=status)


def bring_back(stick: Path, status: int = 0) -> str:
    return smk("sync", "import", "terminal.toml", stick, status=status)


def acknowledged_now() -> int:
    with journal() as opened:
        return opened.acknowledged


def at_the_backend() -> dict[str, int]:
    with closing(Backend(Path("served"), KEYS, lambda: NOW)) as backend:
        return counts(backend)


def files(stick: Path) -> dict[str, bytes]:
    return {str(one.relative_to(stick)): one.read_bytes() for one in stick.rglob("*") if one.is_file()}


def test_a_stick_makes_its_round_and_every_row_is_at_the_backend_once(stick: Path) -> None:
    said = export(stick)
    assert f"{ROWS} rows in 2 files" in said and "smk backend import" in said
    assert sorted(files(stick)) == ["smk-sync/00000001/1-1-4.batch", "smk-sync/00000001/1-5-6.batch"]
    assert f"{ROWS} rows answered" in office(stick, "--enrol")
    assert f"acknowledged up to row {ROWS} (before: 0), 0 unsent" in bring_back(stick)
    assert acknowledged_now() == ROWS and at_the_backend() == {"done": ROWS // 2}


def test_each_step_done_twice_changes_nothing(stick: Path) -> None:
    export(stick)
    first = files(stick)
    export(stick)
    assert files(stick) == first
    office(stick, "--enrol")
    answered = files(stick)
    office(stick)
    assert files(stick).keys() == answered.keys() and at_the_backend() == {"done": ROWS // 2}
    bring_back(stick)
    assert f"up to row {ROWS} (before: {ROWS})" in bring_back(stick)


def test_the_next_trip_carries_only_what_is_new_and_clears_the_old_away(stick: Path) -> None:
    export(stick)
    office(stick, "--enrol")
    bring_back(stick)
    with journal() as opened:
        taps(opened, 1)
    assert "2 rows in 1 files" in (said := export(stick)) and "removed 2 files" in said
    assert list(files(stick)) == ["smk-sync/00000001/1-7-8.batch"]


def test_an_unknown_terminal_is_taken_only_when_a_person_says_so(stick: Path) -> None:
    export(stick)
    office(stick)
    said = bring_back(stick, status=1)
    assert "not enrolled" in said and acknowledged_now() == 0
    office(stick, "--enrol")
    bring_back(stick)
    assert acknowledged_now() == ROWS


def torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def altered(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def a_link(path: Path) -> None:
    other = path.with_name("other")
    path.rename(other)
    path.symlink_to(other)


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def too_long(path: Path) -> None:
    path.write_bytes(bytes(3_000_000))


HARMS = pytest.mark.parametrize("harm", [torn, altered, a_link, a_pipe, too_long])


@HARMS
def test_a_damaged_batch_is_refused_by_name_and_the_others_are_taken(
    stick: Path, harm: Callable[[Path], None]
) -> None:
    export(stick)
    harm(stick / "smk-sync/00000001/1-5-6.batch")
    said = office(stick, "--enrol", status=1)
    assert "refused 00000001/1-5-6.batch" in said and f"{BATCH} rows answered" in said
    bring_back(stick)
    assert acknowledged_now() == BATCH
    export(stick)
    office(stick)
    bring_back(stick)
    assert acknowledged_now() == ROWS and at_the_backend() == {"done": ROWS // 2}


@HARMS
def test_a_damaged_answer_acknowledges_nothing(stick: Path, harm: Callable[[Path], None]) -> None:
    export(stick)
    office(stick, "--enrol")
    harm(stick / "smk-sync/00000001/1-1-4.answer")
    said = bring_back(stick, status=1)
    assert "1-1-4.batch: " in said
    assert acknowledged_now() == ROWS, "the later answer is cumulative"
    harm(stick / "smk-sync/00000001/1-5-6.answer")
    with journal() as opened:
        opened.acknowledge(0)
    bring_back(stick, status=1)
    assert acknowledged_now() == 0


def test_an_answer_that_another_key_signed_or_another_batch_got_is_not_believed(stick: Path) -> None:
    export(stick)
    office(stick, "--enrol")
    folder = stick / "smk-sync/00000001"
    batch = (folder / "1-1-4.batch").read_bytes()
    _, body = unseal(
        bytes.fromhex(Operator(Path("served")).stick_key), batch, (folder / "1-1-4.answer").read_bytes()
    )
    (folder / "1-1-4.answer").write_bytes(seal(new_key(), batch, 200, body))
    (folder / "1-5-6.answer").write_bytes(Path(folder / "1-1-4.answer").read_bytes())
    said = bring_back(stick, status=1)
    assert "not signed by this terminal's backend" in said and "another batch" in said
    assert acknowledged_now() == 0


def test_rows_of_a_device_that_bears_the_same_name_acknowledge_nothing(stick: Path) -> None:
    export(stick)
    office(stick, "--enrol")
    JOURNAL.unlink()
    with journal() as other:
        for counter in range(ROWS):
            other.hold(held(counter=counter, amount=7), AT, "rtc", 0)
    assert "another device bears its name" in bring_back(stick, status=1)
    assert acknowledged_now() == 0


def test_without_the_backends_key_no_answer_is_taken_and_it_is_said_what_to_do(stick: Path) -> None:
    export(stick)
    office(stick, "--enrol")
    file = Path("terminal.toml")
    file.write_text("\n".join(line for line in file.read_text().splitlines() if not line.startswith("stick_key")))
    assert "smk backend stick-key" in bring_back(stick, status=1)
    assert smk("backend", "stick-key", "--data", "served").strip() == Operator(Path("served")).stick_key


def test_only_who_reads_the_operators_token_may_import(stick: Path) -> None:
    export(stick)
    with serving(Path("served")) as address:
        Path("stranger").mkdir()
        (Path("stranger") / "operator.token").write_text("0" * 64)
        said = smk("backend", "import", stick, "--data", "stranger", "--backend", address, "--enrol", status=1)
    assert "HTTP 401" in said and at_the_backend() == {}
    assert Path("served/operator.token").stat().st_mode & 0o077 == Path("served/stick.key").stat().st_mode & 0o077 == 0


def test_a_folder_that_is_a_link_is_neither_read_nor_written(stick: Path) -> None:
    elsewhere = stick.parent / "elsewhere"
    elsewhere.mkdir()
    (stick / "smk-sync").symlink_to(elsewhere)
    assert terminals(stick) == []
    assert "is a link" in export(stick, status=1)
    assert list(elsewhere.rglob("*.batch")) == []


def test_a_stick_that_cannot_be_written_is_said_and_nothing_is_lost(
    stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sync.stick.os.fsync", full)
    assert "No space left on device" in export(stick, status=1)
    monkeypatch.setattr("sync.stick.os.fsync", lambda handle: None)
    assert [one.file.name for one in parcels(stick / "smk-sync/00000001")] == []
    assert f"{ROWS} rows" in export(stick)


def test_a_batch_under_a_wrong_name_is_refused(stick: Path) -> None:
    export(stick)
    folder = stick / "smk-sync/00000001"
    (folder / "1-1-4.batch").rename(folder / "1-1-3.batch")
    with pytest.raises(BadBatch, match="its name says otherwise"):
        read_batch(Parcel(folder, 1, 1, 3))


def test_a_running_device_gives_a_snapshot_and_takes_the_answers_itself(stick: Path) -> None:
    """The test is the device here: it holds the journal open and hears the signals that smk run hears."""
    alarms: list[tuple[str, str]] = []
    key = Operator(Path("served")).stick_key
    data = Path("data").absolute()
    with journal() as opened:
        before = {
            signal.SIGUSR1: signal.signal(signal.SIGUSR1, lambda *_: opened.snapshot(data / SNAPSHOT)),
            sticks.ASK: signal.signal(
                sticks.ASK, lambda *_: sticks.serve(data, opened, key, lambda *said: alarms.append(said))
            ),
        }
        (data / PID).write_text(str(os.getpid()))
        try:
            assert f"{ROWS} rows in 2 files" in export(stick)
            office(stick, "--enrol")
            told = json.loads(smk("sync", "import", "terminal.toml", stick, "--json"))
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        assert told == {"before": 0, "after": ROWS, "unsent": 0, "answers": 2, "troubles": []}
        assert opened.acknowledged == ROWS and not (data / "stick").exists() and alarms == []


def accepted(first: int, last: int, ack: int) -> Taken:
    return Taken(Parcel(Path("t"), 1, first, last), Accepted(min(ack, last), {}, (), "", 0))


def test_old_answers_change_nothing_and_a_restored_backend_is_followed() -> None:
    assert acknowledged(600, [accepted(1, 200, 200), accepted(201, 400, 400)]) == 600
    assert acknowledged(0, [accepted(1, 200, 200), accepted(201, 400, 400)]) == 400
    assert acknowledged(400, [accepted(401, 600, 150)]) == 150, "the backend was restored: it wants rows again"


@given(st.binary(max_size=200), st.binary(max_size=50), st.integers(200, 599))
def test_only_the_signed_answer_to_this_batch_is_unsealed(batch: bytes, words: bytes, status: int) -> None:
    private, body = new_key(), json.dumps({"said": words.hex()}).encode()
    raw = seal(private, batch, status, body)
    assert unseal(public_of(private), batch, raw) == (status, body)
    for public, other in ((public_of(new_key()), batch), (public_of(private), batch + b"x")):
        with pytest.raises(BadCarried):
            unseal(public, other, raw)


def test_parcels_of_another_epoch_are_not_ours(tmp_path: Path) -> None:
    folder = tmp_path / "smk-sync" / IDENTITY.terminal
    folder.mkdir(parents=True)
    for name in ("1-1-4.batch", "1-1-4.batch.new", "2-1-9.batch", "01-1-9.batch", "1-0-9.batch", "notes.txt"):
        (folder / name).touch()
    assert [(one.epoch, one.first, one.last) for one in parcels(folder)] == [(1, 1, 4), (2, 1, 9)]
    assert parcels(tmp_path / "none") == []
