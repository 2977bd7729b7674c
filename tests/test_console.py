"""The passenger's view: whole screen or plain lines, both languages, and never in the way of a tap."""

import io
import logging
import os
import pty
import subprocess
import sys
import threading
from typing import TextIO

import pytest

from tariffs.verdict import Reason, Warning
from terminal.faces import words
from terminal.faces.console import Console
from terminal.faces.limits import CONSOLE_MAIL
from terminal.faces.screen import BANDS, FEW_COLOURS
from terminal.faces.shapes import DRAWINGS, SYMBOLS, figures
from terminal.faces.table import load_signals
from terminal.ports import Light, Signal, Status

SIGNALS = load_signals()
PAID = SIGNALS.signal(Reason.CONCESSION, 100, 300, card_class="student", why=[("学生半价", "half fare")])
DRIVER = "31400000000000000070"
READY = Status("ready", "准备就绪", "Ready", "00000101", "1", 0, DRIVER, 12, 2400, "10:00", False, "p1", "20250101")
SERVING = Status("serving", "读卡中", "Reading")
CLOSED = Status("closed", "读写器未连接", "Reader is gone")


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "30")
    monkeypatch.setenv("TERM", "xterm-256color")


def shown(*items: Signal | Status, full_screen: bool, languages: tuple[str, ...] = ("zh", "en")) -> str:
    stream = io.StringIO()
    console = Console(languages, stream, full_screen)
    for item in items:
        if isinstance(item, Signal):
            console.show(item)
        else:
            console.idle(item)
    console.close()
    return stream.getvalue()


def test_without_a_terminal_each_event_is_one_line() -> None:
    status, paid, closed = shown(READY, PAID, CLOSED, full_screen=False).splitlines()
    assert status.startswith("准备就绪 · 终端 00000101 · 线路 1")
    assert paid == "★ 学生卡 / Student card · 票价 1.00 · 余额 3.00 · 学生半价 · half fare"
    assert closed.startswith("读写器未连接")


def test_a_state_that_did_not_change_is_not_said_again() -> None:
    assert len(shown(READY, SERVING, PAID, READY, SERVING, READY, full_screen=False).splitlines()) == 2


def test_the_first_language_comes_first() -> None:
    assert "Student card / 学生卡 · fare 1.00" in shown(PAID, full_screen=False, languages=("en", "zh"))
    assert "学生卡" not in shown(PAID, full_screen=False, languages=("en",))


@pytest.mark.usefixtures("wide")
def test_the_whole_screen_shows_headline_shape_amount_balance_why_and_state_in_both_languages() -> None:
    screen = shown(READY, PAID, full_screen=True)
    for text in ("学 生 卡", "S t u d e n t", *DRAWINGS["star"], *figures("1.00"), "余额 3.00", "balance 3.00"):
        assert text.rstrip() in screen
    for text in ("学生半价", "half fare", "终端 00000101", "terminal 00000101", "未上传 12 条 24.00 元", "offline"):
        assert text in screen


@pytest.mark.usefixtures("wide")
def test_the_screen_is_given_back() -> None:
    screen = shown(PAID, full_screen=True)
    assert screen.startswith("\x1b[?1049h") and screen.endswith("\x1b[?25h\x1b[?1049l")


@pytest.mark.usefixtures("wide")
def test_a_device_in_trouble_says_so_in_place_of_the_invitation() -> None:
    assert "请 刷 卡" in shown(READY, full_screen=True)
    screen = shown(CLOSED, full_screen=True)
    assert "读 写 器" in screen and "R e a d e r" in screen and "请 刷 卡" not in screen


@pytest.mark.usefixtures("wide")
def test_a_long_trouble_is_cut_at_the_edge_and_leaves_the_chinese_line_standing() -> None:
    screen = shown(Status("closed", "暂停服务", "reader: " + "no such device, " * 20), full_screen=True)
    assert "暂 停 服 务" in screen and "reader: no such device" in screen and "…" in screen


@pytest.mark.usefixtures("wide")
def test_nothing_is_drawn_while_a_card_is_served() -> None:
    assert "读 卡" not in shown(SERVING, full_screen=True)


def test_of_a_drivers_card_the_last_four_digits_are_shown() -> None:
    line = words.status_line(READY, "en")
    assert "driver …0070" in line and DRIVER[-5:] not in line


@pytest.mark.parametrize("reason", Reason)
def test_every_signal_can_be_drawn(reason: Reason) -> None:
    signal = SIGNALS.signal(reason, 200, -50, card=DRIVER, days=3, warnings=list(Warning))
    assert signal.shape in DRAWINGS and signal.shape in SYMBOLS
    assert words.signal_line(signal, ["zh", "en"]).startswith(SYMBOLS[signal.shape])


def test_drawings_and_symbols_are_all_different_and_rectangular() -> None:
    assert len(set(DRAWINGS.values())) == len(DRAWINGS) == len(set(SYMBOLS.values())) == len(SYMBOLS)
    for drawing in DRAWINGS.values():
        assert len({len(line) for line in drawing}) == 1 and len(drawing) <= 7 and len(drawing[0]) <= 16


def test_figures_tell_every_digit_apart() -> None:
    drawn = {figures(letter) for letter in "0123456789.-"}
    assert len(drawn) == 12
    assert {len(line) for line in figures("-1203.45")} == {len(figures("-1203.45")[0])}


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("light", Light)
def test_headlines_have_a_contrast_of_seven_to_one(light: Light) -> None:
    _, ink, _, paper = BANDS[light].split()
    bright, dark = sorted((luminance({"white": "#ffffff", "black": "#000000"}[ink]), luminance(paper)), reverse=True)
    assert (bright + 0.05) / (dark + 0.05) >= 7
    assert light in FEW_COLOURS


class Broken(io.StringIO):
    """A screen that is gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError("the screen is gone")


@pytest.mark.parametrize("full_screen", [False, True])
def test_a_console_that_breaks_goes_silent_and_says_so(full_screen: bool, caplog: pytest.LogCaptureFixture) -> None:
    console = Console(stream=Broken(), full_screen=full_screen)
    with caplog.at_level(logging.WARNING):
        for _ in range(3 * CONSOLE_MAIL):
            console.show(PAID)
            console.idle(READY)
        console.close()
    assert [record.getMessage().count(" is gone") for record in caplog.records] == [1]


def test_a_screen_that_hangs_does_not_hold_up_a_tap() -> None:
    release = threading.Event()

    class Stuck(io.StringIO):
        def write(self, text: str) -> int:
            release.wait(20)
            return super().write(text)

    stream = Stuck()
    console = Console(stream=stream, full_screen=False)
    for number in range(10 * CONSOLE_MAIL):
        console.show(SIGNALS.signal(Reason.FARE, number))
    assert not stream.getvalue()
    release.set()
    console.close()
    assert f"票价 0.{10 * CONSOLE_MAIL - 1}" in stream.getvalue(), "the newest signal is never lost"


def test_a_terminal_without_chinese_still_gets_english() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    console = Console(stream=stream, full_screen=False)
    console.show(PAID)
    console.close()
    assert b"Student card" in raw.getvalue()


@pytest.mark.parametrize("term, drawn", [("xterm", True), ("dumb", False)])
def test_a_terminal_gets_the_whole_screen_and_a_pipe_plain_lines(
    monkeypatch: pytest.MonkeyPatch, term: str, drawn: bool
) -> None:
    monkeypatch.setenv("TERM", term)
    front, back = pty.openpty()
    with os.fdopen(back, "w", encoding="utf-8") as stream:
        console = Console(stream=stream)
        console.show(PAID)
        console.close()
        assert (b"\x1b[?1049h" in os.read(front, 100_000)) is drawn
    os.close(front)
    plain: TextIO = io.StringIO()
    console = Console(stream=plain)
    console.show(PAID)
    console.close()
    assert "\x1b" not in plain.getvalue()  # type: ignore[attr-defined]


def test_a_device_without_a_screen_does_not_load_rich() -> None:
    code = (
        "import io, sys; from terminal.faces.console import Console; "
        "face = Console(stream=io.StringIO(), full_screen=False); face.close(); assert 'rich' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
