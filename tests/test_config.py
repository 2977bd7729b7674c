"""The configuration: every fault at once with its place, and safe defaults."""

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import limits
from config.faults import Fault
from config.model import (
    SECTIONS,
    Configuration,
    Duty,
    Face,
    Hospital,
    Psam,
    Reader,
    Service,
    Sync,
    Tap,
    Tariff,
    Terminal,
)
from config.parse import ConfigFaults, build, parse
from config.store import sample

LEAST = """
[terminal]
number = "00000101"
merchant = "330400000000001"
[psam]
reader = "Virtual PCD 00 01"
[tariff]
pack = "builtin:jiaxing"
"""


def faults_of(text: str) -> dict[str, Fault]:
    with pytest.raises(ConfigFaults) as caught:
        parse(text)
    return {fault.place: fault for fault in caught.value.faults}


def test_four_values_make_a_configuration_and_all_others_have_a_default() -> None:
    assert parse(LEAST) == Configuration(
        Terminal("00000101", "330400000000001"), Psam("Virtual PCD 00 01"), Tariff("builtin:jiaxing")
    )


def test_the_sample_names_every_key_and_shows_the_defaults() -> None:
    text = sample()
    read = parse(text)
    for section, kind in SECTIONS.items():
        for member in fields(kind):
            assert f"\n{member.name} = " in text, f"{section}.{member.name}"
        if section not in ("terminal", "psam", "tariff"):
            assert getattr(read, section) == kind()
    for member in fields(Duty):
        assert f"\n# {member.name} = " in text
    roster = text[text.index("# [[duty]]") :].replace("\n# ", "\n").removeprefix("# ")
    assert parse(LEAST + roster).duties == (Duty("31400000000000000070", "1", 0, "", 1, "1-01"),)


def test_all_faults_are_told_at_once_each_with_key_line_value_and_rule() -> None:
    text = (
        LEAST.replace("00000101", "101")
        + '[reader]\npoll_ms = 5\npath = "udp:10.0.0.1:54321"\n[tap]\naway_ms = "300"\n'
    )
    found = faults_of(text)
    assert set(found) == {"terminal.number", "reader.poll_ms", "reader.path", "tap.away_ms"}
    lines = text.splitlines()
    for place, fault in found.items():
        assert fault.line is not None and lines[fault.line - 1].startswith(place.partition(".")[2] + " = ")
        assert fault.value in lines[fault.line - 1]
    assert (
        found["reader.poll_ms"].text()
        == "line 10: reader.poll_ms = 5: must be a whole number from 10 to 1000 (milliseconds)"
    )
    assert found["reader.poll_ms"].text("zh") == "第 10 行 reader.poll_ms = 5：须为 10 至 1000 的整数（毫秒）"


def test_an_unknown_key_is_named_with_the_nearest_known_one() -> None:
    found = faults_of(LEAST + "[readr]\n[tap]\nrepeat = 3\n[face]\nqqqq = 1\n")
    assert found["readr"].en.endswith("the nearest is reader") and found["readr"].line == 9
    assert found["tap.repeat"].zh.endswith("最接近的是 repeat_s") and found["tap.repeat"].line == 11
    assert "console" in found["face.qqqq"].en


def test_a_missing_value_is_told_at_its_section() -> None:
    found = faults_of("[terminal]\nmerchant = '330400000000001'\n[psam]\n")
    assert set(found) == {"terminal.number", "psam.reader", "tariff.pack"}
    assert found["terminal.number"].line == 1 and found["psam.reader"].line == 3 and found["tariff.pack"].line is None


def test_text_that_is_not_toml_is_told_with_its_line() -> None:
    [fault] = faults_of("[terminal]\nnumber = \n").values()
    assert fault.line == 2 and "TOML" in fault.en


@pytest.mark.parametrize(
    "hostile", ["a = " + "[\n" * 100_000, "a" + ".a" * 100_000 + " = 1", "[" + " " * 200_000 + "x = 1"]
)
def test_nesting_without_end_is_a_fault(hostile: str) -> None:
    assert list(faults_of(hostile)) == ["*"]


def test_a_key_as_long_as_a_line_may_be_is_named_and_shortened() -> None:
    faults = faults_of("a" + ".a" * 450 + " = 1\n" + "b" * 900 + " = 1")
    assert "a" in faults and max(map(len, faults)) < 50


def test_a_text_beyond_the_bound_is_refused_before_it_is_read() -> None:
    assert "too long" in faults_of("#" * (limits.CONFIGURATION_BYTES_MAX + 1))["*"].en


def test_a_file_of_faults_is_told_within_bounds() -> None:
    with pytest.raises(ConfigFaults) as caught:
        parse("".join(f"x{number} = 1\n" for number in range(5_000)))
    assert len(caught.value.faults) == limits.FAULTS_MAX + 1
    assert "4904 more" in caught.value.faults[-1].en


@pytest.mark.parametrize(
    "backend", ["http://example.org", "http://127.0.0.1.example.org/", "ftp://127.0.0.1", "https://"]
)
def test_plain_http_leads_to_this_machine_only(backend: str) -> None:
    assert "sync.backend" in faults_of(LEAST + f'[sync]\nbackend = "{backend}"\n')


@pytest.mark.parametrize("backend", ["http://127.0.0.1:8080", "http://localhost:8080/v1", "https://cards.example.org"])
def test_https_leads_anywhere(backend: str) -> None:
    assert parse(LEAST + f'[sync]\nbackend = "{backend}"\n').sync.backend == backend


@pytest.mark.parametrize("path", ["usb", "usb:054c:06c3", "usb:002:024", "tty:USB0:pn532", "udp:127.0.0.1:54321"])
def test_the_readers_of_the_contract_are_accepted(path: str) -> None:
    assert parse(LEAST + f'[reader]\npath = "{path}"\n').reader.path == path


def test_a_number_is_not_taken_for_a_text_nor_a_truth_for_a_number() -> None:
    found = faults_of(LEAST.replace('"00000101"', "101") + "[tap]\nrepeat_s = true\n")
    assert found["terminal.number"].value == "101" and found["tap.repeat_s"].value == "true"


def test_two_duties_of_one_driver_need_different_orders() -> None:
    duty = '[[duty]]\ncard = "31400000000000000070"\nline = "1"\norder = {}\n'
    assert faults_of(LEAST + duty.format(1) + duty.format(1))["duty[2].order"].line == 16
    configuration = parse(LEAST + duty.format(2) + duty.format(1))
    assert [one.order for one in configuration.duties_of("31400000000000000070")] == [1, 2]
    assert configuration.duties_of("31400000000000000071") == ()


def test_an_unread_card_is_no_driver() -> None:
    assert "duty[1].card" in faults_of(LEAST + f'[[duty]]\ncard = "{"0" * 20}"\nline = "1"\n')


def test_the_repeat_after_a_restart_is_no_shorter_than_the_repeat() -> None:
    assert faults_of(LEAST + "[tap]\nrepeat_s = 10\nrestart_repeat_s = 9\n")["tap.restart_repeat_s"].line == 11


names = st.text("abcdefghijklmnopqrstuvwxyz0123456789_", max_size=20).map(lambda rest: "p" + rest)
codes = st.text("ABCxyz019-_", min_size=1, max_size=8)
texts = st.text(min_size=1, max_size=100).filter(str.isprintable)
configurations = st.builds(
    Configuration,
    st.builds(Terminal, st.from_regex(r"[0-9]{8}", fullmatch=True), st.from_regex(r"[0-9]{15}", fullmatch=True), texts),
    st.builds(Psam, texts),
    st.builds(Tariff, texts),
    reader=st.builds(Reader, st.sampled_from(["usb", "tty:USB0:pn532"]), st.integers(10, 1_000)),
    sync=st.builds(Sync, st.sampled_from(["", "https://a.example:8443/v1"])),
    service=st.builds(Service, codes, st.integers(0, 1), codes),
    face=st.builds(Face, st.booleans(), st.just("/dev/ttyUSB1"), texts, st.permutations(["zh", "en"]).map(tuple)),
    tap=st.builds(Tap, st.integers(1, 60), st.integers(60, 600), st.integers(100, 2_000)),
    hospital=st.builds(Hospital, texts, institution=st.sampled_from(["", "H33040000001"]), policy=texts, keys=texts),
    duties=st.lists(
        st.builds(
            Duty,
            st.from_regex(r"[1-9]{20}", fullmatch=True),
            codes,
            st.integers(0, 1),
            codes,
            st.integers(1, 99),
            texts.map(lambda t: t[:20]),
        ),
        max_size=4,
        unique_by=lambda duty: (duty.card, duty.order),
    ).map(tuple),
)


@given(configurations)
def test_what_is_written_reads_back_equal(configuration: Configuration) -> None:
    assert parse(build(configuration)) == configuration


def test_a_hand_made_configuration_that_breaks_a_rule_is_caught_when_it_is_read() -> None:
    wrong = replace(parse(LEAST), tap=Tap(repeat_s=0))
    assert "tap.repeat_s" in faults_of(build(wrong))


values: st.SearchStrategy[Any] = st.one_of(
    st.text(max_size=30), st.integers(), st.booleans(), st.floats(), st.lists(st.integers(), max_size=3)
)


@given(st.text(max_size=300))
def test_any_text_gives_a_configuration_or_its_faults(text: str) -> None:
    with pytest.raises(ConfigFaults):
        parse(text)


@given(
    st.sampled_from(sorted(SECTIONS)),
    st.sampled_from(["number", "path", "profiles", "voice", "x"]),
    st.sampled_from(
        [
            "1",
            "true",
            "'x'",
            "1.5",
            "nan",
            "2024-01-01",
            "{}",
            "[[]]",
            "[1]",
            "0x" + "F" * 5_000,
            '"\\u0000"',
            "['a', 'a']",
        ]
    ),
)
def test_any_value_at_any_key_gives_a_configuration_or_its_faults(section: str, key: str, value: str) -> None:
    try:
        parse(f"{section}.{key} = {value}")
    except ConfigFaults as wrong:
        assert all(fault.zh and fault.en and len(fault.text()) < 500 for fault in wrong.faults)
    else:
        pytest.fail("no terminal without a number")
