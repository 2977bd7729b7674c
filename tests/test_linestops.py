"""A tap knows its stop from the announcer, the driver or the GPS, by the table of its line and day."""

import time
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.model import Peripherals
from tariffs.linestops import LineStops
from tariffs.pack import parse_pack
from tariffs.stops import Place
from terminal.box import sighting_of
from terminal.drivers.announcer import Announcer, read_number
from terminal.duty import OnDuty
from terminal.whereabouts import Sighting, Whereabouts
from tests.bus import Bus, card
from tests.lines import Line
from tests.test_pack import faults_of, pack_files

STOPS = "stop_id,stop_name,stop_lat,stop_lon\nS1,南湖,30.7541,120.7600\nS2,火车站,30.7700,120.7600\nS3,东栅,,\n"
LINE = """
[[lines]]
route_id = "1"
direction = 0
in_force_from = 2026-01-01
stops = { value = ["S1", "", "S2", "S3"], source = "the depot's list", verified = true }
"""
OWN = LINE.replace("direction = 0", 'direction = 0\nvehicle = "1002"').replace('"S1", "", "S2", "S3"', '"S3", "S2"')
LATER = LINE.replace("2026-01-01", "2026-12-01").replace('"S1", "", ', '"S3", ')
AT = datetime(2026, 11, 23, 8, 0)
SOUTH = Place(30_754_100, 120_760_000)
ON = OnDuty(1, "1", 0, "1001", "driver", "1001-1", AT - timedelta(minutes=10))


def files(table: str) -> dict[str, bytes]:
    return pack_files("jiaxing", stops__txt=STOPS.encode(), stops__toml=table.encode())


def table(text: str = LINE) -> LineStops:
    return parse_pack(files(text)).line_stops


def test_a_number_names_the_stop_and_a_place_the_nearest_of_the_line() -> None:
    at = Whereabouts().stop
    assert at(table(), ON, Sighting(3, 5.0), AT) == "S2"
    assert at(table(), ON, Sighting(None, 0.0, SOUTH), AT) == "S1"
    assert at(table(), ON, Sighting(3, 5.0, SOUTH), AT) == "S2", "who tells the number knows better"
    assert Whereabouts().stop(table(), ON, Sighting(2, 5.0), AT) == "", "a number without a stop"


def test_between_two_stops_it_is_the_last_one_until_another_trip_begins() -> None:
    where, far = Whereabouts(), Sighting(None, 0.0, Place(30_760_000, 120_760_000))
    assert where.stop(table(), ON, far, AT) == ""
    assert where.stop(table(), ON, Sighting(3, 5.0), AT) == "S2"
    assert where.stop(table(), ON, far, AT) == "S2"
    another = OnDuty(2, "1", 0, "1001", "driver", "1001-2", AT)
    assert where.stop(table(), another, Sighting(3, 60.0), AT + timedelta(seconds=5)) == "", "told before the trip"
    assert where.stop(table(), another, Sighting(4, 3.0), AT + timedelta(seconds=5)) == "S3"


def test_the_table_of_the_vehicle_and_of_the_day_is_used() -> None:
    both = table(LINE + OWN + LATER)
    assert both.of("1", 0, "1001", date(2026, 11, 30)) == ("S1", "", "S2", "S3")
    assert both.of("1", 0, "1002", date(2026, 11, 30)) == ("S3", "S2")
    assert both.of("1", 0, "1001", date(2026, 12, 1)) == ("S3", "S2", "S3")
    assert both.of("1", 1, "1001", date(2026, 12, 1)) == () == both.of("1", 0, "1001", date(2025, 12, 31))


@pytest.mark.parametrize(
    ("old", "new", "where", "said"),
    [
        ('"S3"]', '"S9"]', "stops.toml:6", "no such stop"),
        ('"1"', '"9"', "stops.toml:3", "no such route"),
        ("direction = 0", "direction = 2", "stops.toml:4", "from 0 to 1"),
        ("direction = 0", "direction = 0\nstop = 1", "stops.toml:5", "not known"),
        ('["S1", "", "S2", "S3"]', '"S1"', "stops.toml:6", "at most 255"),
        (LINE, LINE + LINE, "stops.toml:11", "take force on one day"),
        (LINE, "lines = 1", "stops.toml", "[[lines]]"),
    ],
)
def test_a_fault_in_the_table_is_told_with_its_place(old: str, new: str, where: str, said: str) -> None:
    assert old in LINE
    told = [fault.text() for fault in faults_of(files(LINE.replace(old, new)))]
    assert any(text.startswith(where) and said in text for text in told), told


def test_a_place_that_is_none_is_a_fault() -> None:
    wrong = files(LINE) | {"stops.txt": STOPS.replace("30.7541", "30.75x").encode()}
    assert any("decimal degrees" in fault.en for fault in faults_of(wrong))


@given(st.binary(max_size=8))
def test_any_bytes_are_a_stop_number_or_none(raw: bytes) -> None:
    number = read_number(raw)
    assert number is None or (0 < number < 1000 and str(number).encode() in raw)


def test_a_row_without_a_stop_is_as_before_and_one_with_it_tells_it(tmp_path: Path) -> None:
    bus = Bus(tmp_path)
    bus.tap(card(7))
    bus.stop = "S2"
    bus.tap(card(8))
    rows = [row.raw for row in bus.journal.rows(0, 10, 10_000_000) if b'"HELD"' in row.raw]
    assert [b'"stop"' in raw for raw in rows] == [False, True]
    assert [held.service.stop or "" for held in bus.held()] == ["", "S2"]


def test_the_device_hears_the_announcer_that_is_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line, opened = Line(tmp_path), list[Announcer]()

    def remembered(port: str, baudrate: int) -> Announcer:
        opened.append(Announcer(port, baudrate))
        return opened[0]

    monkeypatch.setattr("terminal.drivers.announcer.Announcer", remembered)
    sighting = sighting_of(Peripherals(announcer=str(line.path)))
    assert sighting() == Sighting()
    for _ in range(100):
        line.say(b"12\r")
        time.sleep(0.1)
        if sighting().number is not None:
            break
    assert sighting().number == 12 and sighting().age_s < 10 and opened[0].is_open
    opened[0].close()
    line.unplug()
