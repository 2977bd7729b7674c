"""The contactless reader through nfcpy's udp: driver, against the simulated field and peers that misbehave."""

import contextlib
import errno
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu.errors import LinkLost
from apdu.virtual.simulation import Simulation
from terminal.drivers import contactless
from terminal.drivers.contactless import Reader, open_reader
from terminal.drivers.isodep import ACK
from terminal.ports import Medium, ReaderLost

SELECT = bytes.fromhex("00A4040009A00000000386980701")
READ_15 = bytes.fromhex("00B0950000")
UID = bytes.fromhex("01020304")
UID_ANSWER = UID + bytes((0x01 ^ 0x02 ^ 0x03 ^ 0x04,))
ATS = bytes.fromhex("0578807002")

Answer = Callable[[bytes], bytes | None]


@pytest.fixture
def simulation() -> Iterator[Simulation]:
    with nameless_socket() as free:
        port = free.getsockname()[1]
    chips = Simulation(udp_port=port, vpcd_port=0, seed=1)
    chips.start()
    yield chips
    chips.stop()


@pytest.fixture
def reader(simulation: Simulation) -> Iterator[Reader]:
    opened = open_reader(f"udp:127.0.0.1:{simulation.field_face.port}")
    yield opened
    opened.close()


def enter(simulation: Simulation, **spec: Any) -> None:
    simulation.enter(simulation.add({"serial": "0000000012345678"} | spec))


class Peer:
    """A card on UDP that does the anticollision properly and from RATS on answers as it is told, in raw datagrams."""

    def __init__(self, answer: Callable[[bytes], bytes | None], sak: int = 0x20) -> None:
        self.answer = answer
        self.sak = sak
        self.frames: list[bytes] = []
        self._socket = nameless_socket()
        self.path = f"udp:127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                message, reader = self._socket.recvfrom(2048)
                if message == b"END":
                    break
                if not message.startswith(b"106A"):
                    continue
                frame = bytes.fromhex(message[5:].decode())
                answer = self._answer(frame)
                if answer is not None:
                    self._socket.sendto(answer, reader)
        self._socket.close()

    def _answer(self, frame: bytes) -> bytes | None:
        fixed = {b"\x26": b"\x04\x00", b"\x93\x20": UID_ANSWER, b"\x93\x70" + UID_ANSWER: bytes((self.sak,))}
        if frame in fixed:
            return in_hex(fixed[frame])
        self.frames.append(frame)
        return self.answer(frame)

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as poke:
            poke.sendto(b"END", ("127.0.0.1", int(self.path.rsplit(":")[-1])))


def nameless_socket() -> socket.socket:
    """A UDP socket on a port without a name in /etc/services, as nfcpy needs it."""
    while True:
        bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        if socket.getnameinfo(("127.0.0.1", port), socket.NI_NUMERICHOST)[1] == str(port):
            return bound
        bound.close()


def in_hex(frame: bytes) -> bytes:
    return b"106A " + frame.hex().encode()


@contextlib.contextmanager
def facing(answer: Answer, sak: int = 0x20) -> Iterator[tuple[Reader, Peer]]:
    peer = Peer(answer, sak)
    opened = open_reader(peer.path)
    try:
        yield opened, peer
    finally:
        opened.close()
        peer.close()


def after_rats(answer: Answer, ats: bytes = ATS) -> Answer:
    return lambda frame: in_hex(ats) if frame[0] == 0xE0 else answer(frame)


# --- with the simulated field ---------------------------------------------------------------------------------------


def test_an_empty_field_is_nobody(reader: Reader) -> None:
    assert reader.poll() is None
    assert "udp:127.0.0.1" in reader.name


def test_a_card_is_found_read_and_seen_to_leave(simulation: Simulation, reader: Reader) -> None:
    enter(simulation, uid="0102030405A6A7")
    card = reader.poll()
    assert card is not None
    assert (card.medium, card.uid.hex()) == (Medium.ISO_DEP, "0102030405a6a7")
    assert not card.wire.t0
    assert card.wire.transmit(SELECT)[-2:] == b"\x90\x00"
    assert card.present()
    assert len(card.wire.transmit(READ_15)) == 32
    simulation.leave(notice=True)
    assert not card.present()
    assert reader.poll() is None


@pytest.mark.parametrize("notice", [True, False])
def test_a_card_that_leaves_in_the_middle_is_linklost(simulation: Simulation, reader: Reader, notice: bool) -> None:
    enter(simulation)
    card = reader.poll()
    assert card is not None
    simulation.leave(notice)
    with pytest.raises(LinkLost):
        card.wire.transmit(SELECT)
    assert reader.poll() is None


@pytest.mark.parametrize("ats", ["01", "0278", "0275", "031580", "0578807002", "062875807002"])
def test_a_card_with_a_short_or_odd_ats_is_served_or_unclear(simulation: Simulation, reader: Reader, ats: str) -> None:
    enter(simulation, ats=ats)
    card = reader.poll()
    assert card is not None
    if card.medium is Medium.ISO_DEP:
        assert card.wire.transmit(SELECT)[-2:] == b"\x90\x00"
    else:
        assert (card.medium, ats) in [(Medium.UNCLEAR, "0278"), (Medium.UNCLEAR, "0275")]


def test_a_command_longer_than_the_cards_frame_is_chained(simulation: Simulation, reader: Reader) -> None:
    enter(simulation, ats="0200")
    card = reader.poll()
    assert card is not None
    assert card.wire.transmit(SELECT)[-2:] == b"\x90\x00"


@pytest.mark.parametrize("how", ["bcc", "short", "empty", "collision"])
def test_damaged_anticollision_is_never_a_crash_and_passes(simulation: Simulation, reader: Reader, how: str) -> None:
    enter(simulation)
    simulation.damage(how, times=2)
    seen = [card.medium for card in (reader.poll() for _ in range(4)) if card is not None]
    assert seen[-1] is Medium.ISO_DEP


def test_the_wire_of_an_earlier_poll_talks_to_nobody(simulation: Simulation, reader: Reader) -> None:
    enter(simulation)
    earlier, later = reader.poll(), reader.poll()
    assert earlier is not None and later is not None
    with pytest.raises(LinkLost):
        earlier.wire.transmit(SELECT)
    assert not earlier.present()
    assert later.wire.transmit(SELECT)[-2:] == b"\x90\x00"


def test_extensions_of_the_simulated_card_are_granted(simulation: Simulation, reader: Reader) -> None:
    enter(simulation)
    simulation.wtx(3, "A4")
    card = reader.poll()
    assert card is not None
    assert card.wire.transmit(SELECT)[-2:] == b"\x90\x00"


# --- peers that misbehave -------------------------------------------------------------------------------------------


def test_a_storage_card_has_a_number_and_no_apdus() -> None:
    with facing(lambda frame: None, sak=0x08) as (opened, peer):
        card = opened.poll()
        assert card is not None
        assert (card.medium, card.uid) == (Medium.STORAGE, UID)
        assert card.present()
        with pytest.raises(LinkLost):
            card.wire.transmit(SELECT)
        assert peer.frames == []


@pytest.mark.parametrize(
    "answer",
    [None, b"106A", b"106A zz", b"\xff\xfe 00", b"106A 057880", b"RFOFF", b"106A 00", b"106A 0A7880"],
    ids=["silence", "empty", "no hex", "no text", "cut", "gone", "zero", "longer than it is"],
)
def test_a_card_that_cannot_be_activated_is_unclear(answer: bytes | None) -> None:
    with facing(lambda frame: answer) as (opened, peer):
        card = opened.poll()
        assert card is not None
        assert (card.medium, card.uid) == (Medium.UNCLEAR, UID)
        with pytest.raises(LinkLost):
            card.wire.transmit(SELECT)
        assert [frame[0] for frame in peer.frames] == [0xE0] * 2


def test_an_activation_that_fails_once_is_tried_again_in_the_same_poll() -> None:
    answers = iter([None, in_hex(ATS)])
    with facing(lambda frame: next(answers, None)) as (opened, _):
        card = opened.poll()
        assert card is not None
        assert card.medium is Medium.ISO_DEP


@pytest.mark.parametrize("atqa", [b"106A 04", b"106A 04 00", b"106A zz", b"106A 0C", b"RFOFF", b"\xff"])
def test_nonsense_instead_of_anticollision_is_nobody_or_unclear(atqa: bytes) -> None:
    peer = Peer(lambda frame: None)
    peer._answer = lambda frame: atqa  # type: ignore[method-assign]
    opened = open_reader(peer.path)
    card = opened.poll()
    assert card is None or card.medium is Medium.UNCLEAR
    opened.close()
    peer.close()


@pytest.mark.parametrize("answer", [b"106A", b"106A zz", b"RFOFF", b"\xff\xfe 00"])
def test_nonsense_instead_of_an_answer_is_linklost(answer: bytes) -> None:
    with facing(after_rats(lambda frame: answer)) as (opened, peer):
        card = opened.poll()
        assert card is not None
        with pytest.raises(LinkLost):
            card.wire.transmit(SELECT)
        assert len(peer.frames) <= 8


def test_a_storm_of_extensions_ends() -> None:
    with facing(after_rats(lambda frame: in_hex(b"\xf2\x01"))) as (opened, _):
        card = opened.poll()
        assert card is not None
        with pytest.raises(LinkLost, match="without end"):
            card.wire.transmit(SELECT)


@given(st.lists(st.one_of(st.binary(max_size=20), st.sampled_from([*ACK, b"\xf2\x01"])), max_size=12))
def test_any_frames_through_the_real_stack_are_an_answer_or_linklost(answers: list[bytes]) -> None:
    script = iter(answers)
    with facing(after_rats(lambda frame: in_hex(next(script, b"")), ats=b"\x01")) as (opened, peer):
        card = opened.poll()
        assert card is not None
        with contextlib.suppress(LinkLost):
            assert isinstance(card.wire.transmit(SELECT), bytes)
        assert len(peer.frames) <= len(answers) + 8


def test_closing_deselects_the_card_that_is_still_there() -> None:
    with facing(after_rats(in_hex)) as (opened, peer):
        assert opened.poll() is not None
    assert peer.frames[-1] == b"\xc2"


# --- the reader itself ----------------------------------------------------------------------------------------------


def test_a_dead_simulated_field_is_reported_with_what_to_do() -> None:
    with nameless_socket() as nobody:
        opened = open_reader(f"udp:127.0.0.1:{nobody.getsockname()[1]}")
        with pytest.raises(ReaderLost, match="smk virtual"):
            opened.poll()
        opened.close()


@pytest.mark.parametrize("path", ["", "nothing", "usb:ffff:ffff", "tty:none:pn532", "udp:127.0.0.1:x", "udp:no host:1"])
def test_a_reader_that_cannot_be_opened_says_which_and_what_to_do(path: str) -> None:
    with pytest.raises(ReaderLost, match="·") as lost:
        open_reader(path)
    assert path in str(lost.value)


class Unplugged:
    """A frontend whose device goes at the first exchange."""

    max_send_data_size = max_recv_data_size = 290

    def __init__(self, real: Any) -> None:
        self.sense = real.sense

    def exchange(self, frame: bytes, timeout: float) -> bytes:
        raise OSError(errno.ENODEV, "No such device")

    def close(self) -> None:
        raise RuntimeError("nfcpy trips over the device that is gone")


def test_a_reader_that_is_unplugged_in_an_exchange_is_linklost_then_readerlost() -> None:
    with facing(after_rats(lambda frame: None)) as (opened, _):
        card = opened.poll()
        assert card is not None
        real, opened._frontend = opened._frontend, Unplugged(opened._frontend)
        with pytest.raises(LinkLost):
            card.wire.transmit(SELECT)
        with pytest.raises(ReaderLost, match="cable"):
            opened.poll()
        opened.close()
        opened._frontend = real


def test_a_reader_that_is_unplugged_before_a_poll_is_readerlost() -> None:
    with facing(after_rats(lambda frame: None)) as (opened, _):
        opened._frontend.close()
        with pytest.raises(ReaderLost, match="cable"):
            opened.poll()


def test_a_udp_port_that_nfcpy_cannot_use_is_explained() -> None:
    with pytest.raises(ReaderLost, match="/etc/services"):
        open_reader("udp:127.0.0.1:fido")


def test_advice_is_given_in_both_languages() -> None:
    for text in (*contactless.ADVICE.values(), contactless.UNPLUGGED, contactless.BAD_PATH, contactless.DEAD_FIELD):
        english, chinese = text.split(" · ")
        assert english.isascii() and not chinese.isascii()
