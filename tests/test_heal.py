"""Healing: each way a debit can be torn, against what the chip's own memory says happened."""

import pytest

from apdu.errors import LinkLost, Torn
from apdu.purse.debit import Draft, debit
from apdu.purse.heal import Healing, Open, heal
from apdu.purse.read import select
from apdu.virtual.elsewhere import load
from apdu.virtual.spec import CardSpec
from tests.chips import Bench
from tests.test_purse import JIAXING, TUNION, order, visit

KINDS = [(JIAXING, "06"), (JIAXING, "09"), (TUNION, "09")]
IDS = ["jiaxing-06", "jiaxing-09", "tunion-09"]
LATER = "20261123091530"


def torn_debit(bench: Bench, type_: str, executed: bool, amount_fen: int = 100) -> Open:
    """A debit whose DEBIT command was lost, before or after the chip executed it; the draft as the journal holds it."""
    purse = visit(bench)
    caches = len(purse.profile.caches) if type_ == "09" else 0
    bench.wire.cut = (1 + caches + 1, executed)
    with pytest.raises(Torn) as torn:
        bench.run(debit(order(bench, purse, amount_fen, type_)))
    assert isinstance(torn.value.cause, LinkLost)
    draft: Draft = torn.value.draft
    bench.enter()
    return Open(type_, draft.opened.counter, amount_fen, draft.order.when, bench.psam.number, draft.records)


def healed(bench: Bench, draft: Open) -> Healing:
    purse = bench.run(select(bench.profiles))
    result: Healing = bench.run(heal(purse, bench.psam, draft))
    return result


def elsewhere(bench: Bench, type_: str, amount_fen: int = 100) -> str:
    """Another bus takes a fare, with its own record on the card; the TAC of it."""
    records = []
    if type_ == "09":
        purse = visit(bench)
        bench.enter()
        cache = purse.profile.caches[0]
        record = purse.raw[cache.proof][:-7] + bytes.fromhex(LATER)
        records = [f"80DC{cache.p1:02X}{cache.p2:02X}{len(record):02X}{record.hex()}"]
    paid = bench.pay_elsewhere(amount_fen, type_, LATER, records)
    bench.enter()
    return str(paid["tac"])


@pytest.mark.parametrize("spec, type_", KINDS, ids=IDS)
@pytest.mark.parametrize("amount_fen", [0, 100, 10_000])
def test_a_debit_that_the_card_executed_is_done_with_its_tac(spec: CardSpec, type_: str, amount_fen: int) -> None:
    bench = Bench(spec)
    draft = torn_debit(bench, type_, executed=True, amount_fen=amount_fen)
    assert bench.card.purse is not None and bench.card.purse.memory.proof is not None
    proof = bench.card.purse.memory.proof
    assert healed(bench, draft) == Healing("DONE", proof.tac, "proved", proof.mac)
    assert bench.balance_fen == 10_000 - amount_fen


@pytest.mark.parametrize("spec, type_", KINDS, ids=IDS)
def test_a_debit_that_the_card_never_saw_is_void_and_healing_never_debits(spec: CardSpec, type_: str) -> None:
    bench = Bench(spec)
    draft = torn_debit(bench, type_, executed=False)
    assert healed(bench, draft) == Healing("VOID", b"", "counter_unmoved")
    assert healed(bench, draft) == Healing("VOID", b"", "counter_unmoved")
    assert bench.balance_fen == 10_000


@pytest.mark.parametrize("spec, type_", KINDS, ids=IDS)
def test_the_same_fare_paid_on_another_bus_is_not_taken_for_ours(spec: CardSpec, type_: str) -> None:
    bench = Bench(spec)
    draft = torn_debit(bench, type_, executed=False)
    elsewhere(bench, type_)
    assert healed(bench, draft) == Healing("VOID", b"", "not_ours")


@pytest.mark.parametrize("spec, type_", KINDS, ids=IDS)
def test_our_debit_with_another_bus_after_it_is_grey_for_the_backend(spec: CardSpec, type_: str) -> None:
    bench = Bench(spec)
    draft = torn_debit(bench, type_, executed=True)
    elsewhere(bench, type_)
    assert healed(bench, draft) == Healing("GREY", b"", "log_ours_without_tac")


@pytest.mark.parametrize("spec, type_", KINDS, ids=IDS)
def test_two_rides_on_other_buses_after_a_tear_before_the_debit_are_void_by_the_log(spec: CardSpec, type_: str) -> None:
    bench = Bench(spec)
    draft = torn_debit(bench, type_, executed=False)
    elsewhere(bench, type_)
    elsewhere(bench, type_)
    assert healed(bench, draft) == Healing("VOID", b"", "log_without_ours")


def test_a_debit_of_the_other_type_does_not_prove_ours() -> None:
    bench = Bench(JIAXING)
    draft = torn_debit(bench, "09", executed=False)
    elsewhere(bench, "06")
    assert healed(bench, draft) == Healing("VOID", b"", "log_without_ours")


@pytest.mark.parametrize("executed", [True, False])
def test_a_log_that_no_longer_reaches_back_leaves_it_to_the_backend(executed: bool) -> None:
    bench = Bench(CardSpec("0000000000000007", balance_fen=100_000, counter=50))
    draft = torn_debit(bench, "06", executed)
    for _ in range(11):
        elsewhere(bench, "06")
    assert healed(bench, draft) == Healing("GREY", b"", "log_too_short")


@pytest.mark.parametrize("spec, type_", KINDS, ids=IDS)
@pytest.mark.parametrize("answer", ["6A83", "00" * 23 + "9000"])
def test_a_log_that_ends_before_the_debits_that_the_counter_tells_of_is_not_believed(
    spec: CardSpec, type_: str, answer: str
) -> None:
    bench = Bench(spec)
    draft = torn_debit(bench, type_, executed=True)
    elsewhere(bench, type_)
    purse = bench.run(select(bench.profiles))
    bench.wire.answers[0xB2] = bytes.fromhex(answer)
    assert bench.run(heal(purse, bench.psam, draft)) == Healing("GREY", b"", "log_unreadable")


def test_a_log_that_ends_is_not_believed_while_the_counter_is_not_known() -> None:
    bench = Bench(JIAXING)
    draft = torn_debit(bench, "06", executed=True)
    elsewhere(bench, "06")
    purse = bench.run(select(bench.profiles))
    bench.wire.answers |= {0x50: bytes.fromhex("6985"), 0xB2: bytes.fromhex("6A83")}
    assert bench.run(heal(purse, bench.psam, draft)) == Healing("GREY", b"", "log_unreadable")


@pytest.mark.parametrize("spec, type_", KINDS, ids=IDS)
def test_evidence_that_cannot_be_read_makes_it_grey_with_the_tac(spec: CardSpec, type_: str) -> None:
    bench = Bench(spec)
    draft = torn_debit(bench, type_, executed=True)
    purse = bench.run(select(bench.profiles))
    bench.wire.answers[0xB2] = bytes.fromhex("6982")
    result = bench.run(heal(purse, bench.psam, draft))
    assert bench.card.purse is not None and bench.card.purse.memory.proof is not None
    assert result == Healing("GREY", bench.card.purse.memory.proof.tac, "proof_without_evidence")


@pytest.mark.parametrize("spec, type_", KINDS, ids=IDS)
@pytest.mark.parametrize("executed", [True, False])
def test_healing_torn_at_any_command_changes_nothing_and_can_be_repeated(
    spec: CardSpec, type_: str, executed: bool
) -> None:
    for after in (True, False):
        for nth in range(1, 5):
            bench = Bench(spec)
            draft = torn_debit(bench, type_, executed)
            balance = bench.balance_fen
            purse = bench.run(select(bench.profiles))
            bench.wire.cut = (nth, after)
            try:
                bench.run(heal(purse, bench.psam, draft))
            except LinkLost:
                bench.enter()
            assert bench.balance_fen == balance
            bench.enter()
            assert healed(bench, draft).kind == ("DONE" if executed else "VOID")


@pytest.mark.parametrize("spec, type_", KINDS, ids=IDS)
def test_a_tear_before_the_debit_is_held_or_not_but_never_moves_money(spec: CardSpec, type_: str) -> None:
    for nth in range(1, 8):
        for executed in (False, True):
            bench = Bench(spec)
            purse = visit(bench)
            bench.wire.cut = (nth, executed)
            try:
                bench.run(debit(order(bench, purse, 100, type_)))
            except LinkLost:
                assert not bench.held and bench.balance_fen == 10_000
            except Torn as torn:
                assert bench.held and bench.wire.sent[-1][2:4] == "54"
                assert bench.balance_fen == (9_900 if executed else 10_000)
                assert torn.draft is bench.held[0]


@pytest.mark.parametrize("spec, type_", KINDS, ids=IDS)
@pytest.mark.parametrize("executed", [True, False])
def test_a_load_in_between_is_no_evidence_for_or_against_a_debit(spec: CardSpec, type_: str, executed: bool) -> None:
    bench = Bench(spec)
    draft = torn_debit(bench, type_, executed)
    for minute in range(3):
        load(bench.card, 500, f"202611230916{minute:02d}")
    bench.enter()
    kind = "GREY" if executed else "VOID"
    assert healed(bench, draft).kind == kind
    assert bench.balance_fen == 11_500 - (100 if executed else 0)


def test_a_counter_behind_the_drafts_is_left_to_the_backend() -> None:
    bench = Bench(CardSpec("0000000000000008", balance_fen=10_000, counter=9))
    draft = torn_debit(bench, "06", executed=False)
    ahead = Open(draft.type, draft.counter + 3, draft.amount_fen, draft.when, draft.psam, draft.cached)
    assert healed(bench, ahead) == Healing("GREY", b"", "counter_went_back")
