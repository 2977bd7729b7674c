"""Whole conversations with a chip that answers whatever it likes: the parser is the script."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from apdu.errors import ApduError, LinkLost
from apdu.purse.debit import debit
from apdu.purse.heal import Open, heal
from apdu.purse.read import Purse, read, select
from apdu.script import Script, Slot, run
from apdu.social import profile as chip_profile
from apdu.social import read as social
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

    def __init__(self, heals: bool) -> None:
        self.bench = Bench(JIAXING)
        self.chips = chip_profile.parse_profiles(CHIP_PROFILES)
        self.heals = heals

    def run(self, script: Script[Any], card: ChipWire) -> Any:
        """One script, bounded."""
        self.bench.psam_wire.sent.clear()
        result = run(script, {Slot.CARD: card, Slot.PSAM: self.bench.psam_wire}, lambda draft: None)
        assert len(card.sent) <= EXCHANGES_MAX, "a conversation without end"
        return result

    def tap(self, card: ChipWire) -> object:
        """Select, then heal a draft or read and debit."""
        found = self.run(select(self.bench.profiles), card)
        if found is None or found.locked:
            return found
        if self.heals:
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


class Recorder(ChipWire):
    """A wire that notes the answers."""

    heard = b""

    def transmit(self, raw: bytes) -> bytes:
        answer = super().transmit(raw)
        self.heard += bytes((len(answer),)) + answer
        return answer


@cache
def talk(heals: bool) -> Talk:
    """The one of this process."""
    return Talk(heals)


def chip(raw: bytes) -> object:
    """The free files of a social-security chip."""
    card, known = hostile(raw), talk(False).chips
    found = talk(False).run(social.select(known), card)
    return None if found is None else talk(False).run(social.read_free(found), card)


def chip_spoken() -> list[bytes]:
    """What an honest one answers."""
    wire = Recorder(T0(make_social(ZHANG)).transmit)
    found = talk(False).run(social.select(talk(False).chips), wire)
    talk(False).run(social.read_free(found), wire)
    return [wire.heard]


PARSERS = (
    Parser("purse-talk", lambda raw: talk(False).tap(hostile(raw)), (ApduError,), lambda: talk(False).spoken(), 1_024),
    Parser("healing-talk", lambda raw: talk(True).tap(hostile(raw)), (ApduError,), lambda: talk(True).spoken(), 1_024),
    Parser("chip-talk", chip, (ApduError,), chip_spoken, 1_024),
)
