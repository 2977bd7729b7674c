"""Printer, customer display, scanner and GPS on pseudo-terminals: absent, unplugged and back, silent, stuck."""

import json
import os
import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from tariffs.stops import Place
from terminal.cli import main
from terminal.drivers import inlet, outlet, printer
from terminal.drivers.display import RESET, CustomerDisplay, screen
from terminal.drivers.gps import Gps, read_sentence
from terminal.drivers.limits import PRINT_KEPT_S
from terminal.drivers.printer import ReceiptPrinter
from terminal.drivers.scanner import Scanner, read_code
from terminal.escpos import FEED_AND_CUT, Paper, encoded
from terminal.receipt import Receipt, layout
from tests.lines import Line

SALE = Receipt("小票", (("合计", "¥1.00"),), "1")
SLIP = encoded(layout(SALE, 32))
COPIED = encoded(layout(SALE, 32, copy=True))
READY = b"\x12"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times that a test can wait for."""
    for module in (inlet, outlet, printer):
        monkeypatch.setattr(module, "LINE_OPEN_S", 0.02)
    monkeypatch.setattr(inlet, "INLET_READ_S", 0.02)
    monkeypatch.setattr(printer, "STATUS_S", 0.05)
    monkeypatch.setattr(printer, "STATUS_ANSWER_S", 0.2)
    monkeypatch.setattr(printer, "PRINT_WRITE_S", 0.2)


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    made = Line(tmp_path)
    yield made
    made.unplug()


def until(what: Callable[[], object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.005)


class Paperwork:
    """A printer at the far end: answers status, keeps what is printed, can run out of paper or fall silent."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.paper = READY
        self.is_silent = False
        self.printed = b""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        held = b""
        while not self._stop.is_set():
            try:
                if not select.select([self.line.end], [], [], 0.02)[0]:
                    continue
                held += os.read(self.line.end, 4096)
            except (OSError, ValueError):
                time.sleep(0.005)  # unplugged
                continue
            while (place := held.find(b"\x10\x04")) >= 0 and len(held) > place + 2:  # no text holds DLE
                if not self.is_silent:
                    self.line.say(READY if held[place + 2] == 1 else self.paper)
                self.printed, held = self.printed + held[:place], held[place + 3 :]
            if b"\x10" not in held:
                self.printed, held = self.printed + held, b""

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(2.0)


@pytest.fixture
def paperwork(line: Line) -> Iterator[Paperwork]:
    made = Paperwork(line)
    yield made
    made.stop()


class Ends(list[bool]):
    """What became of each receipt."""

    def __call__(self, receipt: Receipt, is_printed: bool) -> None:
        self.append(is_printed)


def test_a_receipt_is_printed_whole_after_the_printer_was_asked(line: Line, paperwork: Paperwork) -> None:
    ends = Ends()
    made = ReceiptPrinter(str(line.path), ended=ends)
    until(lambda: made.paper is Paper.READY)
    assert made.print(SALE)
    until(lambda: ends == [True])
    made.close()
    assert paperwork.printed == SLIP


def test_a_reprint_is_marked_as_a_copy(line: Line, paperwork: Paperwork) -> None:
    ends = Ends()
    made = ReceiptPrinter(str(line.path), ended=ends)
    made.print(SALE, copy=True)
    until(lambda: ends == [True])
    made.close()
    assert paperwork.printed == COPIED


def test_out_of_paper_the_receipt_waits_and_is_printed_when_there_is_paper(line: Line, paperwork: Paperwork) -> None:
    paperwork.paper = b"\x72"
    ends = Ends()
    made = ReceiptPrinter(str(line.path), ended=ends)
    made.print(SALE)
    until(lambda: made.paper is Paper.OUT)
    assert made.waiting == 1 and paperwork.printed == b""
    paperwork.paper = READY
    until(lambda: ends == [True])
    made.close()
    assert paperwork.printed == SLIP, "nothing had gone out: no copy"


def test_a_printer_that_never_answers_is_unknown_and_gets_the_receipt_nevertheless(
    line: Line, paperwork: Paperwork
) -> None:
    paperwork.is_silent = True
    ends = Ends()
    made = ReceiptPrinter(str(line.path), ended=ends)
    made.print(SALE)
    until(lambda: ends == [True])
    assert made.paper is Paper.UNKNOWN
    made.close()
    assert paperwork.printed == SLIP


def test_a_printer_that_is_absent_delays_nobody_and_the_sale_hears_of_it(tmp_path: Path) -> None:
    ends, clock = Ends(), [0.0]
    made = ReceiptPrinter(str(tmp_path / "none"), ended=ends, mono=lambda: clock[0])
    assert [made.print(SALE) for _ in range(9)] == [True] * 8 + [False]
    until(lambda: made.paper is Paper.ABSENT)
    clock[0] = PRINT_KEPT_S + 1
    until(lambda: ends == [False] * 8)
    made.close()
    assert not made.print(SALE)


def test_a_printer_that_stops_reading_is_given_up_in_time_and_the_receipt_comes_again_as_a_copy(line: Line) -> None:
    long = Receipt("长", tuple((f"第{number}行", "x") for number in range(600)), "2")
    ends = Ends()
    paperwork = Paperwork(line)
    made = ReceiptPrinter(str(line.path), ended=ends)
    until(lambda: made.paper is Paper.READY)
    paperwork.stop()
    began = time.monotonic()
    made.print(long)
    until(lambda: made._complained and made._jobs[0].begun)
    assert time.monotonic() - began < 8, "bounded"
    again = Paperwork(line)
    until(lambda: ends == [True], 30)
    made.close()
    again.stop()
    assert again.printed.endswith(FEED_AND_CUT) and "副本".encode("gbk") in again.printed


def test_a_printer_that_was_unplugged_prints_when_it_is_back(line: Line, paperwork: Paperwork) -> None:
    ends = Ends()
    made = ReceiptPrinter(str(line.path), ended=ends)
    until(lambda: made.paper is Paper.READY)
    line.unplug()
    until(lambda: made.paper is Paper.ABSENT)
    made.print(SALE)
    line.plug()
    until(lambda: ends == [True])
    made.close()
    assert paperwork.printed == SLIP


# The customer display


def test_two_lines_of_twenty_letters_are_shown_once(line: Line) -> None:
    display = CustomerDisplay(str(line.path))
    for _ in range(3):
        display.show("Total", "Y 1.00")
    expected = b"\x1b@\x1bQATotal               \r\x1bQBY 1.00              \r"
    assert line.read(len(expected)) == expected
    display.close()
    assert line.read(2) == RESET


@given(st.text(max_size=40), st.text(max_size=40))
def test_whatever_is_shown_fills_both_lines_and_steers_nothing(upper: str, lower: str) -> None:
    raw = screen(upper, lower)
    assert len(raw) == 2 + 2 * (3 + 20 + 1)
    assert raw.count(b"\x1b") == 3 and raw.count(b"\r") == 2


def test_a_display_that_was_unplugged_shows_the_newest_when_it_is_back(line: Line) -> None:
    display = CustomerDisplay(str(line.path))
    display.show("one")
    line.read(len(screen("one", "")))
    line.unplug()
    display.show("two")
    display.show("three")
    line.plug()
    heard = line.read(len(screen("", "")))
    while not heard.endswith(screen("three", "")):
        heard += line.read(1)
    display.close()


# The scanner


def test_codes_come_whole_however_they_are_cut_and_half_ones_are_dropped(line: Line) -> None:
    codes: list[str] = []
    scanner = Scanner(str(line.path), codes.append)
    until(lambda: scanner.is_open)
    line.say(b"B00")
    line.say(b"01\rB0002\r\n")
    until(lambda: len(codes) == 2)
    line.say(b"HALF")
    time.sleep(0.3)
    line.say(b"B0003\r")
    until(lambda: len(codes) == 3)
    line.say(b"x" * 500 + b"\r" + b"B0004\r")
    until(lambda: len(codes) == 4)
    scanner.close()
    assert codes == ["B0001", "B0002", "B0003", "B0004"]


def test_a_scanner_may_be_absent_unplugged_and_back(tmp_path: Path) -> None:
    codes: list[str] = []
    scanner = Scanner(str(tmp_path / "ttyTEST"), codes.append)
    time.sleep(0.1)
    assert not scanner.is_open
    line = Line(tmp_path)
    until(lambda: scanner.is_open)
    line.say(b"B1\r")
    until(lambda: codes == ["B1"])
    line.unplug()
    until(lambda: not scanner.is_open)
    line.plug()
    until(lambda: scanner.is_open)
    line.say(b"B2\r")
    until(lambda: codes == ["B1", "B2"])
    scanner.close()
    line.unplug()


@given(st.binary(max_size=80))
def test_any_bytes_are_a_code_or_none(raw: bytes) -> None:
    code = read_code(raw)
    assert code is None or (code.isascii() and code.isprintable() and code)


def test_with_a_prefix_only_scans_that_bear_it_count() -> None:
    assert read_code(b"~B1", "~") == "B1"
    assert read_code(b"B1", "~") is None


# The receiver

def with_sum(body: str) -> bytes:
    total = 0
    for byte in body.encode():
        total ^= byte
    return f"${body}*{total:02X}".encode()


FIX = with_sum("GPRMC,092751.000,A,3045.2400,N,12045.6000,E,0.06,31.66,280511,,,A")
NO_FIX = with_sum("GPRMC,092751.000,V,3045.2400,N,12045.6000,E,0.06,31.66,280511,,,N")
GGA = with_sum("GNGGA,092750.000,3045.2400,N,12045.6000,W,1,8,1.03,61.7,M,55.2,M,,")


def test_a_fix_is_read_in_millionths_of_a_degree() -> None:
    assert read_sentence(FIX) == Place(30_754_000, 120_760_000)
    assert read_sentence(GGA) == Place(30_754_000, -120_760_000)


@pytest.mark.parametrize(
    "raw", [NO_FIX, FIX.replace(b"3045", b"3046"), FIX.rpartition(b"*")[0], with_sum("GPRMC,,A,,,,,,,,,,A"), b"", b"$"]
)
def test_no_fix_a_damaged_sentence_and_one_without_checksum_are_no_place(raw: bytes) -> None:
    assert read_sentence(raw) is None


@given(st.binary(max_size=120) | st.text(st.characters(max_codepoint=126), max_size=80).map(with_sum))
def test_any_bytes_are_a_place_or_none(raw: bytes) -> None:
    place = read_sentence(raw)
    assert place is None or abs(place.lat) <= 90_000_000


@given(st.lists(st.sampled_from(["GPRMC", "GPGGA", "A", "", "1", "9999.9", "N", "X", "-1", "1e9", "nan"]), max_size=14))
def test_any_sentence_of_odd_fields_is_a_place_or_none(fields: list[str]) -> None:
    read_sentence(with_sum("GPRMC," + ",".join(fields)))
    read_sentence(with_sum("GPGGA," + ",".join(fields)))


def test_a_place_is_forgotten_when_it_is_old(line: Line) -> None:
    now = [0.0]
    gps = Gps(str(line.path), mono=lambda: now[0])
    assert gps.place() is None
    until(lambda: gps.is_open)
    line.say(FIX + b"\r\n")
    until(gps.place)
    now[0] = 11.0
    assert gps.place() is None
    line.say(NO_FIX + b"\r\n" + FIX + b"\r\n")
    until(gps.place)
    gps.close()


# The commands


def configured(folder: Path, *lines: str) -> Path:
    file = folder / "terminal.toml"
    file.write_text(
        '[terminal]\nnumber = "00000001"\nmerchant = "000000000000001"\n[psam]\nreader = "SAM"\n'
        f'[tariff]\npack = "{folder}/pack"\n[peripherals]\n' + "\n".join(lines),
        "utf-8",
    )
    return file


@contextmanager
def saying(line: Line, data: bytes) -> Iterator[None]:
    """The far end says it again and again: opening a port drops what came before."""
    stop = threading.Event()

    def say() -> None:
        while not stop.wait(0.1):
            line.say(data)

    sender = threading.Thread(target=say, daemon=True)
    sender.start()
    yield
    stop.set()
    sender.join()


def test_each_device_is_tried_by_a_command(line: Line, paperwork: Paperwork, tmp_path: Path) -> None:
    port = line.path.resolve()
    file = configured(tmp_path, f'printer = "{port}"', f'display = "{port}"')
    ran = CliRunner().invoke(main, ["peripheral", "printer", str(file)])
    assert ran.exit_code == 0 and "打印机就绪" in ran.output and "打印机测试" in ran.output
    assert "打印机测试".encode("gbk") in paperwork.printed
    assert CliRunner().invoke(main, ["peripheral", "display", str(file), "--seconds", "0.1"]).exit_code == 0
    assert CliRunner().invoke(main, ["peripheral", "gps", str(file)]).exit_code == 1


def test_the_nearest_stop_of_the_pack_is_named(line: Line, tmp_path: Path) -> None:
    (tmp_path / "pack").mkdir()
    stops = "stop_id,stop_name,stop_lat,stop_lon\nS1,南湖,30.7541,120.7600\nS2,火车站,30.7700,120.7600\n"
    (tmp_path / "pack" / "stops.txt").write_text(stops, "utf-8")
    file = configured(tmp_path, f'gps = "{line.path.resolve()}"', f'scanner = "{line.path.resolve()}"')
    with saying(line, FIX + b"\r\n"):
        ran = CliRunner().invoke(main, ["peripheral", "gps", str(file), "--json"])
    assert json.loads(ran.stdout)["stop"] == "S1" and json.loads(ran.stdout)["metres"] == 11
    with saying(line, b"B0001\r"):
        ran = CliRunner().invoke(main, ["peripheral", "scanner", str(file), "--seconds", "0.8", "--json"])
    assert set(json.loads(ran.stdout)) == {"B0001"}


def test_a_device_that_is_not_there_ends_with_2_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "pack").mkdir()
    file = configured(tmp_path, 'printer = "/dev/none1"', 'scanner = "/dev/none2"', 'gps = "/dev/none3"')
    for name, said in (("printer", "未连接打印机"), ("scanner", "扫码枪未连接"), ("gps", "定位模块未连接")):
        ran = CliRunner().invoke(main, ["peripheral", name, str(file), "--seconds", "0.1"])
        assert ran.exit_code == 2 and said in ran.output
