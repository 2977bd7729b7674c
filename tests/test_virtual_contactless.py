"""The simulated field under nfcpy's real stack, and its faults one by one."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import nfc
import nfc.clf
import nfc.tag
import nfc.tag.tt4
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu.virtual.cards import Card, image, personalise
from apdu.virtual.chance import Chance
from apdu.virtual.contactless import ContactlessFace, Field
from apdu.virtual.faults import Answer, Extension, Gone, Tear, Trigger, Unit
from apdu.virtual.issuer import make_psam
from apdu.virtual.spec import CardSpec

# FWI 0 (0.3 ms): nfcpy's retries after a loss cost milliseconds.
QUICK_ATS = "0578800002"
SPEC = CardSpec(serial="0000000000000001", balance_fen=10000, counter=5, ats=QUICK_ATS)
SELECT = bytes.fromhex("00A4040009A00000000386980701")
BALANCE = bytes.fromhex("805C000204")


@pytest.fixture
def face() -> Iterator[ContactlessFace]:
    one = ContactlessFace(Field(), 0, threading.Lock())
    one.start()
    yield one
    one.stop()


@pytest.fixture
def reader(face: ContactlessFace) -> Iterator[Any]:
    clf = nfc.ContactlessFrontend(f"udp:127.0.0.1:{face.port}")
    yield clf
    clf.close()


def sense(clf: Any) -> Any:
    return clf.sense(nfc.clf.RemoteTarget("106A"))


def tag_of(clf: Any) -> Any:
    target = sense(clf)
    assert target is not None
    tag = nfc.tag.activate(clf, target)
    assert isinstance(tag, nfc.tag.tt4.Type4Tag)
    return tag


def entered(face: ContactlessFace, spec: CardSpec = SPEC) -> Card:
    card = personalise(spec)
    face.enter(card)
    return card


def test_an_empty_field_answers_a_request_at_once_with_nothing(face: ContactlessFace) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as raw:
        raw.settimeout(5)
        for asked, answered in ((b"106A 26", b"106A "), (b"106B 050010", b"106B "), (b"212F 0600FFFF0100", b"212F ")):
            raw.sendto(asked, ("127.0.0.1", face.port))
            assert raw.recv(100) == answered


def test_nfcpy_finds_no_card_in_an_empty_field_and_then_the_one_that_enters(face: ContactlessFace, reader: Any) -> None:
    assert sense(reader) is None
    entered(face)
    assert bytes(sense(reader).sdd_res) == personalise(SPEC).uid
    face.leave(notice=False)
    assert sense(reader) is None


@pytest.mark.parametrize("uid", ["51020304", "04010203040506"])
def test_nfcpy_talks_to_cards_with_short_and_long_uids(face: ContactlessFace, reader: Any, uid: str) -> None:
    entered(face, replace(SPEC, uid=uid))
    tag = tag_of(reader)
    assert tag.identifier == bytes.fromhex(uid)
    assert tag.transceive(SELECT)[:2] == b"\x6f\x32"


def test_nfcpy_chains_a_long_record_into_a_card_with_small_frames(face: ContactlessFace, reader: Any) -> None:
    spec = replace(SPEC, kind="tunion", issuer="02002900FFFFFFFF", ats="0570800002")  # FSC 16
    entered(face, spec)
    tag = tag_of(reader)
    tag.transceive(bytes.fromhex("00A4040008A000000632010105"))
    tag.transceive(bytes.fromhex("805003020B01000000003140000000010F"))
    assert tag.transceive(bytes.fromhex("80DC02D080" + "27027D" + "00" * 125)) == b"\x90\x00"


def test_a_mifare_card_is_seen_and_is_no_type_4_tag(face: ContactlessFace, reader: Any) -> None:
    entered(face, replace(SPEC, kind="mifare"))
    target = sense(reader)
    assert target.sel_res == b"\x08"
    assert not isinstance(nfc.tag.activate(reader, target), nfc.tag.tt4.Type4Tag)


@pytest.mark.parametrize("ats", ["01", "0275"])
def test_a_short_ats_goes_over_the_air_as_it_is(face: ContactlessFace, reader: Any, ats: str) -> None:
    entered(face, replace(SPEC, ats=ats))
    assert sense(reader) is not None
    assert reader.exchange(b"\xe0\x80", timeout=1.0) == bytes.fromhex(ats)
    assert reader.exchange(b"\x02" + SELECT, timeout=1.0)[:3] == b"\x02\x6f\x32"


def test_deselect_on_raw_frames_halts_the_card_until_the_field_was_off(face: ContactlessFace, reader: Any) -> None:
    entered(face)
    tag_of(reader)
    assert reader.exchange(b"\xc2", timeout=1.0) == b"\xc2"
    with pytest.raises(nfc.clf.TransmissionError):
        reader.exchange(b"\x26", timeout=1.0)
    assert sense(reader) is not None


def test_the_reader_s_field_going_off_resets_the_chip(face: ContactlessFace, reader: Any) -> None:
    card = entered(face)
    tag_of(reader).transceive(SELECT)
    assert card.chip is not None and card.chip.current is card.purse
    sense(reader)
    assert card.chip.current is card.chip.root


def test_a_reader_that_comes_anew_without_a_word_finds_the_card_reset(face: ContactlessFace, reader: Any) -> None:
    entered(face)
    tag_of(reader).transceive(SELECT)
    other = nfc.ContactlessFrontend(f"udp:127.0.0.1:{face.port}")
    assert sense(other) is not None
    other.close()


def test_leaving_with_notice_breaks_the_link_at_once(face: ContactlessFace, reader: Any) -> None:
    entered(face)
    tag = tag_of(reader)
    face.leave(notice=True)
    with pytest.raises(nfc.clf.BrokenLinkError):
        tag.transceive(SELECT)


def test_leaving_without_notice_is_silence(face: ContactlessFace, reader: Any) -> None:
    entered(face)
    tag = tag_of(reader)
    face.leave(notice=False)
    with pytest.raises(nfc.tag.TagCommandError):
        tag.transceive(SELECT)


def test_a_silent_card_is_silent_and_speaks_when_it_enters_again(face: ContactlessFace, reader: Any) -> None:
    card = entered(face)
    tag = tag_of(reader)
    face.field.faults.silent = True
    with pytest.raises(nfc.tag.TagCommandError):
        tag.transceive(SELECT)
    assert sense(reader) is None
    face.enter(card)
    assert sense(reader) is not None


@pytest.mark.parametrize("how", ["bcc", "short", "empty", "collision"])
def test_a_damaged_anticollision_finds_nothing_and_the_next_one_finds_the_card(
    face: ContactlessFace, reader: Any, how: str
) -> None:
    entered(face)
    face.field.faults.damage, face.field.faults.damage_times = how, 2
    assert [sense(reader) is not None for _ in range(3)] == [False, False, True]


@pytest.mark.parametrize(("garbled", "lost"), [(1, 0), (3, 0), (0, 1), (1, 1)])
def test_nfcpy_recovers_from_damaged_and_lost_frames_and_nothing_runs_twice(
    face: ContactlessFace, reader: Any, garbled: int, lost: int
) -> None:
    entered(face)
    tag = tag_of(reader)
    face.field.faults.garble_times, face.field.faults.lose_times = garbled, lost
    assert tag.transceive(SELECT)[-2:] == b"\x90\x00"
    assert face.field.counts[0xA4] == 1
    assert face.field.faults.armed() == 0


def test_bytes_altered_unseen_reach_the_reader(face: ContactlessFace, reader: Any) -> None:
    entered(face)
    tag = tag_of(reader)
    face.field.faults.garble_times, face.field.faults.garble_bytes = 1, True
    with pytest.raises(nfc.tag.TagCommandError):
        tag.transceive(SELECT)


def test_nfcpy_grants_more_time_to_a_card_that_asks(face: ContactlessFace, reader: Any) -> None:
    entered(face)
    tag = tag_of(reader)
    face.field.faults.extensions.append(Extension(Trigger(ins=0xA4), 59))
    assert tag.transceive(SELECT)[-2:] == b"\x90\x00"
    assert face.field.faults.armed() == 0


def test_a_scripted_answer_replaces_the_chip_s_as_often_as_told(face: ContactlessFace, reader: Any) -> None:
    card = entered(face)
    tag = tag_of(reader)
    face.field.faults.answers.append(Answer(Trigger(ins=0x5C, nth=2), b"\x65\x81", times=2))
    tag.transceive(SELECT)
    answers = [tag.transceive(BALANCE)[-2:].hex() for _ in range(4)]
    assert answers == ["9000", "6581", "6581", "9000"]
    face.field.faults.answers.append(Answer(Trigger(ins=0x50), b"", execute=True))
    assert not tag.transceive(bytes.fromhex("805001020B01000000003140000000010F"))
    assert card.purse is not None and card.purse.session is not None


@pytest.mark.parametrize(("side", "executed"), [("before", False), ("after", True)])
@pytest.mark.parametrize("notice", [False, True])
def test_a_torn_card_is_gone_and_keeps_what_it_did(
    face: ContactlessFace, reader: Any, side: str, executed: bool, notice: bool
) -> None:
    card = entered(face)
    tag = tag_of(reader)
    tag.transceive(SELECT)
    face.field.faults.tears.append(Tear(Trigger(ins=0x84), side, notice))
    draws = card.chip.chance.draws if card.chip else 0
    with pytest.raises(nfc.clf.BrokenLinkError if notice else nfc.tag.TagCommandError):
        tag.transceive(bytes.fromhex("0084000004"))
    assert card.chip is not None and card.chip.chance.draws - draws == executed
    assert face.field.card is None
    assert sense(reader) is None
    face.enter(card)
    assert sense(reader) is not None


@given(st.lists(st.binary(max_size=60), max_size=10))
def test_any_datagrams_leave_the_field_working(datagrams: list[bytes]) -> None:
    face = ContactlessFace(Field(), 0, threading.Lock())
    face.start()
    try:
        face.enter(personalise(SPEC))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as raw:
            raw.settimeout(5)
            for datagram in datagrams:
                raw.sendto(datagram, ("127.0.0.1", face.port))
            raw.sendto(b"RFOFF", ("127.0.0.1", face.port))
            raw.sendto(b"106A 52", ("127.0.0.1", face.port))
            while raw.recv(2048) != b"106A 0800":
                pass
    finally:
        face.stop()


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=20))
def test_any_frames_to_a_field_with_a_card_never_raise(frames: list[bytes]) -> None:
    field = Field()
    field.enter(personalise(SPEC))
    for frame in frames:
        field.receive(frame)


class Terminal:
    """A composite purchase frame by frame, straight into the field."""

    def __init__(self, field: Field) -> None:
        self.field = field
        self.psam = make_psam(bytes.fromhex("314000000001"), 16, Chance("psam"))
        self.psam.transmit(bytes.fromhex("00A40000021001"))
        self.number = 0

    def frame(self, raw: bytes) -> bytes:
        answer, _ = self.field.receive(raw)
        assert answer
        return answer

    def ask(self, text: str) -> bytes:
        answer = self.frame(bytes((0x02 | self.number,)) + bytes.fromhex(text))
        self.number ^= 1
        return answer[1:-2]

    def pay(self) -> None:
        self.frame(b"\x26")
        level = self.frame(b"\x93\x20")
        self.frame(b"\x93\x70" + level)
        self.frame(b"\xe0\x80")
        self.ask(SELECT.hex())
        opened = self.ask("805003020B01000000963140000000010F")
        order = opened[11:15] + opened[4:6] + bytes.fromhex("000000960920100315081530") + opened[9:11]
        order += bytes.fromhex("0000000000000001" + "3140FF0000000000")
        signed = self.psam.transmit(bytes.fromhex(f"8070000024{order.hex()}"))
        self.ask("80DC09B830092E00" + "AB" * 45)
        self.ask(f"805401000F{signed[:4].hex()}20100315081530{signed[4:8].hex()}08")


PURCHASE_FRAMES = 8


def test_an_untorn_purchase_takes_as_many_frames_as_the_tears_below() -> None:
    field = Field()
    field.enter(personalise(SPEC))
    Terminal(field).pay()
    assert field.frames == PURCHASE_FRAMES


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("nth", range(1, PURCHASE_FRAMES + 1))
def test_a_purchase_torn_at_any_frame_happened_wholly_or_not_at_all(nth: int, side: str) -> None:
    card, done, field = personalise(SPEC), personalise(SPEC), Field()
    untouched = image(card)
    field.enter(done)
    Terminal(field).pay()
    field.enter(card)
    field.faults.tears.append(Tear(Trigger(nth=nth, unit=Unit.FRAME), side))
    with pytest.raises(Gone):
        Terminal(field).pay()
    field.leave()
    happened = nth == PURCHASE_FRAMES and side == "after"
    assert image(card) | {"draws": 0} == image(done if happened else personalise(SPEC)) | {"draws": 0}
    assert (image(card)["balance_fen"] == untouched["balance_fen"] - 150) == happened
