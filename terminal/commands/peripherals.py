"""Try the devices on serial lines: printer, display, scanner, GPS. None of them is needed to take money."""

import threading
import time
from pathlib import Path
from typing import Any, NoReturn

import click

from terminal.commands.say import answer, as_json, configuration_file, fail, speaking

seconds_option = click.option("--seconds", type=float, default=10.0, show_default=True, help="How long to try.")
FAILED = 2


@click.group(short_help="Try printer, customer display, scanner, GPS.")
def peripheral() -> None:
    """Try the devices that [peripherals] names, one command each. Exit status 2 when the device did not do its part."""


def _configured(configuration: str, name: str) -> Any:
    from config.store import load_configuration

    loaded = load_configuration(Path(configuration)).value
    if not getattr(loaded.peripherals, name):
        fail(f"[peripherals] {name} 未配置 · [peripherals] {name} is not set in {configuration}")
    return loaded


def _nothing(zh: str, en: str) -> NoReturn:
    fail(f"{zh} · {en}", FAILED)


@peripheral.command("printer")
@configuration_file
@click.option("--copy", is_flag=True, help="Print it as a copy.")
@seconds_option
@speaking
def peripheral_printer(configuration: str, copy: bool, seconds: float) -> None:
    """Print a test receipt with Chinese, the yen sign and a long name, and say what the printer says of its paper."""
    from terminal.drivers.printer import ReceiptPrinter
    from terminal.receipt import Receipt, layout

    loaded = _configured(configuration, "printer")
    settings = loaded.peripherals
    rows = (("城市 City", "嘉兴"), ("很长的商品名称也要完整打印出来才行", "¥1.00"), ("", ""), ("合计 Total", "¥1.00"))
    receipt = Receipt("打印机测试 TEST", rows, f"{loaded.terminal.number}-TEST", ("谢谢 Thank you",))
    for line in layout(receipt, settings.columns, copy):
        click.echo(line)
    done = threading.Event()
    ends: list[bool] = []

    def ended(receipt: Receipt, is_printed: bool) -> None:
        ends.append(is_printed)
        done.set()

    printer = ReceiptPrinter(settings.printer, settings.printer_baud, settings.columns, ended)
    printer.print(receipt, copy)
    done.wait(seconds)
    printer.close()
    click.echo(f"{printer.paper.zh} · {printer.paper.en}")
    if ends != [True]:
        _nothing("小票没有打印出来", "the receipt was not printed")


@peripheral.command("display")
@configuration_file
@click.argument("upper", default="TEST 0123456789")
@click.argument("lower", default="Y 1.00")
@seconds_option
@speaking
def peripheral_display(configuration: str, upper: str, lower: str, seconds: float) -> None:
    """Show two lines on the customer display for some seconds. It tells nothing back: look at it."""
    from terminal.drivers.display import CustomerDisplay

    settings = _configured(configuration, "display").peripherals
    display = CustomerDisplay(settings.display, settings.display_baud)
    display.show(upper, lower)
    time.sleep(seconds)
    display.close()


@peripheral.command("scanner")
@configuration_file
@seconds_option
@as_json
@speaking
def peripheral_scanner(configuration: str, seconds: float, as_json: bool) -> None:
    """Show each code that is scanned, until time is up."""
    from terminal.drivers.scanner import Scanner

    settings = _configured(configuration, "scanner").peripherals
    codes: list[str] = []

    def scanned(code: str) -> None:
        codes.append(code)
        if not as_json:
            click.echo(code)

    click.echo("请扫码 · scan something", err=True)
    scanner = Scanner(settings.scanner, scanned, settings.scanner_baud, settings.scanner_prefix)
    time.sleep(seconds)
    was_open = scanner.is_open
    scanner.close()
    if as_json:
        answer(codes, as_json, list)
    if not was_open:
        _nothing("扫码枪未连接", "the scanner is not there")
    if not codes:
        _nothing("没有收到条码：检查波特率和回车后缀", "no code came: check baud rate and the CR suffix")


@peripheral.command("announcer")
@configuration_file
@seconds_option
@as_json
@speaking
def peripheral_announcer(configuration: str, seconds: float, as_json: bool) -> None:
    """Wait for a stop's number, from the announcer or the driver's keypad."""
    from terminal.drivers.announcer import Announcer

    settings = _configured(configuration, "announcer").peripherals
    announcer = Announcer(settings.announcer, settings.announcer_baud)
    deadline = time.monotonic() + seconds
    while announcer.last()[0] is None and time.monotonic() < deadline:
        time.sleep(0.1)
    number, was_open = announcer.last()[0], announcer.is_open
    announcer.close()
    if not was_open and number is None:
        _nothing("报站器未连接", "the announcer is not there")
    if number is None:
        _nothing("没有收到站序号：检查波特率和回车", "no number came: check baud rate and the CR")
    answer({"number": number}, as_json, lambda: [f"第 {number} 站 · stop {number}"])


@peripheral.command("gps")
@configuration_file
@seconds_option
@as_json
@speaking
def peripheral_gps(configuration: str, seconds: float, as_json: bool) -> None:
    """Wait for a position, and name the nearest stop of the tariff pack."""
    from config.errors import ConfigError
    from config.store import load_pack_files
    from tariffs.faults import PackFaults
    from tariffs.stops import nearest, read_stops
    from terminal.drivers.gps import Gps

    loaded = _configured(configuration, "gps")
    try:
        stops = read_stops(load_pack_files(loaded.tariff.pack))
    except PackFaults as wrong:
        raise ConfigError.refused(loaded.tariff.pack, wrong) from wrong
    gps = Gps(loaded.peripherals.gps, loaded.peripherals.gps_baud)
    deadline = time.monotonic() + seconds
    while gps.place() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    place, was_open = gps.place(), gps.is_open
    gps.close()
    if place is None:
        if was_open:
            _nothing("没有定位：天线须见天空", "no fix: the antenna must see the sky")
        _nothing("定位模块未连接", "the receiver is not there")
    found = nearest(place, stops)
    shown = {
        "lat_micro": place.lat,
        "lon_micro": place.lon,
        "stop": found.stop.id if found else "",
        "name": found.stop.name if found else "",
        "metres": found.metres if found else None,
        "stops_in_pack": len(stops),
    }
    at = f"{found.stop.name} ({found.stop.id})，{found.metres} m" if found else "不在站点 · at no stop of the pack"
    answer(shown, as_json, lambda: [at])
