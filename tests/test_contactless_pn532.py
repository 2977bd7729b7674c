"""The same reader through nfcpy's PN532 driver: only the path changes."""

import nfc
import nfc.clf
import pytest

from apdu.errors import LinkLost
from apdu.virtual.isodep import IsoDepCard
from terminal.drivers.contactless import Reader
from terminal.ports import Medium, ReaderLost
from tests.pn532 import Pn532, frontend

UID = bytes.fromhex("0102030405A6A7")
COMMAND = bytes(range(200))


def card(ats: str = "0578807002", sak: int = 0x20) -> IsoDepCard:
    """A card that answers each command with its bytes in reverse."""
    return IsoDepCard(UID, b"\x44\x00", sak, bytes.fromhex(ats), lambda apdu: bytes(reversed(apdu)))


def reader(chip: Pn532) -> Reader:
    return Reader(nfc, frontend(chip), "tty:USB0:pn532")


def test_a_card_is_found_talked_to_and_seen_to_leave() -> None:
    chip = Pn532()
    opened = reader(chip)
    assert opened.name == "PN532v1.6 at tty:USB0:pn532"
    assert opened.poll() is None
    chip.card = card()
    found = opened.poll()
    assert found is not None
    assert (found.uid, found.medium) == (UID, Medium.ISO_DEP)
    assert found.wire.transmit(COMMAND) == bytes(reversed(COMMAND))
    assert found.present()
    chip.card = None
    assert not found.present()
    assert opened.poll() is None
    opened.close()


@pytest.mark.parametrize("ats", ["01", "0200", "0208"])
def test_chains_of_any_frame_size_pass(ats: str) -> None:
    opened = reader(Pn532(card(ats)))
    found = opened.poll()
    assert found is not None
    assert found.wire.transmit(COMMAND) == bytes(reversed(COMMAND))
    opened.close()


def test_a_storage_card_is_told_from_a_cpu_card() -> None:
    opened = reader(Pn532(card(sak=0x08)))
    found = opened.poll()
    assert found is not None
    assert (found.uid, found.medium) == (UID, Medium.STORAGE)
    assert found.present()
    opened.close()


def test_a_card_that_falls_silent_is_linklost() -> None:
    chip = Pn532(card())
    opened = reader(chip)
    found = opened.poll()
    assert found is not None
    chip.card = None
    chip.commands.clear()
    with pytest.raises(LinkLost, match="silent"):
        found.wire.transmit(COMMAND)
    assert 2 <= chip.commands.count(0x42) <= 6
    opened.close()


@pytest.mark.parametrize("during", ["exchange", "poll"])
def test_a_pn532_that_is_unplugged_is_readerlost(during: str) -> None:
    chip = Pn532(card())
    opened = reader(chip)
    found = opened.poll()
    assert found is not None
    chip.unplugged = True
    if during == "exchange":
        with pytest.raises(LinkLost):
            found.wire.transmit(COMMAND)
    with pytest.raises(ReaderLost, match="cable"):
        opened.poll()
    opened.close()
