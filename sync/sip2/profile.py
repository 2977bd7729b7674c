"""What one library system makes of SIP2, as data (sync/sip2/profiles): encoding, checks, and what it honours.

Every value is a setting, for an upgrade at the library changes any of them (docs/library.md, "Profiles").
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sync.sip2.errors import BadIlsProfile
from sync.sip2.limits import ANSWER_SECONDS_MAX, PROFILE_BYTES_MAX, RESENDS_MAX

TERMINATORS = {"cr": b"\r", "crlf": b"\r\n"}


@dataclass(frozen=True, slots=True)
class IlsProfile:
    """One library system. `verified`: tried against that system, not only read about.

    `no_block` which replayed acts it takes as done: "all", "checkout" or "none". `verify` how a lent item is proved:
    "63" (the reader's list of charged items) or "17" (the item alone). `due_format` (strptime) reads its AH, "" when it
    is only text. `answers_checked`: an answer without AY and AZ is damaged. `repeats_safely`: the same bytes twice are
    answered twice and executed once, as the standard says; of the servers tried, none does. `blocking_flags` positions
    (0..13) of the patron flags that mean "do not lend".
    """

    name: str
    zh: str
    en: str
    verified: bool
    encoding: str
    terminator: str
    error_detection: bool
    answers_checked: bool
    repeats_safely: bool
    login: bool
    language: str
    no_block: str
    verify: str
    due_format: str
    blocking_flags: tuple[int, ...]
    answer_seconds: int
    resends: int

    @property
    def line_end(self) -> bytes:
        """The terminator's bytes."""
        return TERMINATORS[self.terminator]

    def honours(self, act: str) -> bool:
        """Whether a replayed `act` ("lend", "return", "renew") may be sent with no block."""
        return self.no_block == "all" or (self.no_block == "checkout" and act == "lend")


def _text(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable() and len(value) <= 100


def _one_of(*words: str) -> Callable[[Any], bool]:
    return lambda value: value in words


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and low <= value <= high


def _positions(value: Any) -> bool:
    return isinstance(value, list) and all(_whole(0, 13)(place) for place in value)


_RULES: Mapping[str, Callable[[Any], bool]] = {
    "name": _text,
    "zh": _text,
    "en": _text,
    "verified": _flag,
    "encoding": _one_of("ascii", "cp850", "utf-8", "gbk", "gb18030"),
    "terminator": lambda value: isinstance(value, str) and value in TERMINATORS,
    "error_detection": _flag,
    "answers_checked": _flag,
    "repeats_safely": _flag,
    "login": _flag,
    "language": lambda value: isinstance(value, str) and len(value) == 3 and value.isascii() and value.isdigit(),
    "no_block": _one_of("all", "checkout", "none"),
    "verify": _one_of("63", "17"),
    "due_format": _text,
    "blocking_flags": _positions,
    "answer_seconds": _whole(1, ANSWER_SECONDS_MAX),
    "resends": _whole(0, RESENDS_MAX),
}


def read_profile(text: str) -> IlsProfile:
    """Read a profile (TOML). Raises BadIlsProfile with every key that is missing, unknown or wrong."""
    if len(text) > PROFILE_BYTES_MAX:
        raise BadIlsProfile(f"longer than {PROFILE_BYTES_MAX} characters")
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as wrong:
        raise BadIlsProfile(f"not TOML: {str(wrong)[:100]}") from wrong
    faults = [f"{key}: missing" for key in _RULES if key not in table]
    faults += [f"{key[:40]!r}: no such key" for key in table if key not in _RULES]
    bad = [key for key, accepts in _RULES.items() if key in table and not _met(accepts, table[key])]
    faults += [f"{key}: a wrong value" for key in bad]
    if table.get("answers_checked") is True and table.get("error_detection") is False:
        faults.append("answers_checked: needs error_detection")
    if faults:
        raise BadIlsProfile("; ".join(faults))
    return IlsProfile(**{**table, "blocking_flags": tuple(table["blocking_flags"])})


def _met(accepts: Callable[[Any], bool], value: Any) -> bool:
    try:
        return accepts(value)
    except TypeError:  # a table or list where a word is asked
        return False
