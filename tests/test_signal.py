"""What riders are told: every outcome has its row, and nobody needs colour, sight or one language to understand it."""

import wave
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tariffs.verdict import Reason, Warning
from terminal.faces import limits
from terminal.faces.manual import PAGE, manual
from terminal.faces.table import load_signals, table_text
from terminal.ports import Light
from terminal.signal import WIDEST, BadSignalTable, Signals, clipped, columns, yuan

SIGNALS = load_signals()
TABLE = SIGNALS.table
CARD = "31400000000012345678"
VOICE = Path(limits.__file__).parent / "voice"


def faults_of(text: str) -> str:
    with pytest.raises(BadSignalTable) as caught:
        Signals(text)
    return "\n".join(caught.value.faults)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_signal_in_both_languages(reason: Reason) -> None:
    signal = SIGNALS.signal(reason, 200, 50, card=CARD, days=7)
    assert signal.outcome == reason.value
    assert signal.zh and signal.en and not signal.en.strip("".join(map(chr, range(32, 127))))
    assert any("\u4e00" <= letter <= "\u9fff" for letter in signal.zh)
    assert len(signal.zh_detail) == len(signal.en_detail)
    assert signal.light is not Light.OFF and signal.shape and signal.tone and signal.voice


@pytest.mark.parametrize("warning", Warning)
def test_every_warning_adds_its_lines_in_both_languages_and_is_spoken(warning: Warning) -> None:
    plain = SIGNALS.signal(Reason.FARE, 100, 400, days=7)
    warned = SIGNALS.signal(Reason.FARE, 100, 400, days=7, warnings=[warning])
    assert len(warned.zh_detail) == len(plain.zh_detail) + 1 == len(warned.en_detail)
    assert warned.voice == TABLE.warning[warning].voice != plain.voice
    assert (warned.light, warned.shape, warned.tone) == (plain.light, plain.shape, plain.tone)


def test_tone_alone_and_shape_alone_tell_the_kinds_apart() -> None:
    by_tone: dict[str, set[str]] = {}
    by_shape: dict[str, set[str]] = {}
    for reason in Reason:
        signal = SIGNALS.signal(reason)
        by_tone.setdefault(signal.tone, set()).add(TABLE.reason[reason].kind)
        by_shape.setdefault(signal.shape, set()).add(TABLE.reason[reason].kind)
    assert all(len(kinds) == 1 for kinds in by_tone.values())
    assert all(len(kinds) == 1 for kinds in by_shape.values())
    assert len(by_tone) == len(TABLE.kind) >= 5


def test_nobody_passes_on_red_and_nobody_is_refused_on_green() -> None:
    served = {Reason.FARE, Reason.CONCESSION, Reason.FREE_CLASS, Reason.TRANSFER, Reason.GROUP, Reason.REPEAT_FULL_FARE}
    served |= {Reason.PASS, Reason.CAPPED, Reason.TAP_IN, Reason.TAP_OUT, Reason.TAP_OUT_MISSED}
    served |= {Reason.SALE, Reason.LOADED, Reason.INTEROP, Reason.HEALED, Reason.REPEATED_TAP}
    staff = {Reason.SIGNED_ON, Reason.SIGNED_OFF}
    for reason in set(Reason) - staff:
        assert (SIGNALS.signal(reason).light is Light.GREEN) == (reason in served), reason


def test_headlines_fit_a_line_of_20_columns_and_details_half_a_console() -> None:
    assert limits.HEADLINE_COLUMNS == 20
    for row in TABLE.reason.values():
        headlines = [row.zh, row.en, *(words for said in row.by_class.values() for words in (said.zh, said.en))]
        assert max(map(columns, headlines)) <= limits.HEADLINE_COLUMNS
        for line in (*row.zh_detail, *row.en_detail):
            assert columns(line.format_map(WIDEST)) <= limits.DETAIL_COLUMNS


def test_no_line_shows_more_than_four_digits_of_a_card() -> None:
    for reason in Reason:
        signal = SIGNALS.signal(reason, 100, 300, card=CARD, days=3, warnings=list(Warning))
        shown = " ".join((signal.zh, signal.en, *signal.zh_detail, *signal.en_detail))
        assert CARD[-5:] not in shown
    assert "尾号 5678" in SIGNALS.signal(Reason.LOCKED, card=CARD).zh_detail[0]


def test_a_line_whose_number_is_not_known_is_left_out() -> None:
    assert SIGNALS.signal(Reason.POOR, 200, 50).en_detail == ("1.50 yuan more; top up, or pay cash",)
    assert SIGNALS.signal(Reason.POOR).en_detail == ()
    assert SIGNALS.signal(Reason.LOCKED).zh_detail == ("请到市民卡服务网点解锁",)


def test_a_class_of_cards_has_its_own_headline_and_voice() -> None:
    student = SIGNALS.signal(Reason.CONCESSION, 100, 300, card_class="student")
    assert (student.zh, student.en, student.voice) == ("学生卡", "Student card", "student")
    assert SIGNALS.signal(Reason.CONCESSION, 100, 300, card_class="nobody").voice == "concession"
    assert SIGNALS.signal(Reason.FREE_CLASS, 0, 300, card_class="love").zh == "爱心卡"


def test_the_rider_sees_why_and_a_warning_never_gives_way_to_it() -> None:
    why = [(f"第{step}步", f"step {step}") for step in range(9)]
    signal = SIGNALS.signal(Reason.FARE, 100, 300, why=why, warnings=[Warning.LOW_BALANCE])
    assert signal.en_detail == ("step 0", "step 1", "step 2", "step 3", "Only 3.00 yuan left: please top up")
    assert len(signal.zh_detail) == limits.DETAIL_LINES


amounts = st.none() | st.integers(-100_000, 100_000)


@given(
    st.sampled_from(list(Reason)),
    amounts,
    amounts,
    st.text(max_size=20),
    st.text(max_size=12),
    st.none() | st.integers(-9_999, 9_999),
    st.lists(st.sampled_from(list(Warning)), max_size=3),
    st.lists(st.tuples(st.text(max_size=90), st.text(max_size=90)), max_size=8),
)
def test_any_outcome_gives_a_signal_within_bounds(
    reason: Reason,
    amount: int | None,
    balance: int | None,
    card: str,
    card_class: str,
    days: int | None,
    warnings: list[Warning],
    why: list[tuple[str, str]],
) -> None:
    signal = SIGNALS.signal(
        reason, amount, balance, card=card, card_class=card_class, days=days, warnings=warnings, why=why
    )
    assert (signal.amount_fen, signal.balance_fen) == (amount, balance)
    for line in (*signal.zh_detail, *signal.en_detail):
        assert columns(line) <= limits.DETAIL_COLUMNS + 4
    assert max(len(signal.zh_detail), len(signal.en_detail)) <= limits.DETAIL_LINES


@given(st.integers(-(10**9), 10**9))
def test_an_amount_in_yuan_is_the_same_amount(fen: int) -> None:
    whole, _, part = yuan(fen).lstrip("-").partition(".")
    assert len(part) == 2 and (int(whole) * 100 + int(part)) * (-1 if fen < 0 else 1) == fen


@given(st.text(max_size=60), st.integers(1, 40))
def test_a_clipped_text_fits_and_one_that_fits_is_not_clipped(text: str, most: int) -> None:
    assert columns(clipped(text, most)) <= most
    assert clipped(text, most) == text or columns(text) > most


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('tone = ".."\n', 'tone = "-"\n', "kind.again.tone"),
        ('shapes = ["hand"]', 'shapes = ["hand", "cross"]', "kind.again.shapes"),
        ("[reason.poor]", "[reason.rich]", "rich"),
        ("[warning.low_balance]", "[warning.card_ends]", "card_ends"),
        ('kind = "staff"', 'kind = "clerk"', "clerk"),
        ('zh = "余额不足"', 'zh = "余额不足余额不足余额不足"', "reason.poor.zh"),
        ('en = "Student card"\n\n', 'en = ""\n\n', "reason.concession.class.student.en"),
        ("还差 {missing} 元", "还差 {missing} {name}", "reason.poor"),
        ("还差 {missing} 元", "还差 {missing.__class__}", "reason.poor"),
        ("还差 {missing} 元", "还差 {missing:>1000000000}", "reason.poor"),
        ("还差 {missing} 元", "还差 {missing", "reason.poor"),
        ('en_detail = ["See the card\'s first day"]', "en_detail = []", "reason.not_yet_valid"),
        ('driver_en = "check what the shift took; details: smk shift"', 'driver_en = ""', "reason.signed_off"),
        ('voice = "poor"', 'voice = "broke"', "voice.broke: missing\nvoice.poor: nobody says it"),
        ("[kind.ok]", "[kind.ok", "signals: "),
        ('light = "blue"', 'light = "pink"', "pink"),
    ],
)
def test_a_wrong_table_is_refused_with_its_place(old: str, new: str, said: str) -> None:
    text = table_text()
    assert old in text
    assert said in faults_of(text.replace(old, new, 1))


def test_a_table_without_a_reason_is_refused() -> None:
    text = table_text()
    start = text.index("[reason.poor]")
    assert "reason.poor: missing" in faults_of(text[:start] + text[text.index("[reason.replayed]") :])


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", sorted(TABLE.voice))
def test_every_voice_is_a_short_sound_file_in_both_languages(name: str, language: str) -> None:
    with wave.open(str(VOICE / language / f"{name}.wav")) as sound:
        seconds = sound.getnframes() / sound.getframerate()
        assert sound.getnchannels() == 1
        frames = sound.readframes(sound.getnframes())
    assert 0.2 < seconds <= limits.VOICE_SECONDS_MAX
    assert max(frames) - min(frames) > 100, "silence"


def test_no_two_voices_sound_alike_and_no_file_is_left_over() -> None:
    for language in ("zh", "en"):
        sounds = {path.stem: path.read_bytes() for path in (VOICE / language).glob("*.wav")}
        assert set(sounds) == set(TABLE.voice)
        assert len(set(sounds.values())) == len(sounds)


def test_all_voices_together_are_small_enough_for_every_device() -> None:
    assert sum(path.stat().st_size for path in VOICE.rglob("*.wav")) <= limits.VOICE_BYTES_MAX


def test_the_drivers_manual_is_made_from_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == manual(SIGNALS), "run python -m terminal.faces.manual"


def test_the_drivers_manual_has_every_reason_and_warning_in_both_languages() -> None:
    page = manual(SIGNALS)
    for reason, row in TABLE.reason.items():
        assert f"`{reason.value}`" in page and row.zh in page and row.en in page and row.driver_en in page
    for warning in Warning:
        assert f"`{warning.value}`" in page
