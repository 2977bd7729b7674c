"""A till's reader and PSAM: a card counts when it is put down, both come back after trouble."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from apdu.errors import PsamError
from apdu.script import Wire
from apdu.virtual import issuer
from apdu.virtual.chance import Chance
from apdu.virtual.t0 import T0
from config.hotlist import HotList
from sync.chain import Identity
from sync.journal import Journal
from terminal.chips import Chips
from terminal.desk import Desk
from terminal.ports import ContactlessReader, ContactSlot, Medium, ReaderLost
from tests.bus import MORNING, configuration
from tests.chips import ChipWire, profiles
from tests.tills import Slot, Time


@dataclass
class Lying:
    """A card that lies there for so many looks."""

    looks: int
    uid: bytes = b"\x01"
    medium: Medium = Medium.ISO_DEP
    wire: Wire = field(default_factory=lambda: ChipWire(lambda raw: b"\x6f\x00"))

    def present(self) -> bool:
        self.looks -= 1
        return self.looks >= 0


@dataclass
class Reader:
    """Finds what it is given, one a look; a string is trouble."""

    found: list[Lying | str | None]
    name: str = "simulated"
    closed: bool = False

    def poll(self) -> Lying | None:
        one = self.found.pop(0) if self.found else None
        if isinstance(one, str):
            raise ReaderLost(one)
        return one

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    journal = Journal.open(tmp_path / "journal.db", Identity("00000001", 1, 1), "boot")
    yield Desk(journal, configuration(tmp_path), HotList(MORNING.date(), ()), Time().read())
    journal.close()


def chips(desk: Desk, *readers: Reader, slots: list[object] | None = None) -> Chips:
    waiting, given = list(readers), slots or []

    def open_reader() -> ContactlessReader:
        return cast(ContactlessReader, waiting.pop(0))

    def open_slot() -> ContactSlot:
        one = given.pop(0)
        if isinstance(one, Exception):
            raise one
        return cast(ContactSlot, one)

    return Chips(desk, profiles(), open_reader, open_slot, 0.0, 0.0)


def test_a_card_left_from_the_act_before_must_be_lifted_first(desk: Desk) -> None:
    first, second = Lying(looks=3), Lying(looks=0)
    made = chips(desk, Reader([None, first, second]))
    assert made.card(1.0) is first
    assert made.card(1.0) is second and first.looks < 0, "it was waited for until it had left"


def test_a_card_that_is_never_lifted_is_nobody(desk: Desk) -> None:
    first = Lying(looks=1_000_000_000)
    made = chips(desk, Reader([first, Lying(0)]))
    assert made.card(1.0) is first
    assert made.card(0.05) is None
    made.keep_down()
    assert made.card(1.0) is not None


def test_waiting_ends_when_it_is_given_up_and_two_cards_at_once_are_none(desk: Desk) -> None:
    answers = iter([False, False, True])
    made = chips(desk, Reader([Lying(0, medium=Medium.UNCLEAR)]))
    assert made.card(60.0, lambda: next(answers)) is None


def test_a_reader_that_is_lost_is_opened_anew(desk: Desk) -> None:
    broken, mended = Reader([Lying(0), "unplugged"]), Reader([Lying(0)])
    made = chips(desk, broken, mended)
    assert made.card(1.0) is not None
    with pytest.raises(ReaderLost, match="unplugged"):
        made.card(1.0)
    assert broken.closed and made.card(1.0) is not None


def test_a_psam_that_is_not_there_is_told_and_opened_when_it_is(desk: Desk) -> None:
    psam = ChipWire(T0(issuer.make_psam(bytes.fromhex("314000000001"), 16, Chance("psam"))).transmit, t0=True)
    made = chips(desk, slots=[ReaderLost("no slot"), Slot(psam), Slot(psam)])
    with pytest.raises(PsamError, match="no slot"):
        made.open_psam()
    made.open_psam()
    made.open_psam()
    assert desk.psam.number == "314000000001"
    made.lose_psam()
    with pytest.raises(PsamError):
        desk.psam  # noqa: B018
    made.open_psam()
    assert desk.psam.number == "314000000001"
    made.close()
