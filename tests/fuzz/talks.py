"""Whole conversations with a chip that answers whatever it likes: the parser is the script."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from apdu import crypto
from apdu.errors import ApduError, LinkLost
from apdu.purse.debit import debit
from apdu.purse.heal import Open, heal
from apdu.purse.load import LOAD, Granted, LoadDraft, LoadOrder, OpenLoad, heal_load, load
from apdu.purse.read import Purse, read, select
from apdu.script import Script, Slot, run
from apdu.social import profile as chip_profile
from apdu.social import read as social
from apdu.virtual import issuer
from apdu.virtual.social import make_social
from apdu.virtual.t0 import T0
from tests.chips import Bench, ChipWire
from tests.fuzz.parser import Parser
from tests.fuzz.shipped import CHIP_PROFILES
from tests.test_purse import JIAXING, TUNION, WHEN, order
from tests.test_social import ZHANG

EXCHANGES_MAX = 40
"""More than any script needs: a chip that keeps one talking longer has found an endless loop."""


def answers(raw: bytes) -> Iterator[bytes]:
    """Bytes as a chip's answers: a length, then so many bytes, until none are left."""
    at = 0
    while at < len(raw):
        yield raw[at + 1 : at + 1 + raw[at]]
        at += 1 + raw[at]


def hostile(raw: bytes) -> ChipWire:
    """A chip that answers from a list, whatever it is asked, and then is gone."""
    told = answers(raw)

    def reply(_command: bytes) -> bytes:
        answer = next(told, None)
        if answer is None:
            raise LinkLost("gone")
        return answer

    return ChipWire(reply)


class Talk:
    """A terminal's side, made once: its PSAM opens in milliseconds, an input takes microseconds."""

    def __init__(self, about: str) -> None:
        """`about`: "debit", "heal", "load" or "heal_load"."""
        self.bench = Bench(JIAXING)
        self.chips = chip_profile.parse_profiles(CHIP_PROFILES)
        self.about = about

    def run(self, script: Script[Any], card: ChipWire) -> Any:
        """One script, bounded."""
        self.bench.psam_wire.sent.clear()
        result = run(script, {Slot.CARD: card, Slot.PSAM: self.bench.psam_wire}, lambda draft: None)
        assert len(card.sent) <= EXCHANGES_MAX, "a conversation without end"
        return result

    def tap(self, card: ChipWire) -> object:
        """Select, then heal a draft or load, load, or read and debit."""
        found = self.run(select(self.bench.profiles), card)
        if found is None or found.locked:
            return found
        if self.about == "load":
            return self.run(load(LoadOrder(found, TILL, 100), granted), card)
        if self.about == "heal_load":
            return self.run(heal_load(found, OpenLoad(JIAXING.load_counter, 100, TILL)), card)
        if self.about == "heal":
            return self.run(heal(found, self.bench.psam, self.draft(found)), card)
        return self.run(debit(order(self.bench, self.run(read(found), card), 100, "09")), card)

    def draft(self, found: Purse) -> Open:
        """A draft that this card may have left."""
        cached = tuple(bytes(one.layout.size) for one in found.profile.caches)
        return Open("09", JIAXING.counter, 100, WHEN, self.bench.psam.number, cached)

    def spoken(self) -> list[bytes]:
        """What honest cards answer, in the form that `answers` reads."""
        heard = []
        for spec in (JIAXING, TUNION):
            card = Bench(spec).card
            assert card.chip is not None
            wire = Recorder(card.chip.transmit)
            self.tap(wire)
            heard.append(wire.heard)
        return heard


def granted(draft: LoadDraft) -> Granted:
    """The issuer's yes, by its own key."""
    purse, opened = draft.order.purse, draft.opened
    master = issuer.TUNION if purse.profile.scheme == "tunion" else issuer.MOHURD
    card_key = issuer.card_keys(master, purse.serial, purse.issuer_factor).load
    session = crypto.session_key(card_key, opened.random, opened.counter.to_bytes(2, "big"), b"\x80\x00")
    return Granted(crypto.mac(session, bytes.fromhex(f"00000064{LOAD}{TILL}{WHEN}")), WHEN)


class Recorder(ChipWire):
    """A wire that notes the answers."""

    heard = b""

    def transmit(self, raw: bytes) -> bytes:
        answer = super().transmit(raw)
        self.heard += bytes((len(answer),)) + answer
        return answer


TILL = "000000000001"


@cache
def talk(about: str) -> Talk:
    """The one of this process."""
    return Talk(about)


def chip(raw: bytes) -> object:
    """The free files of a social-security chip."""
    card, known = hostile(raw), talk("debit").chips
    found = talk("debit").run(social.select(known), card)
    return None if found is None else talk("debit").run(social.read_free(found), card)


def chip_spoken() -> list[bytes]:
    """What an honest one answers."""
    wire = Recorder(T0(make_social(ZHANG)).transmit)
    found = talk("debit").run(social.select(talk("debit").chips), wire)
    talk("debit").run(social.read_free(found), wire)
    return [wire.heard]


def talking(name: str, about: str) -> Parser:
    """A conversation with a hostile card."""
    return Parser(
        name, lambda raw: talk(about).tap(hostile(raw)), (ApduError,), lambda: talk(about).spoken(), 1_024
    )


PARSERS = (
    talking("purse-talk", "debit"),
    talking("healing-talk", "heal"),
    talking("load-talk", "load"),
    talking("load-healing-talk", "heal_load"),
    Parser("chip-talk", chip, (ApduError,), chip_spoken, 1_024),
)
