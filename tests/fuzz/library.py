"""Parsers of what a library system sends (SIP2), and of a library's own rules and lists."""

from config.store import load_pack_files
from sync.sip2 import messages, profile
from sync.sip2.errors import BadIlsProfile, BadMessage
from sync.sip2.frames import Splitter, opened, seal
from tariffs.faults import PackFaults
from tariffs.library import FILE, parse_blocked, parse_lending
from tests.fuzz.parser import Parser, text
from tests.fuzz.shipped import ILS_PROFILES

MESSAGES = (
    "24              01920240601    120000AOJX|AA1|AE王|BLY|",
    "121NNY20240601    120000AOJX|AA1|ABB1|AJT|AH20240701|",
    "98YYYYYN60000320240601    1200002.00AOJX|BXYYYYYYYYYYYYYYYY|",
)
BLOCKED = b"20261101\n31400000000012345678\n"


def frames(raw: bytes) -> object:
    """A stream in two parts, each frame of it opened."""
    splitter = Splitter()
    half = len(raw) // 2
    return [opened(frame) for part in (raw[:half], raw[half:]) for frame in splitter.feed(part)]


def message(raw: bytes) -> object:
    """A message that is read and has what it must have is written back as the same."""
    found = messages.parse(text(raw))
    if not found.missing():
        assert messages.parse(messages.build(found)) == found
    return found


PARSERS = (
    Parser(
        "sip2-frames", frames, (BadMessage,), lambda: [seal(b"97", None, checked=True), seal(b"96", 1, checked=True)]
    ),
    Parser("sip2-message", message, (BadMessage,), lambda: [one.encode() for one in MESSAGES]),
    Parser(
        "ils-profile", lambda raw: profile.read_profile(text(raw)), (BadIlsProfile,), lambda: [ILS_PROFILES[0].encode()]
    ),
    Parser(
        "lending",
        lambda raw: parse_lending({FILE: raw}),
        (PackFaults,),
        lambda: [load_pack_files("builtin:jiaxing", "library")[FILE]],
    ),
    Parser("blocked-readers", lambda raw: parse_blocked(raw, "blocked"), (PackFaults,), lambda: [BLOCKED]),
)
