"""Parsers of the issuer's files: what is accepted is written and read back the same."""

from collections.abc import Callable
from typing import Any

from sync.issuer_files import (
    BadFile,
    BlackList,
    Refusal,
    Settled,
    Sums,
    build_black_list,
    build_lock_report,
    build_ns,
    build_qs,
    build_ss,
    build_xf,
    parse_black_list,
    parse_lock_report,
    parse_ns,
    parse_qs,
    parse_ss,
    parse_xf,
    xf_line,
)
from tests.fuzz.parser import Parser, text
from tests.rows import HELD

LINE = xf_line("00330401", 1, HELD, "01020304", grey=False)
CARD = HELD.card


def again(parse: Callable[[str], Any], build: Callable[[Any], str]) -> Callable[[bytes], object]:
    """The file's parser, and the way back."""

    def of_bytes(raw: bytes) -> object:
        found = parse(text(raw))
        try:
            written = build(found)
        except BadFile:  # a card number that no card has is read, never delivered
            return found
        assert parse(written) == found
        return found

    return of_bytes


def refusal() -> Refusal:
    """One refused line."""
    return Refusal("XF20240506" + "0" * 20, "20240507", "01", LINE._replace(month="000000000"))


FILES: tuple[tuple[str, Callable[[str], Any], Callable[[Any], str], Callable[[], str]], ...] = (
    ("consumption", parse_xf, build_xf, lambda: build_xf([LINE, LINE._replace(month="000000000")])),
    ("refusals", parse_ss, build_ss, lambda: build_ss([refusal()])),
    ("settlement", parse_qs, build_qs, lambda: build_qs([Sums("1" * 15, "20240507", 1, 2, 3, 4, 5, 6, 7, 8)])),
    ("settled-files", parse_ns, build_ns, lambda: build_ns([Settled("XF" + "0" * 28, "20240507")])),
    (
        "lock-report",
        parse_lock_report,
        lambda report: build_lock_report(*report),
        lambda: build_lock_report("20240507", [CARD]),
    ),
    (
        "black-list",
        parse_black_list,
        build_black_list,
        lambda: build_black_list(BlackList("20261101", {CARD: "01", CARD[:-1] + "9": "03"})),
    ),
)


def parser(name: str, parse: Callable[[str], Any], build: Callable[[Any], str], seed: Callable[[], str]) -> Parser:
    """The parser of one kind of file; its other line end is a seed too."""
    return Parser(
        name, again(parse, build), (BadFile,), lambda: [seed().encode(), seed().replace("\r\n", "\n\r").encode()]
    )


PARSERS = tuple(parser(*file) for file in FILES)
