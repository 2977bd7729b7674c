"""The contact slot through pyscard, pcscd and vsmartcard's vpcd, with the simulated PSAM in the slot."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apdu.errors import LinkLost
from apdu.virtual.simulation import Simulation
from terminal.drivers import contact
from terminal.drivers.contact import open_slot
from terminal.ports import ReaderLost
from tests import pcscd_fixture

real_pcscd = pcscd_fixture.real_pcscd

ROOT = Path(__file__).parent.parent
VPCD_PORT, SLOT = 35963, "Virtual PCD 00 00"
TERMINAL_NUMBER = bytes.fromhex("00B0960006")


@pytest.fixture
def psam(real_pcscd: None) -> Iterator[Simulation]:
    chips = Simulation(udp_port=0, vpcd_port=VPCD_PORT, seed=1)
    chips.start()
    assert chips.slot_face is not None
    assert chips.slot_face.wait_seen(5.0)
    yield chips
    chips.stop()


def test_the_psam_answers_by_t0_and_61xx_is_left_to_the_caller(psam: Simulation) -> None:
    slot = open_slot(SLOT)
    assert SLOT in slot.name
    assert slot.wire.t0
    assert slot.wire.transmit(TERMINAL_NUMBER) == bytes.fromhex("3140000000019000")
    first = slot.wire.transmit(bytes.fromhex("00A40000023F00"))
    assert first[0] == 0x61
    assert len(slot.wire.transmit(bytes((0x00, 0xC0, 0x00, 0x00, first[1])))) == first[1] + 2
    slot.close()


def test_the_slot_is_ours_alone_until_it_is_closed(psam: Simulation) -> None:
    slot = open_slot(SLOT)
    with pytest.raises(ReaderLost, match="another program"):
        open_slot(SLOT)
    slot.close()
    again = open_slot(SLOT)
    again.close()


def test_a_closed_slot_leaves_the_chip_powered_with_its_selected_file(psam: Simulation) -> None:
    slot = open_slot(SLOT)
    assert slot.wire.transmit(TERMINAL_NUMBER)[-2:] == b"\x90\x00"
    slot.wire.transmit(bytes.fromhex("00A40000021001"))
    slot.close()
    again = open_slot(SLOT)
    assert again.wire.transmit(TERMINAL_NUMBER) == b"\x6a\x82"  # that file is the MF's; a reset would be back there
    again.close()


def test_a_chip_that_is_pulled_out_is_linklost_then_readerlost_and_works_again_when_it_is_back(
    psam: Simulation,
) -> None:
    slot = open_slot(SLOT)
    psam.psam_unplug()
    with pytest.raises(LinkLost):
        while True:  # pcscd sees the removal at its next look, 400 ms later at most
            slot.wire.transmit(TERMINAL_NUMBER)
    slot.close()
    with pytest.raises((ReaderLost, LinkLost)):
        while True:
            open_slot(SLOT).close()
    psam.psam_plug()
    slot = open_slot(SLOT)
    assert slot.wire.transmit(TERMINAL_NUMBER)[-2:] == b"\x90\x00"
    slot.close()


def test_a_chip_that_answers_nothing_is_linklost(psam: Simulation) -> None:
    slot = open_slot(SLOT)
    psam.tear("before", chip="psam")
    with pytest.raises(LinkLost):
        slot.wire.transmit(TERMINAL_NUMBER)
    slot.close()


def test_an_unknown_reader_is_reported_with_those_that_there_are(real_pcscd: None) -> None:
    with pytest.raises(ReaderLost, match=r"'nowhere'.*Virtual PCD 00 00, Virtual PCD 00 01.*·"):
        open_slot("nowhere")


def test_without_a_service_the_message_says_how_to_start_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # The address is read by libpcsclite in a process of its own, once; so a new process asks.
    script = (
        "from terminal.drivers.contact import open_slot\n"
        "try:\n    open_slot('x')\n"
        "except Exception as error:\n    print(repr(error))"
    )
    told = subprocess.run(
        [str(ROOT / ".venv" / "bin" / "python"), "-c", script],
        cwd=ROOT,
        env={"PCSCLITE_CSOCK_NAME": "/nowhere/pcscd.comm"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert told.startswith("ReaderLost")
    assert "systemctl start pcscd" in told


class Scard:
    """pyscard's constants over a service that forgets us: what a restart of pcscd leaves of an open slot."""

    def __init__(self) -> None:
        import smartcard.scard

        self._real = smartcard.scard
        self.result = self._real.SCARD_E_NO_SERVICE

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def SCardTransmit(self, *_: Any) -> tuple[int, list[int]]:
        return self.result, []

    def SCardDisconnect(self, *_: Any) -> int:
        return int(self.result)

    SCardReleaseContext = SCardDisconnect


def test_a_slot_whose_service_was_restarted_is_linklost_and_closes_without_a_word() -> None:
    slot = contact.Slot(Scard(), object(), object(), SLOT, 1)
    with pytest.raises(LinkLost, match="PC/SC"):
        slot.wire.transmit(TERMINAL_NUMBER)
    slot.close()


def test_advice_is_given_in_both_languages() -> None:
    for text in (contact.NO_SERVICE, contact.NO_CHIP, contact.MUTE_CHIP, contact.IN_USE, contact.NO_READER):
        english, chinese = text.split(" · ")
        assert english.isascii() and not chinese.isascii()
