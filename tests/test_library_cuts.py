"""The counter dies between two steps, or writes a file instead of sending: each act arrives once."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sync.events import LoanSent
from sync.lending import State
from terminal.library.replay import export, replay
from terminal.ports import Moment
from terminal.training.ils.server import Server
from tests.library_counter import READER, ROOT, Make, kinds, library, make
from tests.rows import IDENTITY

__all__ = ["library", "make"]


# Koha's file


def test_a_koc_file_holds_each_act_once_and_is_closed_with_it(make: Make, tmp_path: Path) -> None:
    counter = make()
    counter.lend(READER, "typed", "B0001")
    counter.give_back("B0002")
    counter.fee(READER, 150, "00")
    written = export(counter, tmp_path / "koc", "0.1")
    assert written is not None and written.name == f"{IDENTITY.terminal}-1-1-3.koc"
    assert written.read_text() == (
        "Version=1.0\tGenerator=smk\tGeneratorVersion=0.1\n"
        f"2024-06-01 09:30:00 000\tissue\t{READER}\tB0001\n"
        "2024-06-01 09:30:00 000\treturn\tB0002\n"
        f"2024-06-01 09:30:00 000\tpayment\t{READER}\t1.50\n"
    )
    assert export(counter, tmp_path / "koc", "0.1") is None
    assert kinds(counter)[-3:] == ["Closed"] * 3


@pytest.mark.parametrize("rows", [4, 5, 6])
def test_an_export_that_was_cut_off_writes_the_same_file_or_only_closes_it(
    make: Make, tmp_path: Path, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = make()
    counter.lend(READER, "typed", "B0001")
    counter.give_back("B0002")
    keep = counter.keep

    def cut(event: object, moment: Moment) -> object:
        if counter.journal.last_seq == rows:
            raise InterruptedError
        return keep(event, moment)  # type: ignore[arg-type]

    monkeypatch.setattr(counter, "keep", cut)
    folder = tmp_path / "koc"
    if rows < 6:
        with pytest.raises(InterruptedError):
            export(counter, folder, "0.1")
    else:
        export(counter, folder, "0.1")
    counter = make()
    counter.lend(READER, "typed", "B0005")
    export(counter, folder, "0.1")
    export(counter, folder, "0.1")
    lines = [line for file in sorted(folder.iterdir()) for line in file.read_text().splitlines()[1:]]
    assert len(lines) == 3 and len(set(lines)) == 3
    assert counter.queue.open() == []


def test_what_came_after_an_export_that_was_cut_off_waits_until_it_is_finished(
    make: Make, library: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = make()
    counter.lend(READER, "typed", "B0001")
    monkeypatch.setattr("terminal.library.replay.replace_durably", _full)
    with pytest.raises(OSError, match="No space"):
        export(counter, tmp_path / "koc", "0.1")
    monkeypatch.undo()
    counter.give_back("B0001")
    counter = make(library.port)
    came = replay(counter)
    assert came.done == 0 and came.left == 2 and "smk library export" in came.away
    assert export(counter, tmp_path / "koc", "0.1") is not None
    assert replay(counter).left == 0


def test_what_follows_an_act_without_an_answer_is_not_exported_before_it(
    make: Make, library: Server, tmp_path: Path
) -> None:
    counter = make()
    first = counter.lend(READER, "typed", "B0001").seq
    counter.give_back("B0001")
    counter.give_back("B0002")
    counter.keep(LoanSent(first, "sip2"), counter.clock.read())
    written = export(counter, tmp_path / "koc", "0.1")
    assert written is not None and "B0002" in written.read_text() and "B0001" not in written.read_text()
    assert [entry.state for entry in counter.queue.open()] == [State.SENT, State.QUEUED]


def _full(_path: Path, _raw: bytes) -> None:
    raise OSError(28, "No space left on device")


# Death between sending and answer


KILLED = """
import os, signal, sys
from tests.library_counter import opened
from terminal.library.replay import replay
from pathlib import Path
counter = opened(Path(sys.argv[1]), int(sys.argv[2]))
ask = counter.client.ask
def die(question):
    answer = ask(question)
    if question.code == sys.argv[3]:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer
counter.client.ask = die
replay(counter)
"""


@pytest.mark.parametrize("act, code", [("lend", "11"), ("return", "09"), ("fee", "37")])
def test_after_kill_9_between_sending_and_answer_nothing_is_executed_twice(
    make: Make, library: Server, tmp_path: Path, act: str, code: str
) -> None:
    counter, book = make(), library.shelf.books["B0001"]
    if act == "lend":
        counter.lend(READER, "typed", "B0001")
    elif act == "return":
        book.holder = READER
        counter.give_back("B0001")
    else:
        counter.fee(READER, 150, "00")
    counter.journal.close()
    command = [sys.executable, "-c", KILLED, str(tmp_path / "journal.db"), str(library.port), code]
    killed = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    counter = make(library.port)
    assert [entry.state for entry in counter.queue.open()] == [State.SENT]
    came = replay(counter)
    assert (came.done, came.stuck) == ((0, 1) if act == "fee" else (1, 0))
    executed = (book.lent + book.renewed, book.returned, len(library.shelf.borrowers[READER].paid))
    assert executed == {"lend": (1, 0, 0), "return": (0, 1, 0), "fee": (0, 0, 1)}[act]


def test_what_was_about_to_be_asked_when_the_power_went_is_dropped_since_nobody_was_told(
    make: Make, library: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = make(library.port)
    keep = counter.keep

    def cut(event: object, moment: Moment) -> object:
        if isinstance(event, LoanSent):
            raise InterruptedError
        return keep(event, moment)  # type: ignore[arg-type]

    monkeypatch.setattr(counter, "keep", cut)
    with pytest.raises(InterruptedError):
        counter.lend(READER, "typed", "B0001")
    counter = make(library.port)
    assert counter.queue.open() == [] and kinds(counter) == ["Asked", "Closed"]
    assert library.shelf.books["B0001"].lent == 0


