"""Several faces as one: a failing one is left out, told once, and never stops a tap."""

from tariffs.verdict import Reason
from terminal.faces.fan import Fan
from terminal.faces.table import load_signals
from terminal.ports import Signal, Status

SIGNAL = load_signals().signal(Reason.FARE, 100, 300)
STATUS = Status("ready", "准备就绪", "Ready")


class Kept:
    """A face that remembers; fails from its `lasts`-th word on."""

    def __init__(self, lasts: int = 99) -> None:
        self.lasts = lasts
        self.seen: list[object] = []

    def show(self, signal: Signal) -> None:
        self._take(signal)

    def idle(self, status: Status) -> None:
        self._take(status)

    def close(self) -> None:
        self._take("close")

    def _take(self, what: object) -> None:
        if len(self.seen) >= self.lasts:
            raise RuntimeError("worn out")
        self.seen.append(what)


def test_every_face_is_told_everything_in_order() -> None:
    faces = [Kept(), Kept()]
    alarms: list[tuple[str, str]] = []
    fan = Fan(faces, lambda name, why: alarms.append((name, why)))
    fan.idle(STATUS)
    fan.show(SIGNAL)
    fan.close()
    assert [face.seen for face in faces] == [[STATUS, SIGNAL, "close"]] * 2
    assert not alarms


def test_a_face_that_fails_is_left_out_and_told_once_while_the_others_go_on() -> None:
    first, failing, last = Kept(), Kept(lasts=1), Kept()
    alarms: list[tuple[str, str]] = []
    fan = Fan([first, failing, last], lambda name, why: alarms.append((name, why)))
    for _ in range(3):
        fan.show(SIGNAL)
    fan.close()
    assert alarms == [("Kept", "worn out")]
    assert first.seen == last.seen == [SIGNAL, SIGNAL, SIGNAL, "close"]
    assert failing.seen == [SIGNAL]


def test_a_face_that_cannot_be_closed_does_not_keep_the_next_open() -> None:
    last = Kept()
    Fan([Kept(lasts=0), last], lambda name, why: None).close()
    assert last.seen == ["close"]
