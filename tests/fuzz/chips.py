"""Parsers of what a chip sends: frames, TLV, records, and the profiles by which they are read."""

from apdu import profile as card_profile
from apdu.command import Command, Response
from apdu.errors import Malformed
from apdu.layout import Layout
from apdu.profile import LOG
from apdu.social import profile as chip_profile
from apdu.tlv import find, items, simple_items
from terminal.drivers.isodep import parse_ats
from tests.chips import profiles
from tests.fuzz.parser import Parser, text
from tests.fuzz.shipped import CARD_PROFILES, CHIP_PROFILES

FCI = bytes.fromhex("6F2E8409A00000000386980701A5219F0C1E") + bytes(30)
ATS = ("0578807002", "01", "0208", "067577810280")
LAYOUTS: tuple[Layout, ...] = tuple(
    dict.fromkeys(
        layout
        for one in profiles()
        for layout in (one.ef15, *(file.layout for file in one.files), *(cache.layout for cache in one.caches), LOG)
    )
)


def record(raw: bytes) -> object:
    """The first byte chooses the layout. What parses must be written back as values that are the same."""
    layout, body = LAYOUTS[raw[0] % len(LAYOUTS)] if raw else LOG, raw[1:]
    layout.parse_leniently(body)
    values = layout.parse(body)
    assert layout.parse(layout.build(values)) == values, layout.name
    return values


def records() -> list[bytes]:
    """For each layout the zeros that a new card has, as far as they are a record."""
    return [raw for raw in (bytes((nth,)) + bytes(layout.size) for nth, layout in enumerate(LAYOUTS)) if is_record(raw)]


def is_record(raw: bytes) -> bool:
    """Whether the layout takes it."""
    try:
        record(raw)
    except Malformed:
        return False
    return True


def card_profiles(raw: bytes) -> object:
    """One profile by itself."""
    return card_profile.parse_profiles([text(raw)])


def chip_profiles(raw: bytes) -> object:
    """One profile of a contact chip."""
    return chip_profile.parse_profiles([text(raw)])


BAD = (Malformed,)
PARSERS = (
    Parser("command", Command.from_bytes, BAD, lambda: [bytes.fromhex("00A40400023F0000"), bytes(4)], 300),
    Parser("response", Response.from_bytes, BAD, lambda: [b"\x90\x00", bytes(20) + b"\x61\x10"], 300),
    Parser("tlv", lambda raw: [*items(raw)], BAD, lambda: [FCI, b"\x9f\x0c\x81\x01\x00"], 512),
    Parser("tlv-path", lambda raw: find(raw, 0x6F, 0xA5, 0x9F0C), BAD, lambda: [FCI], 512),
    Parser("simple-tlv", lambda raw: [*simple_items(raw)], BAD, lambda: [b"\x01\x02ab\x02\xff\x00\x01c"], 512),
    Parser("layouts", record, BAD, records, 140),
    Parser("ats", parse_ats, BAD, lambda: [bytes.fromhex(ats) for ats in ATS], 64),
    Parser(
        "card-profile",
        card_profiles,
        (card_profile.BadProfile,),
        lambda: [CARD_PROFILES[0].encode(), CARD_PROFILES[2].encode()],
    ),
    Parser("chip-profile", chip_profiles, (card_profile.BadProfile,), lambda: [one.encode() for one in CHIP_PROFILES]),
)
