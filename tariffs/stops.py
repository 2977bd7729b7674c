"""Stops of a pack by their place: which one a bus stands at. Whole microdegrees; nothing is a float."""

import re
from collections.abc import Mapping, Sequence
from math import isqrt
from typing import NamedTuple

from tariffs.fares.sheet import read_sheet
from tariffs.faults import Findings
from tariffs.limits import STOP_METRES_MAX

FILE = "stops.txt"
_DEGREES = re.compile(r"(-?)([0-9]{1,3})(?:\.([0-9]{1,20}))?", re.ASCII)
_MM_A_MICRODEGREE = 111
"""Millimetres of a millionth of a degree of latitude (40,008 km / 360)."""

# cos(latitude) in thousandths, each whole degree: a longitude's length, good to 1 % at any latitude of China.
_COSINE = (
    1000, 1000, 999, 999, 998, 996, 995, 993, 990, 988, 985, 982, 978, 974, 970, 966, 961, 956, 951, 946, 940, 934, 927,
    921, 914, 906, 899, 891, 883, 875, 866, 857, 848, 839, 829, 819, 809, 799, 788, 777, 766, 755, 743, 731, 719, 707,
    695, 682, 669, 656, 643, 629, 616, 602, 588, 574, 559, 545, 530, 515, 500, 485, 469, 454, 438, 423, 407, 391, 375,
    358, 342, 326, 309, 292, 276, 259, 242, 225, 208, 191, 174, 156, 139, 122, 105, 87, 70, 52, 35, 17, 0,
)  # fmt: skip


class Place(NamedTuple):
    """A point on the earth in millionths of a degree."""

    lat: int
    lon: int


class Stop(NamedTuple):
    """One stop: its id in the pack, its name, where it is."""

    id: str
    name: str
    place: Place


class Found(NamedTuple):
    """The nearest stop and how far it is, in whole metres."""

    stop: Stop
    metres: int


def read_stops(files: Mapping[str, bytes]) -> tuple[Stop, ...]:
    """The stops of a pack's stops.txt that have a place; none without the file. Raises PackFaults."""
    findings = Findings()
    sheet = read_sheet(files, FILE, findings, ("stop_id",), ("stop_name", "stop_lat", "stop_lon"))
    stops: list[Stop] = []
    for row in sheet.rows:
        lat, lon = _micro(row["stop_lat"], 90), _micro(row["stop_lon"], 180)
        if (lat is None or lon is None) and (row["stop_lat"] or row["stop_lon"]):
            row.fault("stop_lat", "坐标须为十进制度", "a place is two numbers of decimal degrees")
        elif lat is not None and lon is not None:
            stops.append(Stop(row.key("stop_id"), row["stop_name"], Place(lat, lon)))
    findings.raise_if_any()
    return tuple(stops)


def nearest(place: Place, stops: Sequence[Stop], metres_max: int = STOP_METRES_MAX) -> Found | None:
    """The stop nearest to `place`; None when none is within `metres_max`: the bus is between two stops."""
    best: Found | None = None
    for stop in stops:
        if abs(stop.place.lat - place.lat) * _MM_A_MICRODEGREE > metres_max * 1000:
            continue
        metres = distance(place, stop.place)
        if metres <= metres_max and (best is None or metres < best.metres):
            best = Found(stop, metres)
    return best


def distance(one: Place, other: Place) -> int:
    """Whole metres between two places in one city, good to 2 %."""
    north = (one.lat - other.lat) * _MM_A_MICRODEGREE
    cosine = _COSINE[min(90, (abs(one.lat) + 500_000) // 1_000_000)]
    east = (one.lon - other.lon) * _MM_A_MICRODEGREE * cosine // 1000
    return isqrt(north * north + east * east) // 1000


def _micro(text: str, most: int) -> int | None:
    """Decimal degrees as whole microdegrees, further digits cut off; None for anything else."""
    found = _DEGREES.fullmatch(text)
    if found is None:
        return None
    minus, whole, decimals = found.groups()
    micro = int(whole) * 1_000_000 + int((decimals or "").ljust(6, "0")[:6])
    if micro > most * 1_000_000:
        return None
    return -micro if minus else micro
