"""Lending by local rules: limits, periods, blocked readers, no deposit by card type; damaged tables take no force."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.store import load_pack_files
from tariffs.faults import PackFaults
from tariffs.library import Denied, Lending, parse_blocked, parse_lending
from tests.libraries import AT

FILES = load_pack_files("builtin:jiaxing", "library")
CARD = "31400000000012345678"


@pytest.fixture(scope="module")
def lending() -> Lending:
    return parse_lending(FILES)


def test_a_citizen_card_borrows_without_a_deposit_until_the_end_of_the_last_day(lending: Lending) -> None:
    due = lending.lend(CARD, "jiaxing", 0, (), AT)
    assert due == datetime(2024, 7, 1, 23, 59, tzinfo=AT.tzinfo)


def test_a_card_type_that_needs_a_deposit_is_not_lent_to_offline(lending: Lending) -> None:
    assert lending.lend(CARD, "tunion", 0, (), AT) is Denied.DEPOSIT


def test_the_limit_counts_what_was_lent_offline(lending: Lending) -> None:
    assert isinstance(lending.lend(CARD, "jiaxing", 4, (), AT), datetime)
    assert lending.lend(CARD, "jiaxing", 5, (), AT) is Denied.TOO_MANY


def test_a_blocked_reader_gets_nothing(lending: Lending) -> None:
    assert lending.lend(CARD, "jiaxing", 0, {CARD}, AT) is Denied.BLOCKED
    assert lending.renew(CARD, 0, {CARD}, AT) is Denied.BLOCKED


def test_an_item_is_renewed_once(lending: Lending) -> None:
    assert isinstance(lending.renew(CARD, 0, (), AT), datetime)
    assert lending.renew(CARD, 1, (), AT) is Denied.RENEWED


def test_before_the_first_edition_nothing_is_lent(lending: Lending) -> None:
    assert lending.lend(CARD, "jiaxing", 0, (), AT.replace(year=2020)) is Denied.NO_RULES
    assert lending.renew(CARD, 0, (), AT.replace(year=2020)) is Denied.NO_RULES


def test_every_value_that_ships_is_marked_unverified(lending: Lending) -> None:
    assert len(lending.unverified) == 5


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_with_the_packs_own_error(raw: bytes) -> None:
    with pytest.raises(PackFaults):
        parse_lending({"lending.toml": raw})


def test_all_faults_are_told_at_once() -> None:
    raw = FILES["lending.toml"].replace(b"value = 30", b"value = -1").replace(b"items_max", b"item_max")
    with pytest.raises(PackFaults) as told:
        parse_lending({"lending.toml": raw})
    assert len(told.value.faults) == 4


@given(st.binary(max_size=100))
def test_any_bytes_are_a_blocked_list_or_refused(raw: bytes) -> None:
    try:
        cards = parse_blocked(raw, "blocked.txt")
    except PackFaults:
        return
    assert all(card.isdigit() for card in cards)


def test_a_blocked_list_is_read_whole_or_not_at_all() -> None:
    assert parse_blocked(f"20240601\r\n{CARD}\r\n".encode(), "b") == {CARD}
    with pytest.raises(PackFaults):
        parse_blocked(f"20240601\n{CARD}\n314x\n".encode(), "b")
    with pytest.raises(PackFaults):
        parse_blocked(f"{CARD}\n".encode(), "b")
