"""Grey debits: paid when they happened, void when not, and never twice."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.settlement import PAID, Ground, Load, Record, State, Verdict, settle, tac_data
from tests.rows import held

CARD = "31400000000012345678"
BUS_A, BUS_B, BUS_C = ("00330401", 1, 1), ("00330402", 1, 1), ("00330403", 1, 1)


def when(minute: int) -> str:
    return f"202405060{7 + minute // 60}{minute % 60:02d}00"


GREY = Record(BUS_A, CARD, 17, 5_000, 100, when(0), State.GREY, False)


def other(**changes: Any) -> Record:
    usual: dict[str, Any] = {"key": BUS_B, "when": when(5), "state": State.DONE, "proven": True}
    return GREY._replace(**(usual | changes))


# The order of the rules, one by one


def test_alone_a_grey_debit_stays_pending() -> None:
    assert settle(GREY, [], []) == Verdict(Ground.PENDING, 0)
    assert settle(GREY, [GREY, other(counter=16, balance_fen=5_100)], []).ground is Ground.PENDING


def test_its_own_valid_tac_pays_it() -> None:
    proven = GREY._replace(proven=True)
    assert settle(proven, [other(counter=18, balance_fen=9_999)], []) == Verdict(Ground.OWN_TAC, 100)


def test_the_next_balance_pays_it_or_not() -> None:
    after = other(counter=18, balance_fen=4_900)
    assert settle(GREY, [after], []) == Verdict(Ground.BALANCE, 100, 100)
    unmoved = after._replace(balance_fen=5_000)
    assert settle(GREY, [unmoved], []) == Verdict(Ground.BALANCE_UNMOVED, 0, 0)


def test_torn_on_one_bus_and_paid_on_the_next_is_paid_once() -> None:
    """The trap of the issuer's rule alone: the record after both fits the grey one too."""
    paid_on_b = other()
    after = other(key=BUS_C, counter=18, balance_fen=4_900, when=when(30))
    assert settle(GREY, [after], []).paid_fen == 100, "what the issuer's rule alone would say"
    assert settle(GREY, [paid_on_b, after], []) == Verdict(Ground.OTHER_TAC, 0)


def test_another_debit_without_a_valid_tac_voids_nothing() -> None:
    false = other(state=State.GREY, proven=False, when=when(0), key=("00330400", 1, 1))
    after = other(key=BUS_C, counter=18, balance_fen=4_900, when=when(30))
    verdicts = [settle(GREY, [false, after], []), settle(false, [GREY, after], [])]
    assert sorted(verdict.paid_fen for verdict in verdicts) == [0, 100]


def test_two_torn_taps_with_one_counter_are_paid_once_and_the_later_one() -> None:
    first, second = GREY, other(state=State.GREY, proven=False)
    after = other(key=BUS_C, counter=18, balance_fen=4_900, when=when(30))
    everything = [first, second, after]
    assert settle(first, everything, []) == Verdict(Ground.LATER_TRY, 0, 100)
    assert settle(second, everything, []) == Verdict(Ground.BALANCE, 100, 100)


def test_of_two_torn_taps_with_different_fares_the_one_that_is_missing_is_paid() -> None:
    first, second = GREY, other(state=State.GREY, proven=False, amount_fen=200)
    for missing, expected in ((100, (100, 0)), (200, (0, 200)), (0, (0, 0))):
        after = other(key=BUS_C, counter=18, balance_fen=5_000 - missing, when=when(30))
        paid = tuple(settle(each, [first, second, after], []).paid_fen for each in (first, second))
        assert paid == expected


def test_a_load_in_between_is_added_and_one_outside_is_not() -> None:
    after = other(counter=18, balance_fen=4_900 + 2_000, when=when(30))
    assert settle(GREY, [after], [Load(CARD, 2_000, when(10))]) == Verdict(Ground.BALANCE, 100, 100)
    outside = [Load(CARD, 2_000, when(0)), Load(CARD, 2_000, "20240506065959"), Load(CARD, 2_000, when(31))]
    assert settle(GREY, [after._replace(balance_fen=4_900)], outside) == Verdict(Ground.BALANCE, 100, 100)


def test_a_load_that_a_wrong_clock_puts_on_the_wrong_side_is_told_by_the_balance() -> None:
    loads = [Load(CARD, 2_000, when(-60)), Load(CARD, 5_000, when(30)), Load(CARD, 3_000, when(50))]
    clock_ahead = other(counter=18, balance_fen=4_900, when=when(40))
    assert settle(GREY, [clock_ahead], loads) == Verdict(Ground.BALANCE, 100, 100)
    clock_behind = other(counter=18, balance_fen=10_000, when=when(10))
    assert settle(GREY, [clock_behind], loads) == Verdict(Ground.BALANCE_UNMOVED, 0, 0)
    two_loads = other(counter=18, balance_fen=12_900, when=when(10))
    assert settle(GREY, [two_loads], loads) == Verdict(Ground.BALANCE, 100, 100)


def test_loads_that_would_explain_both_answers_explain_none() -> None:
    loads = [Load(CARD, 100, when(30))]
    assert settle(GREY, [other(counter=18, balance_fen=5_000, when=when(40))], loads).ground is Ground.BALANCE
    assert settle(GREY, [other(counter=18, balance_fen=5_000, when=when(10))], loads).ground is Ground.BALANCE_UNMOVED
    two = [*loads, Load(CARD, 300, when(31))]
    assert settle(GREY, [other(counter=18, balance_fen=5_000, when=when(40))], two).ground is Ground.DIFFERENCE


def test_a_difference_is_named_and_not_paid() -> None:
    after = other(counter=18, balance_fen=4_850)
    assert settle(GREY, [after], []) == Verdict(Ground.DIFFERENCE, 0, 150)


@pytest.mark.parametrize(("missing", "ground"), [(0, Ground.BALANCE_UNMOVED), (150, Ground.DIFFERENCE)])
def test_of_two_torn_taps_only_the_later_one_says_what_the_balance_says(missing: int, ground: Ground) -> None:
    second = other(state=State.GREY, proven=False)
    after = other(key=BUS_C, counter=18, balance_fen=5_000 - missing, when=when(30))
    assert settle(GREY, [second, after], []) == Verdict(Ground.LATER_TRY, 0, missing)
    assert settle(second, [GREY, after], []) == Verdict(ground, 0, missing)


def test_a_free_ride_is_decided_by_the_counter_alone() -> None:
    free = GREY._replace(amount_fen=0)
    for counter, balance in ((18, 5_000), (18, 1), (30, 77)):
        assert settle(free, [other(counter=counter, balance_fen=balance)], []).ground is Ground.COUNTER
    assert settle(free, [other(counter=17, proven=False, state=State.VOID)], []).ground is Ground.PENDING


def test_debits_that_nobody_reported_leave_money_pending() -> None:
    assert settle(GREY, [other(counter=19, balance_fen=4_800)], []) == Verdict(Ground.PENDING, 0)


def test_a_try_that_its_bus_may_still_heal_is_waited_for() -> None:
    open_try = other(state=State.OPEN, proven=False)
    after = other(key=BUS_C, counter=18, balance_fen=4_900, when=when(30))
    assert settle(GREY, [open_try, after], []).ground is Ground.PENDING
    assert settle(GREY, [open_try._replace(state=State.VOID), after], []).ground is Ground.BALANCE


# Any history of a card


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Record], list[Load], dict[tuple[str, int, int], bool]]:
    """A card's whole life as its terminals reported it, and which debits truly happened.

    With each counter there are tries; all but the last were torn before the DEBIT, the last one took the counter.
    """
    balance, minute = 10_000, 0
    records: list[Record] = []
    loads: list[Load] = []
    happened: dict[tuple[str, int, int], bool] = {}
    for counter in range(draw(st.integers(1, 6))):
        tries = draw(st.integers(1, 4))
        for number in range(tries):
            minute += 1
            if draw(st.booleans()):
                loads.append(Load(CARD, 500, when(minute)))
                balance += 500
                minute += 1
            is_last = number == tries - 1
            amount = draw(st.sampled_from([0, 100, 200]))
            torn = State.GREY if draw(st.booleans()) else State.VOID
            state = draw(st.sampled_from([State.DONE, State.GREY])) if is_last else torn
            proven = is_last and (state is State.DONE or draw(st.booleans()))
            key = (f"{counter:08d}", 1, number + 1)
            records.append(Record(key, CARD, counter, balance, amount, when(minute), state, proven))
            happened[key] = is_last
            balance -= amount * is_last
    return records, loads, happened


@given(histories(), st.randoms())
def test_every_grey_debit_with_a_later_record_comes_to_the_truth(
    history: tuple[list[Record], list[Load], dict[tuple[str, int, int], bool]], chance: Any
) -> None:
    records, loads, happened = history
    chance.shuffle(records)
    last_counter = max(record.counter for record in records)
    for record in records:
        if record.state is not State.GREY:
            continue
        verdict = settle(record, records, loads)
        if verdict.ground is Ground.PENDING:
            assert record.counter == last_counter
            continue
        assert (verdict.ground in PAID) == happened[record.key]
        assert verdict.paid_fen == (record.amount_fen if happened[record.key] else 0)


@given(histories(), st.data())
def test_what_is_missing_from_the_reports_never_makes_a_debit_be_paid_twice(
    history: tuple[list[Record], list[Load], dict[tuple[str, int, int], bool]], data: st.DataObject
) -> None:
    records, loads, _ = history
    known = [record for record in records if data.draw(st.booleans())]
    paid: dict[int, int] = {}
    for record in known:
        verdict = settle(record, known, loads) if record.state is State.GREY else None
        happened = verdict.ground in PAID if verdict else record.state is State.DONE
        paid[record.counter] = paid.get(record.counter, 0) + happened
    assert all(times <= 1 for times in paid.values())


# The bytes under a TAC


def test_tac_data_is_the_published_one() -> None:
    """EDEP-TAC-PURCHASE-1 of tests/vectors/card-vectors.json."""
    debit = held(amount=0x1000, type="06", psam="001122334455", psam_counter=1, when="20120229135100")
    assert tac_data(debit).hex() == "00001000060011223344550000000120120229135100"


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": -1},
        {"amount": 2**32},
        {"psam_counter": 2**32},
        {"psam": "0123"},
        {"psam": "0123 00 33 0D11"},
        {"type": "6"},
        {"type": "0609"},
        {"when": "2024"},
        {"when": "2024050607080G"},
        {"type": "", "psam": "06012300033D11"},
    ],
)
def test_a_debit_that_does_not_fit_has_no_tac_data(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        tac_data(held(**changes))
