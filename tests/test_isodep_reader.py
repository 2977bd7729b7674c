"""The reader's ISO-DEP session against scripted cards, any bytes, and the simulated card over a lossy air."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu.errors import LinkLost, Malformed
from apdu.virtual.isodep import IsoDepCard
from terminal.drivers import limits
from terminal.drivers.isodep import ACK, DELTA_S, FRAME_SIZES, NAK, Ats, IsoDep, frame_size, parse_ats, waiting_time_s

SEND_MAX = 290
COMMAND = bytes.fromhex("00B0950000")
ANSWER = bytes.fromhex("0102039000")


def pn53x(wait_s: float) -> float:
    """How long a PN53x really waits, with 10 ms for its host commands."""
    units = 1e-4
    while units < wait_s:
        units *= 2
    return units + 0.010


class ScriptedAir:
    """Answers frames from a list, then with silence; silence takes its time on a clock of its own."""

    def __init__(self, *answers: bytes | None, lasts: Callable[[float], float] = lambda wait_s: wait_s) -> None:
        self.answers = list(answers)
        self.frames: list[bytes] = []
        self.waits: list[float] = []
        self.now_s = 100.0
        self._lasts = lasts

    def __call__(self, frame: bytes, wait_s: float) -> bytes | None:
        self.frames.append(frame)
        self.waits.append(wait_s)
        answer = self.answers.pop(0) if self.answers else None
        self.now_s += self._lasts(wait_s) if answer is None else 0.001
        return answer

    def session(self, fwi: int = 8, size: int = 256, send_max: int = SEND_MAX) -> IsoDep:
        return IsoDep(self, Ats(size, fwi, 0.0), send_max, now=lambda: self.now_s)


def i_block(number: int, part: bytes, more: bool = False) -> bytes:
    return bytes(((0x12 if more else 0x02) | number,)) + part


# --- answer to select -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "size", "fwi"),
    [
        ("01", 32, 4),
        ("0205", 64, 4),
        ("020541", 0, 0),
        ("0302AA", 32, 4),
        ("031580", 64, 4),
        ("032581", 64, 8),
        ("034502", 64, 4),
        ("04358071", 64, 7),
        ("0578807002", 256, 7),
        ("0578807002AABB", 0, 0),
        ("0778807002AABB", 256, 7),
        ("0578F0F002", 256, 4),
        ("057C80E002", 256, 14),
        ("0478807002", 0, 0),
        ("0278", 0, 0),
        ("", 0, 0),
        ("00", 0, 0),
    ],
)
def test_an_ats_of_any_legal_length_is_read_and_no_other(raw: str, size: int, fwi: int) -> None:
    if size:
        ats = parse_ats(bytes.fromhex(raw))
        assert (ats.frame_size, ats.fwi) == (size, fwi)
    else:
        with pytest.raises(Malformed):
            parse_ats(bytes.fromhex(raw))


def test_the_guard_time_is_the_cards_within_reason() -> None:
    assert parse_ats(bytes.fromhex("032870")).guard_s == 0
    assert parse_ats(bytes.fromhex("032871")).guard_s == pytest.approx(604e-6, rel=0.01)
    assert parse_ats(bytes.fromhex("03287E")).guard_s == limits.GUARD_S_MAX
    assert parse_ats(bytes.fromhex("03287F")).guard_s == 0


@given(st.binary(max_size=40))
def test_any_bytes_as_ats_give_a_value_or_malformed(raw: bytes) -> None:
    try:
        ats = parse_ats(raw)
    except Malformed:
        return
    assert ats.frame_size in FRAME_SIZES
    assert 0 <= ats.fwi <= 14
    assert 0 <= ats.guard_s <= limits.GUARD_S_MAX


# --- silence --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lasts", [lambda wait_s: wait_s, pn53x], ids=["exact", "pn53x"])
@pytest.mark.parametrize("fwi", range(9))
def test_a_silent_card_stalls_the_reader_at_most_300_ms_with_a_retry(fwi: int, lasts: Callable[[float], float]) -> None:
    air = ScriptedAir(lasts=lasts)
    session = air.session(fwi)
    with pytest.raises(LinkLost, match="silent"):
        session.transmit(COMMAND)
    assert air.now_s - 100 <= limits.SILENCE_S_MAX
    assert air.frames[1] == NAK[0]
    assert all(wait_s >= waiting_time_s(fwi) for wait_s in air.waits)


@pytest.mark.parametrize("lasts", [lambda wait_s: wait_s, pn53x], ids=["exact", "pn53x"])
@pytest.mark.parametrize("fwi", range(9, 15))
def test_above_fwi_8_silence_takes_one_waiting_time_and_one_retry(fwi: int, lasts: Callable[[float], float]) -> None:
    air = ScriptedAir(lasts=lasts)
    with pytest.raises(LinkLost):
        air.session(fwi).transmit(COMMAND)
    assert len(air.frames) == 2
    assert all(wait_s >= waiting_time_s(fwi) for wait_s in air.waits)


def test_damaged_answers_are_asked_for_again_a_few_times() -> None:
    air = ScriptedAir(*[b""] * limits.RETRIES_MAX, i_block(0, ANSWER))
    assert air.session().transmit(COMMAND) == ANSWER
    air = ScriptedAir(*[b""] * 100)
    with pytest.raises(LinkLost, match="damaged"):
        air.session().transmit(COMMAND)
    assert len(air.frames) == 1 + limits.RETRIES_MAX


def test_after_a_loss_nothing_more_is_sent() -> None:
    air = ScriptedAir()
    session = air.session()
    with pytest.raises(LinkLost):
        session.transmit(COMMAND)
    sent = len(air.frames)
    with pytest.raises(LinkLost):
        session.transmit(COMMAND)
    session.deselect()
    assert len(air.frames) == sent


# --- waiting time extensions ----------------------------------------------------------------------------------------


def test_an_extension_is_granted_without_the_power_level_and_waited_for_in_full() -> None:
    air = ScriptedAir(b"\xf2\xca", i_block(0, ANSWER))
    assert air.session(fwi=8).transmit(COMMAND) == ANSWER
    assert air.frames[1] == b"\xf2\x0a"
    assert air.waits[1] == pytest.approx(10 * waiting_time_s(8) + DELTA_S)


def test_silence_after_an_extension_has_one_retry_even_when_the_wait_was_long() -> None:
    air = ScriptedAir(b"\xf2\x0a")
    with pytest.raises(LinkLost):
        air.session(fwi=8).transmit(COMMAND)
    assert air.frames[1:] == [b"\xf2\x0a", NAK[0]]


def test_the_answer_that_was_lost_after_an_extension_is_fetched() -> None:
    air = ScriptedAir(b"\xf2\x01", None, i_block(0, ANSWER))
    assert air.session().transmit(COMMAND) == ANSWER


def test_no_extension_is_longer_than_the_longest_waiting_time() -> None:
    air = ScriptedAir(b"\xf2\x3b", i_block(0, ANSWER))
    assert air.session(fwi=14).transmit(COMMAND) == ANSWER
    assert air.waits[1] == pytest.approx(waiting_time_s(14) + DELTA_S)


@pytest.mark.parametrize("request_", [b"\xf2\x00", b"\xf2\xc0", b"\xf2\x3c", b"\xf2\x3f", b"\xf2", b"\xf2\x01\x01"])
def test_a_senseless_extension_counts_as_damage(request_: bytes) -> None:
    air = ScriptedAir(request_, i_block(0, ANSWER))
    assert air.session().transmit(COMMAND) == ANSWER
    assert air.frames[1] == NAK[0]


def test_extensions_come_to_an_end_by_number_and_by_time() -> None:
    air = ScriptedAir(*[b"\xf2\x01"] * 10_000)
    with pytest.raises(LinkLost, match="without end"):
        air.session(fwi=0).transmit(COMMAND)
    assert len(air.frames) == 1 + limits.EXTENSIONS_MAX
    air = ScriptedAir(*[b"\xf2\x3b"] * 10_000)
    with pytest.raises(LinkLost, match="without end"):
        air.session(fwi=8).transmit(COMMAND)
    assert sum(air.waits[1:]) < limits.EXTENSION_S_MAX + waiting_time_s(14) + 3 * DELTA_S


def test_each_command_has_its_own_extensions() -> None:
    air = ScriptedAir(*[b"\xf2\x01"] * 60, i_block(0, ANSWER), *[b"\xf2\x01"] * 60, i_block(1, ANSWER))
    session = air.session()
    assert session.transmit(COMMAND) == ANSWER
    assert session.transmit(COMMAND) == ANSWER


def test_an_extension_inside_a_chained_answer_is_granted() -> None:
    air = ScriptedAir(i_block(0, ANSWER[:2], more=True), b"\xf2\x02", i_block(1, ANSWER[2:]))
    assert air.session().transmit(COMMAND) == ANSWER
    assert air.frames[1:] == [ACK[1], b"\xf2\x02"]


# --- block numbers and chains ---------------------------------------------------------------------------------------


def test_block_numbers_alternate() -> None:
    air = ScriptedAir(i_block(0, ANSWER), i_block(1, ANSWER), i_block(0, ANSWER))
    session = air.session()
    for _ in range(3):
        session.transmit(COMMAND)
    assert [frame[0] for frame in air.frames] == [0x02, 0x03, 0x02]


def test_an_answer_with_the_wrong_number_is_not_ours() -> None:
    air = ScriptedAir(i_block(1, b"stale\x90\x00"), i_block(0, ANSWER))
    assert air.session().transmit(COMMAND) == ANSWER
    assert air.frames[1] == NAK[0]


def test_a_command_that_the_card_missed_is_sent_again() -> None:
    air = ScriptedAir(None, ACK[1], i_block(0, ANSWER))
    assert air.session().transmit(COMMAND) == ANSWER
    assert air.frames == [b"\x02" + COMMAND, NAK[0], b"\x02" + COMMAND]


def test_a_stray_acknowledgement_never_sends_a_command_twice() -> None:
    air = ScriptedAir(ACK[1], i_block(0, ANSWER))
    assert air.session().transmit(COMMAND) == ANSWER
    assert air.frames == [b"\x02" + COMMAND, NAK[0]]


def test_a_card_that_misses_a_command_for_ever_is_given_up() -> None:
    air = ScriptedAir(*[b"", ACK[1]] * 1000)
    with pytest.raises(LinkLost):
        air.session().transmit(COMMAND)
    assert len(air.frames) <= 2 + 2 * limits.RETRIES_MAX


@pytest.mark.parametrize(("size", "send_max"), [(16, SEND_MAX), (256, 290), (256, 252), (64, 290), (256, 40)])
def test_no_frame_is_longer_than_card_and_reader_take(size: int, send_max: int) -> None:
    sent = bytes(range(250))
    chunk = min(size, frame_size(send_max)) - 3
    blocks = -(-len(sent) // chunk)
    air = ScriptedAir(*[ACK[n % 2] for n in range(blocks - 1)], i_block((blocks - 1) % 2, ANSWER))
    assert air.session(size=size, send_max=send_max).transmit(sent) == ANSWER
    assert b"".join(frame[1:] for frame in air.frames) == sent
    assert all(len(frame) + 2 <= size and len(frame) <= send_max for frame in air.frames)


def test_a_reader_that_cannot_send_256_bytes_sends_128() -> None:
    assert frame_size(252) == 128
    assert frame_size(290) == 256
    assert frame_size(3) == 16


def test_a_chained_answer_is_put_together() -> None:
    parts = [bytes((n,)) * 13 for n in range(5)]
    air = ScriptedAir(*[i_block(n % 2, part, more=n < 4) for n, part in enumerate(parts)])
    assert air.session().transmit(COMMAND) == b"".join(parts)
    assert air.frames[1:] == [ACK[1], ACK[0], ACK[1], ACK[0]]


def test_an_answer_without_end_is_cut_off() -> None:
    air = ScriptedAir(*[i_block(n % 2, bytes(13), more=True) for n in range(1000)])
    with pytest.raises(LinkLost, match="more than"):
        air.session().transmit(COMMAND)
    air = ScriptedAir(*[i_block(n % 2, b"", more=True) for n in range(1000)])
    with pytest.raises(LinkLost, match="without content"):
        air.session().transmit(COMMAND)
    assert len(air.frames) == 1


# --- presence and the end -------------------------------------------------------------------------------------------


def test_the_presence_check_changes_no_block_number() -> None:
    air = ScriptedAir(i_block(0, ANSWER), ACK[0], ACK[0], i_block(1, ANSWER))
    session = air.session()
    session.transmit(COMMAND)
    assert session.present()
    assert session.present()
    assert session.transmit(COMMAND) == ANSWER
    assert air.frames[1:3] == [NAK[1], NAK[1]]


@pytest.mark.parametrize("answer", [None, b""])
def test_a_card_that_was_away_is_not_talked_to_again(answer: bytes | None) -> None:
    air = ScriptedAir(answer)
    session = air.session(fwi=14)
    assert not session.present()
    assert air.waits[0] <= limits.SILENCE_S_MAX
    with pytest.raises(LinkLost):
        session.transmit(COMMAND)
    assert len(air.frames) == 1


def test_a_card_is_still_seen_after_a_loss() -> None:
    air = ScriptedAir(*[b""] * 6, ACK[0])
    session = air.session()
    with pytest.raises(LinkLost):
        session.transmit(COMMAND)
    assert session.present()


def test_deselect_halts_the_card_and_ends_the_session() -> None:
    air = ScriptedAir(b"\xc2")
    session = air.session()
    session.deselect()
    assert air.frames == [b"\xc2"]
    assert not session.present()
    with pytest.raises(LinkLost):
        session.transmit(COMMAND)
    assert air.frames == [b"\xc2"]


# --- any card -------------------------------------------------------------------------------------------------------

frames = st.one_of(
    st.none(),
    st.binary(max_size=40),
    st.sampled_from([*ACK, *NAK, b"\xf2\x01", b"\xf2\x3b", b"\xc2", b"\x02", b"\x12", b"\x03", b"\x13"]),
    st.builds(lambda pcb, part: bytes((pcb,)) + part, st.sampled_from([2, 3, 0x12, 0x13]), st.binary(max_size=20)),
)


@given(st.lists(frames, max_size=60), st.integers(0, 14), st.sampled_from(FRAME_SIZES), st.binary(max_size=100))
def test_whatever_a_card_answers_an_exchange_ends_in_bytes_or_linklost(
    answers: list[bytes | None], fwi: int, size: int, sent: bytes
) -> None:
    air = ScriptedAir(*answers)
    session = air.session(fwi, size)
    for _ in range(3):
        try:
            answer = session.transmit(sent)
        except LinkLost:
            break
        assert isinstance(answer, bytes)
    assert len(air.frames) <= len(answers) + 2 + limits.RETRIES_MAX


ATS_BY_SIZE = {size: bytes((0x02, fsci)) for fsci, size in enumerate(FRAME_SIZES)}
Air = st.lists(st.sampled_from(["fine"] * 6 + ["request lost", "answer lost", "answer damaged"]), max_size=80)


@given(
    st.lists(st.binary(min_size=1, max_size=120), min_size=1, max_size=5),
    st.sampled_from(FRAME_SIZES),
    st.integers(0, 8),
    st.lists(st.integers(0, 2), max_size=5),
    Air,
)
def test_over_a_lossy_air_the_card_executes_each_command_once_and_its_answer_arrives(
    commands: list[bytes], size: int, fsdi: int, waits: list[int], air: list[str]
) -> None:
    executed: list[bytes] = []

    def execute(apdu: bytes) -> bytes:
        executed.append(apdu)
        return bytes(reversed(apdu)) * 2

    extensions = iter(waits)
    card = IsoDepCard(b"\1\2\3\4", b"\4\0", 0x20, ATS_BY_SIZE[size], execute, lambda apdu: next(extensions, 0))
    for frame in (b"\x26", b"\x93\x20", b"\x93\x70\1\2\3\4\4"):
        card.receive(frame)
    ats = parse_ats(card.receive(bytes((0xE0, fsdi << 4))) or b"")
    happenings = iter(air)

    def lossy(frame: bytes, wait_s: float) -> bytes | None:
        happening = next(happenings, "fine")
        if happening == "request lost":
            return None
        answer = card.receive(frame)
        if happening == "answer lost":
            return None
        return b"" if happening == "answer damaged" and answer is not None else answer

    session = IsoDep(lossy, ats, SEND_MAX, now=lambda: 0.0)
    answered = 0
    for command in commands:
        try:
            answer = session.transmit(command)
        except LinkLost:
            break
        answered += 1
        assert answer == bytes(reversed(command)) * 2
    assert executed in (commands[:answered], commands[: answered + 1])
