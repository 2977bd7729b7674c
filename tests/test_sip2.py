"""SIP2: messages and frames in both directions, and what to do on a bad line."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.sip2 import ils
from sync.sip2.conversation import Answered, Conversation, GaveUp, Write
from sync.sip2.errors import BadChecksum, BadIlsProfile, BadMessage
from sync.sip2.frames import Frame, Splitter, checksum, opened, seal
from sync.sip2.messages import ANSWER, SHAPES, Message, build, parse
from sync.sip2.profile import IlsProfile, read_profile
from tests.libraries import AT, DESK, profile

PROFILES = Path(__file__).parent.parent / "sync" / "sip2" / "profiles"
READER = "31400000000012345678"

values = st.text(st.characters(exclude_characters="|\r\n\0", exclude_categories=["Cs"]), max_size=255)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    """Any message of the table."""
    code = draw(st.sampled_from(sorted(SHAPES)))
    column = st.characters(exclude_characters="|\r\n\0", exclude_categories=["Cs"])
    fixed = {name: draw(st.text(column, min_size=width, max_size=width)) for name, width in SHAPES[code].fixed}
    ids = [*SHAPES[code].required, *draw(st.lists(st.sampled_from(("AF", "AU", "BV", "ZZ")), max_size=3))]
    return Message(code, fixed, tuple((name, draw(values)) for name in ids))


@given(messages())
def test_every_message_comes_back_as_it_was_written(message: Message) -> None:
    assert parse(build(message)) == message


@given(st.text(max_size=200) | st.sampled_from(sorted(SHAPES)).flatmap(lambda code: st.text().map(code.__add__)))
def test_any_text_is_a_message_or_bad_and_a_message_is_written_as_it_was_read(text: str) -> None:
    try:
        message = parse(text)
    except BadMessage:
        return
    if not message.missing() and all(len(value) <= 255 for _, value in message.fields):
        assert build(message) == text


@pytest.mark.parametrize("raw", [b"97AZFEF5", b"96AZFEF6"])
def test_the_published_frames_have_their_checksums(raw: bytes) -> None:
    assert opened(raw) == Frame(raw[:2], None, True)
    assert seal(raw[:2], None, True) == raw + b"\r"


@given(st.binary(max_size=300), st.none() | st.integers(0, 9))
def test_a_sealed_frame_opens_again_and_its_bytes_sum_to_zero(body: bytes, sequence: int | None) -> None:
    raw = seal(body, sequence, True)[:-1]
    assert opened(raw) == Frame(body, sequence, True)
    assert (sum(raw[:-4]) + int(raw[-4:], 16)) % 0x10000 == 0


@given(st.binary(max_size=100))
def test_any_bytes_are_a_frame_or_a_bad_checksum(raw: bytes) -> None:
    try:
        frame = opened(raw)
    except BadChecksum:
        return
    assert raw.startswith(frame.body)


def test_the_checksum_counts_bytes_not_letters() -> None:
    assert checksum("AE王|AZ".encode()) != checksum("AE王|AZ".encode("gbk"))


def test_a_lower_case_checksum_is_accepted() -> None:
    assert opened(b"97AZfef5").checked


@given(st.lists(st.binary(min_size=1, max_size=20).map(lambda raw: raw.translate(None, b"\r\n"))), st.data())
def test_frames_are_found_however_the_stream_is_cut(frames: list[bytes], data: st.DataObject) -> None:
    frames = [frame for frame in frames if frame]
    stream = b"".join(frame + b"\r\n" for frame in frames)
    splitter, found = Splitter(), list[bytes]()
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += splitter.feed(stream[:size])
        stream = stream[size:]
    assert found == frames


def test_a_message_without_an_end_is_refused() -> None:
    with pytest.raises(BadMessage):
        Splitter().feed(b"x" * 70_000)


def test_a_bar_inside_a_chinese_character_ends_no_field() -> None:
    name = "瓅"  # its second byte in GBK is 7C, the bar
    raw = f"24{' ' * 14}01920240601    120000AO|AA1|AE{name}|".encode("gbk")
    assert raw.count(b"|") == 4
    assert parse(raw.decode("gbk")).first("AE") == name


@pytest.mark.parametrize("item", ["a|b", "a\rb", "x" * 256, "a\0"])
def test_a_value_that_would_break_the_message_is_not_written(item: str) -> None:
    with pytest.raises(BadMessage):
        build(ils.item_information(DESK, AT, item))


# The conversation


def begun(**changes: Any) -> tuple[Conversation, bytes]:
    conversation = Conversation(profile(**changes))
    return conversation, conversation.ask(ils.checkin(DESK, AT, AT, "B1", False)).data


def reply(sequence: int = 0, item: str = "B1") -> bytes:
    return seal(f"101YUN20240601    120000AOJX|AB{item}|AQM|".encode(), sequence, True)


def test_an_answer_is_taken_in_any_pieces() -> None:
    conversation, _ = begun()
    steps = [step for place in range(len(reply())) for step in conversation.take(reply()[place : place + 1])]
    assert [type(step) for step in steps] == [Answered]


def test_a_damaged_answer_is_asked_for_again_a_bounded_number_of_times() -> None:
    conversation, _ = begun()
    damaged = reply().replace(b"YUN", b"YUY")
    assert conversation.take(damaged) == [Write(b"97AZFEF5\r")] * 1
    assert conversation.take(damaged) == [Write(b"97AZFEF5\r")]
    assert conversation.take(damaged) == [Write(b"97AZFEF5\r")]
    assert conversation.take(damaged) == [GaveUp("a frame with a wrong checksum", None)]


def test_a_server_that_asks_again_gets_the_same_bytes_and_has_surely_done_nothing() -> None:
    conversation, sent = begun()
    for _ in range(3):
        assert conversation.take(b"96AZFEF6\r") == [Write(sent)]
    [step] = conversation.take(b"96AZFEF6\r")
    assert isinstance(step, GaveUp) and step.executed is False


def test_a_96_to_our_97_repeats_the_97_and_never_the_original() -> None:
    conversation, _ = begun()
    conversation.take(reply().replace(b"YUN", b"YUY"))
    assert conversation.take(b"96AZFEF6\r") == [Write(b"97AZFEF5\r")]


def test_silence_repeats_a_question_but_never_an_act() -> None:
    conversation, _ = begun()
    assert conversation.silence() == GaveUp("no answer in time", None)
    asking = Conversation(profile())
    sent = asking.ask(ils.item_information(DESK, AT, "B1"))
    assert asking.silence() == sent


def test_an_act_is_repeated_on_silence_where_the_server_keeps_the_standard() -> None:
    conversation, sent = begun(repeats_safely=True)
    assert conversation.silence() == Write(sent)


def test_an_answer_to_an_earlier_question_is_dropped_and_bounded() -> None:
    conversation, _ = begun()
    assert conversation.take(reply(sequence=7)) == []
    assert conversation.take(reply(item="B2")) == []
    [step] = conversation.take(reply(sequence=7) * 20)
    assert isinstance(step, GaveUp) and step.executed is None
    conversation, _ = begun()
    conversation.take(reply(sequence=7))
    assert isinstance(conversation.take(reply())[0], Answered)


def test_answers_without_checks_are_taken_only_where_the_profile_says_so() -> None:
    bare = b"101YUN20240601    120000AOJX|ABB1|AQM|\r"
    assert isinstance(begun(answers_checked=False)[0].take(bare)[0], Answered)
    assert begun(answers_checked=True)[0].take(bare) == [Write(b"97AZFEF5\r")]


def test_a_profile_without_error_detection_sends_none_and_takes_what_comes() -> None:
    conversation, sent = begun(error_detection=False, answers_checked=False)
    assert b"AY" not in sent and sent.endswith(b"|\r")
    assert isinstance(conversation.take(reply(sequence=4))[0], Answered)


def test_sequence_numbers_go_round_per_new_message() -> None:
    conversation, sent = begun()
    for number in range(1, 23):
        conversation.take(reply(sequence=(number - 1) % 10))
        sent = conversation.ask(ils.checkin(DESK, AT, AT, "B1", False)).data
        assert opened(sent[:-1]).sequence == number % 10


@given(st.lists(st.binary(max_size=60) | st.sampled_from([reply(), b"96AZFEF6\r", b"98\r", b"10\r"]), max_size=40))
def test_whatever_arrives_a_question_ends_and_never_raises(chunks: list[bytes]) -> None:
    conversation, _ = begun()
    for chunk in chunks:
        for step in conversation.take(chunk):
            if not isinstance(step, Write):
                return
    assert isinstance(conversation.silence(), GaveUp)


def test_a_character_that_the_encoding_lacks_is_told_before_anything_is_sent() -> None:
    with pytest.raises(BadMessage):
        Conversation(profile(encoding="ascii")).ask(ils.item_information(DESK, AT, "书"))


# What answers mean


def test_an_unknown_reader_is_not_a_blocked_one() -> None:
    text = f"24{'YYYY' + ' ' * 10}01920240601    120000AOJX|AA1|AE|BLN|"
    assert not ils.patron(parse(text), profile()).known


@pytest.mark.parametrize("place", range(14))
def test_each_flag_but_hold_denied_means_do_not_lend(place: int) -> None:
    flags = " " * place + "Y" + " " * (13 - place)
    found = ils.patron(parse(f"24{flags}01920240601    120000AOJX|AA1|AE王|BLY|"), profile())
    assert found.blocked == (() if place in (1, 2, 3) else (place,))


def test_an_answer_that_says_neither_yes_nor_no_is_bad() -> None:
    with pytest.raises(BadMessage):
        ils.verdict(parse("10?YUN20240601    120000AOJX|ABB1|AQM|"))


def test_every_question_has_a_shape_and_an_answer_with_one() -> None:
    assert {*ANSWER, *ANSWER.values()} <= set(SHAPES)


# Profiles


@pytest.mark.parametrize("file", sorted(PROFILES.glob("*.toml")), ids=lambda file: file.stem)
def test_each_shipped_profile_is_good_and_named_as_its_file(file: Path) -> None:
    found = read_profile(file.read_text("utf-8"))
    assert found.name == file.stem
    assert not found.verified, "none was tried against a library's own server"


@given(st.text(max_size=200))
def test_any_text_is_a_profile_or_refused(text: str) -> None:
    with pytest.raises(BadIlsProfile):
        read_profile(text)


def test_a_profile_names_every_fault_at_once() -> None:
    text = (PROFILES / "koha.toml").read_text("utf-8").replace('terminator = "crlf"', "terminator = []\nspeed = 3")
    with pytest.raises(BadIlsProfile, match=r"speed.*terminator"):
        read_profile(text)


def test_profiles_differ_where_the_servers_do() -> None:
    def load(name: str) -> IlsProfile:
        return read_profile((PROFILES / f"{name}.toml").read_text("utf-8"))

    assert load("koha").honours("lend") and not load("koha").honours("return")
    assert not load("evergreen").honours("lend")
    assert load("standard").honours("return")
