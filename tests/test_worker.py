"""The sync thread: everything arrives once, whatever the network does, and no tap waits for it."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sync.backend.service import Backend
from sync.batch import Batch, unpack
from sync.condition import Condition
from sync.errors import JournalError
from sync.journal import Journal
from sync.limits import BATCH_ROWS_MAX
from sync.link import HttpAnswer, Link, LinkDown
from sync.session import Answer, Unclear
from sync.worker import Worker, enrol
from tests.rows import AT, HELD, IDENTITY, done, held
from tests.serving import KEYS, NOW, counts, found, serving, tac_of, wait_until
from tests.test_link import answering


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Failures are tried again at once."""
    monkeypatch.setattr("sync.session.pause_seconds", lambda tries, chance, asked=0: 0.01)
    monkeypatch.setattr("sync.session.RETRY_SECONDS_MAX", 0.01)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal.open(tmp_path / "journal.db", IDENTITY, "boot")
    yield opened
    opened.close()


class Running:
    """A worker that is running, and what it told."""

    def __init__(self, journal: Journal, link: Any) -> None:
        self.versions: list[dict[str, str]] = []
        self.alarms: list[tuple[str, str]] = []
        self.worker = Worker(journal, link, self.versions.append, self.alarm)

    def alarm(self, what: str, detail: str) -> None:
        self.alarms.append((what, detail))

    def __enter__(self) -> "Running":
        self.worker.start()
        return self

    def __exit__(self, *_wrong: object) -> None:
        assert self.worker.stop(10)


class Scripted:
    """A link that answers as it is told, in place of a network."""

    def __init__(self, *answers: HttpAnswer | LinkDown | Callable[[bytes], HttpAnswer]) -> None:
        self.answers = list(answers)
        self.asked = 0

    def post(self, _path: str, body: bytes, _encoding: str = "") -> HttpAnswer:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, LinkDown):
            raise answer
        return answer if isinstance(answer, HttpAnswer) else answer(body)

    def close(self) -> None:
        pass


def taps(journal: Journal, number: int, first: int = 0) -> None:
    for counter in range(first, first + number):
        row = journal.hold(held(counter=counter), AT, "rtc", 0)
        journal.keep(done(row.seq, tac_of(held(counter=counter))), AT, "rtc", 0)


def all_sent(journal: Journal) -> Callable[[], bool]:
    return lambda: journal.acknowledged == journal.last_seq


def test_what_lies_in_the_journal_and_every_new_tap_arrive(journal: Journal, tmp_path: Path) -> None:
    taps(journal, BATCH_ROWS_MAX)
    with serving(tmp_path / "served", versions={"pack": "p1"}) as address:
        link = Link(address)
        assert enrol(link, "00330401") == IDENTITY
        with Running(journal, link) as running:
            wait_until(all_sent(journal))
            taps(journal, 2, BATCH_ROWS_MAX)
            running.worker.wake()
            wait_until(all_sent(journal))
            wait_until(lambda: running.worker.standing().unsent.rows == 0)
            standing = running.worker.standing()
    assert (standing.online, standing.trouble, standing.stranded) == (True, "", False)
    assert standing.server_time == NOW and standing.last_contact
    assert running.versions == [{"pack": "p1"}] and running.alarms == []
    backend = Backend(tmp_path / "served", KEYS, lambda: NOW)
    assert counts(backend) == {"done": BATCH_ROWS_MAX + 2}
    backend.close()


def test_a_backend_that_does_not_know_conditions_gets_the_rows_without(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.worker.CONDITION_SECONDS", 0)
    sent: list[Batch] = []

    def older(body: bytes) -> HttpAnswer:
        sent.append(batch := unpack(body))
        if batch.condition is not None:
            return HttpAnswer(400, "", b'{"problem":"bad_batch","detail":"unknown field state"}')
        told = Answer(batch.terminal, batch.epoch, batch.last, batch.last + 1, NOW)
        return HttpAnswer(200, "", msgspec.json.encode(told))

    taps(journal, 1)
    worker = Worker(journal, Scripted(older), print, print, condition=lambda: Condition(AT, "rtc", 2))  # type: ignore[arg-type]
    worker.ask()
    worker.session.due()
    worker.ask()
    assert [batch.condition is not None for batch in sent] == [True, False]
    assert journal.acknowledged == journal.last_seq


def test_an_absent_backend_is_said_and_catches_up_when_it_is_there(journal: Journal, tmp_path: Path) -> None:
    with serving(tmp_path / "served") as address:
        assert enrol(Link(address), "00330401") == IDENTITY
    taps(journal, 3)
    with Running(journal, Link(address)) as running:
        wait_until(lambda: running.worker.standing().online is False)
        assert running.worker.standing().unsent.rows == 6 and "127.0.0.1" in running.worker.standing().trouble
        with serving(tmp_path / "served", port=int(address.rsplit(":", 1)[1])):
            wait_until(all_sent(journal))
            wait_until(lambda: running.worker.standing().trouble == "")


def test_a_backend_restored_from_an_old_copy_gets_the_rows_again(journal: Journal, tmp_path: Path) -> None:
    backend = Backend(tmp_path / "old", KEYS, lambda: NOW)
    assert backend.enrol("00330401").epoch == 1
    backend.close()
    taps(journal, 4)
    journal.acknowledge(6)  # as another, newer backend once said
    with serving(tmp_path / "old") as address, Running(journal, Link(address)):
        wait_until(lambda: found_rows(tmp_path / "old") == 8)
        wait_until(all_sent(journal))


def found_rows(data: Path) -> int:
    backend = Backend(data, KEYS, lambda: NOW)
    try:
        return int(found(backend)["rows"])
    finally:
        backend.close()


def test_answers_of_other_machines_change_nothing_and_do_not_stop_it(journal: Journal) -> None:
    taps(journal, 1)
    link = Scripted(
        HttpAnswer(200, "", b"<html>Sign in</html>"),
        HttpAnswer(502, "", b""),
        HttpAnswer(413, "", b""),
        LinkDown("no route"),
        HttpAnswer(200, "", b'{"terminal":"00330401","epoch":1,"ack_through":2,"want_from":3,"server_time":""}'),
    )
    with Running(journal, link) as running:
        wait_until(all_sent(journal))
        wait_until(lambda: running.worker.standing().online)
    assert link.asked >= 5


def test_a_network_that_lies_cuts_and_hangs_up_only_delays_the_rows(journal: Journal) -> None:
    taps(journal, 1)
    ours = b'{"terminal":"00330401","epoch":1,"ack_through":2,"want_from":3,"server_time":""}'
    answers = (
        http_answer(200, b"<html>Sign in to the hotel</html>"),
        http_answer(503, b"busy"),
        http_answer(200, ours)[:-1],
        http_answer(200, ours)[:20],
        b"",
        http_answer(200, ours),
    )
    with answering(*answers, closing=True) as (address, requests), Running(journal, Link(address)) as running:
        wait_until(all_sent(journal))
        wait_until(lambda: running.worker.standing().trouble == "")
    bodies = [request.partition(b"\r\n\r\n")[2] for request in requests]
    assert [unpack(body).first for body in bodies] == [1] * len(answers), "nothing was taken for an acknowledgement"
    assert running.alarms == []


def http_answer(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d Said\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


@pytest.mark.parametrize(
    "answer",
    [
        HttpAnswer(409, "", b'{"problem":"not_enrolled","detail":"epoch 1"}'),
        HttpAnswer(200, "", b'{"terminal":"00330401","epoch":1,"ack_through":99,"want_from":100,"server_time":""}'),
    ],
)
def test_a_stranded_terminal_says_so_once_and_keeps_asking(journal: Journal, answer: HttpAnswer) -> None:
    taps(journal, 1)
    link = Scripted(answer)
    with Running(journal, link) as running:
        wait_until(lambda: link.asked > 3)
        wait_until(lambda: running.worker.standing().stranded)
        assert running.worker.standing().trouble
    assert [what for what, _ in running.alarms] == ["stranded"] and journal.acknowledged == 0


def test_quarantined_rows_are_an_alarm(journal: Journal) -> None:
    taps(journal, 1)
    body = b'{"terminal":"00330401","epoch":1,"ack_through":2,"want_from":3,"server_time":"","quarantined":[1,2]}'
    with Running(journal, Scripted(HttpAnswer(200, "", body))) as running:
        wait_until(lambda: running.alarms)
    assert running.alarms == [("quarantined", "rows 1, 2")]


def test_a_journal_that_cannot_be_read_does_not_end_the_sending(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    taps(journal, 1)
    answer = HttpAnswer(200, "", b'{"terminal":"00330401","epoch":1,"ack_through":2,"want_from":3,"server_time":""}')

    def fails(*_arguments: object) -> None:
        raise JournalError("the disk fails")

    monkeypatch.setattr(journal, "rows", fails)
    with Running(journal, Scripted(answer)) as running:
        wait_until(lambda: "the disk fails" in running.worker.standing().trouble)
        monkeypatch.undo()
        wait_until(all_sent(journal))


def test_an_alarm_that_cannot_be_kept_does_not_end_the_sending(journal: Journal) -> None:
    taps(journal, 1)
    body = b'{"terminal":"00330401","epoch":1,"ack_through":2,"want_from":3,"server_time":"","quarantined":[1]}'
    link = Scripted(HttpAnswer(200, "", body))

    def full(_what: str, _detail: str) -> None:
        raise JournalError("the disk is full")

    worker = Worker(journal, link, lambda _versions: None, full)  # type: ignore[arg-type]
    worker.start()
    wait_until(lambda: "the disk is full" in worker.standing().trouble)
    worker.wake()
    wait_until(lambda: link.asked >= 2)
    assert worker.stop(10)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_mistake_of_ours_in_the_sync_thread_is_seen_on_the_screen(journal: Journal) -> None:
    def breaks(_body: bytes) -> HttpAnswer:
        raise ZeroDivisionError

    with Running(journal, Scripted(breaks)) as running:
        wait_until(lambda: "restart the device" in running.worker.standing().trouble)
        assert running.worker.standing().online is False


def test_a_tap_never_waits_for_a_backend_that_hangs(journal: Journal) -> None:
    """The backend holds its answer back until the taps are done: had one waited, nothing would ever end."""
    taps(journal, 1)
    go_on = threading.Event()

    def hangs(_body: bytes) -> HttpAnswer:
        assert go_on.wait(30)
        return HttpAnswer(503, "", b"")

    link = Scripted(hangs)
    with Running(journal, link) as running:
        wait_until(lambda: link.asked == 1)
        taps(journal, 20, 1)
        running.worker.wake()
        assert running.worker.standing().unsent.rows == 42
        go_on.set()


def test_it_stops_at_once_out_of_every_state(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync.session.pause_seconds", lambda tries, chance, asked=0: 3_600)
    calm = b'{"terminal":"00330401","epoch":1,"ack_through":0,"want_from":1,"server_time":""}'
    for answer in (HttpAnswer(200, "", calm), HttpAnswer(500, "", b"")):
        link = Scripted(answer)
        with Running(journal, link):
            wait_until(lambda link=link: link.asked == 1)  # type: ignore[misc]
            time.sleep(0.02)


def test_enrolment_gives_no_identity_where_no_backend_answers(tmp_path: Path) -> None:
    assert isinstance(enrol(Scripted(HttpAnswer(200, "", b"hello")), "00330401"), Unclear)  # type: ignore[arg-type]
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(LinkDown):
        enrol(Link(f"http://127.0.0.1:{port}"), "00330401")


def test_amounts_on_the_screen_are_those_not_yet_sent(journal: Journal) -> None:
    taps(journal, 2)
    worker = Worker(journal, Scripted(LinkDown("x")), print, print)  # type: ignore[arg-type]
    assert worker.standing().online is None and worker.standing().unsent == (4, 2 * HELD.amount, AT)
