"""The issuer's black list `YYYYMMDD_Black.txt`, exact: parsed whole or not at all.

Header: version date N8, count N6. Then one line for each card: card number N20 (city 4, serial 16), level N2. Lines end
in LF CR, CR LF or LF; the issuer's writers use more than one of them. Source: docs/cards.md, "Back-office files".
"""

import re
from datetime import date
from itertools import pairwise

from config.faults import Fault, Faults, shown
from config.hotlist import NUMBER_DIGITS, HotList, Range
from config.limits import FAULTS_MAX, HOT_LIST_BYTES_MAX, HOT_LIST_ENTRIES_MAX, HOT_LIST_LINE_BYTES, HOT_LIST_RANGES_MAX

HEADER_BYTES = 14

_RANGE = re.compile(rb"([0-9]{20}),([0-9]{20}),([0-9]{1,2})")
_LINE_END = re.compile(rb"\r\n|\n\r|\n")


class HotListFaults(Faults):
    """A hot list that was not accepted."""


def parse(raw: bytes) -> HotList:
    """Read a whole list. A card that stands twice with the same level counts once.

    Raises HotListFaults with every wrong line: a header that is not one, a wrong count, bad digits, a card listed under
    two levels.
    """
    if len(raw) > HOT_LIST_BYTES_MAX:
        most = HOT_LIST_BYTES_MAX
        raise HotListFaults([Fault("*", f"文件过大，至多 {most} 字节", f"too long: at most {most} bytes")])
    header, *lines = _LINE_END.split(raw)
    if lines and not lines[-1]:
        lines.pop()
    day, faults = _header(header, len(lines))
    if set(map(len, lines)) <= {HOT_LIST_LINE_BYTES} and (not lines or b"".join(lines).isdigit()):
        cards: dict[bytes, bytes] = {}
        for number, line in enumerate(lines, start=2):
            card, level = line[:NUMBER_DIGITS], line[NUMBER_DIGITS:]
            if cards.setdefault(card, level) != level and len(faults) <= FAULTS_MAX:
                text = card.decode("ascii")
                faults.append(Fault("level", "同一卡号有两个等级", "the card is listed under two levels", number, text))
    else:
        faults += _bad_lines(lines)
    if faults or day is None:
        raise HotListFaults(faults)
    return HotList(day, ((card.decode("ascii"), int(level)) for card, level in cards.items()))


def parse_ranges(raw: bytes) -> tuple[Range, ...]:
    """Read ranges of cards, a line each: low number, high number (20 digits), level, with commas between.

    They stand beside the issuer's list, which has none. Raises HotListFaults with every wrong line.
    """
    ranges: list[Range] = []
    faults: list[Fault] = []
    for number, line in enumerate(raw.split(b"\n"), start=1):
        found = _RANGE.fullmatch(line.strip())
        if found is not None and found[1] <= found[2]:
            ranges.append(Range(found[1].decode(), found[2].decode(), int(found[3])))
        elif line.strip():
            zh, en = "须为：起始卡号,终止卡号,等级", "must be LOW,HIGH,LEVEL: two numbers of 20 digits, a level"
            faults.append(Fault("range", zh, en, number, shown(line[:60].decode("latin-1"))))
    ranges.sort()
    if len(ranges) > HOT_LIST_RANGES_MAX or any(low.high >= high.low for low, high in pairwise(ranges)):
        zh, en = f"号段重叠，或多于 {HOT_LIST_RANGES_MAX} 个", f"ranges overlap, or are more than {HOT_LIST_RANGES_MAX}"
        faults.append(Fault("range", zh, en))
    if faults:
        raise HotListFaults(faults)
    return tuple(ranges)


def build(hot_list: HotList) -> bytes:
    """Write a list in the issuer's form, cards in the order of their numbers, lines ending in CR LF."""
    assert hot_list.count <= HOT_LIST_ENTRIES_MAX, "the header's count has six digits"
    lines = [f"{hot_list.date:%Y%m%d}{hot_list.count:06d}", *(f"{card}{level:02d}" for card, level in hot_list), ""]
    return "\r\n".join(lines).encode("ascii")


def _header(header: bytes, lines: int) -> tuple[date | None, list[Fault]]:
    """The version's date; None goes with a fault."""
    value = shown(header[:40].decode("latin-1"))
    if len(header) != HEADER_BYTES or not header.isdigit():
        zh = "首行须为 8 位日期和 6 位数量"
        return None, [Fault("header", zh, "the first line must be a date of 8 digits and a count of 6", 1, value)]
    try:
        day = date(int(header[:4]), int(header[4:6]), int(header[6:8]))
    except ValueError:
        return None, [Fault("version", "首行日期不存在", "the version's date does not exist", 1, value)]
    count = int(header[8:])
    if count != lines:
        zh = f"首行说有 {count} 张卡，文件中有 {lines} 行：文件不完整"
        en = f"the header counts {count} cards, the file has {lines} lines: it is not complete"
        return day, [Fault("count", zh, en, 1, value)]
    return day, []


def _bad_lines(lines: list[bytes]) -> list[Fault]:
    """A fault for each line that is not 22 digits, as many as are told."""
    faults: list[Fault] = []
    for number, line in enumerate(lines, start=2):
        if len(line) == HOT_LIST_LINE_BYTES and line.isdigit():
            continue
        zh, en = "须为 20 位卡号和 2 位等级", "must be a card number of 20 digits and a level of 2"
        faults.append(Fault("card", zh, en, number, shown(line[:40].decode("latin-1"))))
        if len(faults) > FAULTS_MAX:
            break
    return faults
