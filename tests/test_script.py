"""`run`: whatever breaks a conversation after its hold is Torn, whatever breaks it before is what it was."""

import pytest

from apdu.command import Command, Response
from apdu.errors import LinkLost, Malformed, PsamError, StatusError, Torn
from apdu.script import Script, Slot, hold, run, send

READ = Command(0x00, 0xB0, 0x00, 0x00, name="READ")
DEBIT = Command(0x80, 0x54, 0x01, 0x00, name="DEBIT", repeatable=False)


class Wire:
    """Answers what it is told to, or is lost."""

    t0 = False

    def __init__(self, *answers: bytes | None) -> None:
        self.answers = list(answers)
        self.sent = 0

    def transmit(self, raw: bytes) -> bytes:
        self.sent += 1
        answer = self.answers.pop(0)
        if answer is None:
            raise LinkLost("gone")
        return answer


def conversation(slot: Slot = Slot.CARD) -> Script[str]:
    """Read, hold, debit."""
    yield from send(slot, READ)
    yield from hold("draft")
    answer: Response = yield from send(slot, DEBIT)
    return answer.data.hex()


def test_a_conversation_returns_its_result_and_holds_in_between() -> None:
    order: list[str] = []
    wire = Wire(b"\x90\x00", b"\xaa\x90\x00")

    def keep(draft: str) -> None:
        order.append(f"{draft} after {wire.sent}")

    assert run(conversation(), {Slot.CARD: wire}, keep) == "aa"
    assert order == ["draft after 1"]


@pytest.mark.parametrize("answer, cause", [(None, LinkLost), (b"\x69\x85", StatusError), (b"\x90", Malformed)])
def test_trouble_before_the_hold_is_what_it_is(answer: bytes | None, cause: type[Exception]) -> None:
    with pytest.raises(cause):
        run(conversation(), {Slot.CARD: Wire(answer)}, lambda draft: None)


@pytest.mark.parametrize("answer, cause", [(None, LinkLost), (b"\x69\x85", StatusError), (b"\x90", Malformed)])
def test_trouble_after_the_hold_is_torn_with_its_cause(answer: bytes | None, cause: type[Exception]) -> None:
    with pytest.raises(Torn) as torn:
        run(conversation(), {Slot.CARD: Wire(b"\x90\x00", answer)}, lambda draft: None)
    assert torn.value.draft == "draft"
    assert isinstance(torn.value.cause, cause)


def test_a_hold_that_fails_ends_the_conversation_before_the_debit() -> None:
    wire = Wire(b"\x90\x00", b"\x90\x00")

    def keep(draft: str) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        run(conversation(), {Slot.CARD: wire}, keep)
    assert wire.sent == 1


def test_a_lost_psam_is_the_psams_trouble_and_a_script_may_answer_it() -> None:
    with pytest.raises(PsamError):
        run(conversation(Slot.PSAM), {Slot.PSAM: Wire(None)}, lambda draft: None)

    def forgiving() -> Script[str]:
        try:
            yield from send(Slot.PSAM, READ)
        except PsamError:
            return "went on"
        return "answered"

    assert run(forgiving(), {Slot.PSAM: Wire(None)}, lambda draft: None) == "went on"


def test_only_the_named_statuses_are_accepted() -> None:
    def lenient() -> Script[int]:
        answer = yield from send(Slot.CARD, READ, 0x9000, 0x6A82)
        return answer.sw

    assert run(lenient(), {Slot.CARD: Wire(b"\x6a\x82")}, lambda draft: None) == 0x6A82
    with pytest.raises(StatusError) as refused:
        run(lenient(), {Slot.CARD: Wire(b"\x6a\x83")}, lambda draft: None)
    assert refused.value.sw == 0x6A83
