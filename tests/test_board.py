"""The signal board on a serial line, played by the other end of a pseudo-terminal."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from terminal.drivers import outlet
from terminal.drivers.board import SerialBoard
from terminal.drivers.latest import Latest
from terminal.ports import Light, Signal, Status
from tests.lines import Line

PAID = Signal("paid", Light.GREEN, "check", ".-", "paid", "谢谢", "Thank you")
REFUSED = Signal("hot_listed", Light.RED, "cross", "---", "refused", "无效卡", "Card not valid")


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    made = Line(tmp_path)
    yield made
    made.unplug()


@pytest.fixture
def board(line: Line, monkeypatch: pytest.MonkeyPatch) -> Iterator[SerialBoard]:
    monkeypatch.setattr(outlet, "LINE_OPEN_S", 0.02)
    made = SerialBoard(str(line.path))
    yield made
    made.close()


def test_a_signal_is_lamp_shape_buzzer_and_both_headlines(board: SerialBoard, line: Line) -> None:
    board.show(PAID)
    heard = line.read_until(b"T en Thank you")
    assert heard.decode() == "L GREEN check\r\nB .-\r\nT zh 谢谢\r\nT en Thank you\r\n"


def test_idle_is_sent_when_it_changes_and_again_after_a_signal(board: SerialBoard, line: Line) -> None:
    ready = Status("open", "请刷卡", "Tap your card")
    for _ in range(5):
        board.idle(ready)
    board.show(PAID)
    board.idle(ready)
    heard = line.read_until(b"T en Thank you") + line.read_until(b"T en Tap your card")
    assert heard.count(b"I open\r\n") == 2


def test_text_cannot_break_the_protocol(board: SerialBoard, line: Line) -> None:
    board.show(Signal("x", Light.RED, "", "", "", "a\r\nL GREEN check", "b\x1b\ud800"))
    assert line.read_until(b"T en b  ") == b"L RED -\r\nT zh a  L GREEN check\r\nT en b  \r\n"


def test_a_board_that_was_unplugged_is_opened_again_and_told_the_newest(board: SerialBoard, line: Line) -> None:
    board.show(PAID)
    line.read_until(b"T en Thank you")
    line.unplug()
    board.show(REFUSED)
    board.show(PAID)
    board.show(REFUSED)
    line.plug()
    assert line.read_until(b"T en Card not valid").endswith(
        "L RED cross\r\nB ---\r\nT zh 无效卡\r\nT en Card not valid\r\n".encode()
    )


def test_a_board_that_is_not_there_stops_nobody_and_is_missed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outlet, "LINE_OPEN_S", 0.01)
    made = SerialBoard(str(tmp_path / "none"))
    for _ in range(20):
        made.show(PAID)
    made.close()
    assert len([record for record in caplog.records if "signal board" in record.message]) == 1


def test_a_board_that_stops_reading_stops_nobody(
    board: SerialBoard, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outlet, "LINE_WRITE_S", 0.02)
    for _ in range(2000):
        board.show(PAID)
    assert line.read_until(b"L GREEN check")


def test_closing_switches_the_lamp_off(line: Line) -> None:
    made = SerialBoard(str(line.path))
    made.show(PAID)
    made.close()
    assert line.read_until(b"L OFF -").endswith(b"L OFF -\r\n")


def test_the_line_is_ours_alone(board: SerialBoard, line: Line) -> None:
    import serial

    board.show(PAID)
    line.read_until(b"T en Thank you")
    with pytest.raises(serial.SerialException):
        serial.Serial(str(line.path), exclusive=True)


def test_a_mailbox_keeps_the_newest_and_closes() -> None:
    mail: Latest[int] = Latest(2)
    for number in range(5):
        mail.put(number)
    assert mail.waiting
    assert mail.take() == [3, 4]
    assert mail.take(0.001) == []
    mail.close()
    mail.put(6)
    assert mail.take() == []
    assert mail.closed
