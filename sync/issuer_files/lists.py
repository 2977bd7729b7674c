"""Lists of cards: the issuer's black list, and the report of cards that validators locked."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sync.issuer_files.fixed import LINE_END, BadFile, lines_of
from sync.limits import BLACK_LIST_CARDS_MAX


class LockReport(NamedTuple):
    """The cards locked on validators, of a day YYYYMMDD."""

    day: str
    cards: tuple[str, ...]


class BlackList(NamedTuple):
    """The issuer's black list: its date and each card's level (two digits)."""

    version: str
    levels: Mapping[str, str]


def lock_report_name(day: str) -> str:
    """Name of the day's lock report; `day` YYYYMMDD."""
    return f"{day}_Lock.txt"


def build_lock_report(day: str, cards: Sequence[str]) -> str:
    """Cards whose application was locked on a validator. The header is the black list's: date 8, count 6. BadFile."""
    faults = [f"card {card!r} is no card number" for card in cards if not re.fullmatch("[0-9]{20}", card, re.ASCII)]
    if not re.fullmatch("[0-9]{8}", day, re.ASCII) or len(cards) > BLACK_LIST_CARDS_MAX:
        faults.append(f"{day!r} with {len(cards)} cards")
    if faults:
        raise BadFile(faults)
    return "".join(text + LINE_END for text in (f"{day}{len(cards):06d}", *cards))


def parse_lock_report(text: str) -> LockReport:
    """Parse `YYYYMMDD_Lock.txt`. Raises BadFile with every fault and its line."""
    day, details, faults = _list(text)
    for number, detail in enumerate(details, 2):
        if not re.fullmatch("[0-9]{20}", detail, re.ASCII):
            faults.append(f"line {number}: {detail[:30]!r} is no card number")
    if faults:
        raise BadFile(faults)
    return LockReport(day, tuple(details))


def build_black_list(listed: BlackList) -> str:
    """`YYYYMMDD_Black.txt`. Raises BadFile."""
    faults = [
        f"card {card!r} with level {level!r}"
        for card, level in listed.levels.items()
        if not re.fullmatch("[0-9]{20}", card, re.ASCII) or not re.fullmatch("[0-9]{2}", level, re.ASCII)
    ]
    if not re.fullmatch("[0-9]{8}", listed.version, re.ASCII) or len(listed.levels) > BLACK_LIST_CARDS_MAX:
        faults.append(f"{listed.version!r} with {len(listed.levels)} cards")
    if faults:
        raise BadFile(faults)
    lines = (f"{listed.version}{len(listed.levels):06d}", *(card + level for card, level in listed.levels.items()))
    return "".join(text + LINE_END for text in lines)


def parse_black_list(text: str) -> BlackList:
    """Parse `YYYYMMDD_Black.txt`. Raises BadFile with every fault and its line."""
    version, details, faults = _list(text)
    levels: dict[str, str] = {}
    for number, detail in enumerate(details, 2):
        card, level = detail[:20], detail[20:]
        if not re.fullmatch("[0-9]{22}", detail, re.ASCII):
            faults.append(f"line {number}: {detail[:30]!r} is no card number with a level")
        elif levels.setdefault(card, level) != level:
            faults.append(f"line {number}: card {card} again with another level")
    if faults:
        raise BadFile(faults)
    return BlackList(version, levels)


def _list(text: str) -> tuple[str, list[str], list[str]]:
    """Date, lines, and what is wrong with the header."""
    header, details = lines_of(text)
    faults = []
    if not re.fullmatch("[0-9]{14}", header, re.ASCII) or int(header[8:]) != len(details):
        faults.append(f"line 1: the header {header[:14]!r} does not announce {len(details)} cards")
    return header[:8], details, faults
