"""The purse's conversations against the simulated chips: exchanges, bytes, refusals, locking."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu.errors import ApduError, Malformed, PsamError
from apdu.purse.debit import Declined, Opened, Order, Receipt, balance, debit
from apdu.purse.lock import lock
from apdu.purse.read import Purse, read, select
from apdu.script import Slot, run
from apdu.virtual.spec import CardSpec
from tests.chips import ISSUER_SHANGHAI, PSAM_NUMBER, Bench, ChipWire

JIAXING = CardSpec("0000000000000001", balance_fen=10_000, counter=5)
TUNION = CardSpec("1234567890123456", kind="tunion", city="2900", issuer=ISSUER_SHANGHAI, balance_fen=10_000)
WHEN = "20261123081530"


def order(bench: Bench, purse: Purse, amount_fen: int, type_: str, when: str = WHEN, **more: object) -> Order:
    """An order whose records carry the amount and the time, so that no two are the same."""

    def compose(opened: Opened) -> tuple[bytes, ...]:
        stamp = amount_fen.to_bytes(2, "big") + bytes.fromhex(when)
        records = []
        for cache in purse.profile.caches:
            before = purse.raw.get(cache.proof) or cache.layout.build(cache.fixed)
            records.append(before[: -len(stamp)] + stamp)
        return tuple(records)

    return Order(purse, bench.psam, amount_fen, type_, when, compose, **more)  # type: ignore[arg-type]


def visit(bench: Bench) -> Purse:
    """SELECT and read."""
    purse = bench.run(select(bench.profiles))
    assert purse is not None
    result: Purse = bench.run(read(purse))
    return result


@pytest.mark.parametrize("spec, name", [(JIAXING, "jiaxing"), (TUNION, "tunion")])
@pytest.mark.parametrize("amount_fen", [0, 100, 10_000])
def test_a_composite_purchase_takes_exactly_its_amount(spec: CardSpec, name: str, amount_fen: int) -> None:
    bench = Bench(spec)
    purse = visit(bench)
    assert purse.profile.name == name and purse.number == spec.number20
    receipt = bench.run(debit(order(bench, purse, amount_fen, "09")))
    assert isinstance(receipt, Receipt) and receipt.mac2 == "checked" and len(receipt.tac) == 4
    assert bench.balance_fen == 10_000 - amount_fen
    assert len(bench.held) == 1 and bench.held[0].opened.balance_fen == 10_000
    bench.enter()
    proof = purse.profile.caches[0].proof
    assert visit(bench).raw[proof] == bench.held[0].records[0]


def test_a_simple_purchase_is_three_exchanges_with_the_card_and_two_with_the_psam() -> None:
    bench = Bench(JIAXING)
    purse = bench.run(select(bench.profiles))
    bench.run(debit(order(bench, purse, 100, "06")))
    assert [command[2:4] for command in bench.wire.sent] == ["A4", "50", "54"]
    with_responses = [command[2:4] for command in bench.psam_wire.sent]
    assert with_responses[-4:] == ["70", "C0", "72"][-3:] or with_responses[-3:] == ["70", "C0", "72"]


def test_the_psam_selects_its_df_only_when_the_scheme_changes() -> None:
    bench = Bench(JIAXING)
    purse = bench.run(select(bench.profiles))
    for number in range(3):
        bench.run(debit(order(bench, purse, 1, "06", f"2026112308153{number}")))
    selects = [command for command in bench.psam_wire.sent if command.startswith("00A4")]
    assert len(selects) == 1


@pytest.mark.parametrize("spec", [JIAXING, TUNION])
def test_a_poor_card_is_declined_with_its_balance_before_anything_is_held(spec: CardSpec) -> None:
    bench = Bench(spec)
    purse = visit(bench)
    result = bench.run(debit(order(bench, purse, 10_001, "09")))
    assert result == Declined("poor", 10_000)
    assert not bench.held and bench.balance_fen == 10_000


def test_a_replayed_random_and_counter_is_declined() -> None:
    forged = Bench(CardSpec("0000000000000002", balance_fen=10_000, replays=True))
    purse = visit(forged)
    first = forged.run(debit(order(forged, purse, 100, "06")))
    assert isinstance(first, Receipt)
    opened = first.draft.opened
    seen = frozenset({(opened.random.hex().upper(), opened.counter)})
    assert forged.run(debit(order(forged, purse, 100, "06", seen=seen))).why == "replayed"
    assert forged.run(debit(order(forged, purse, 100, "06", counter_floor=opened.counter + 1))).why == "replayed"


def test_a_card_of_another_key_is_found_false_by_the_psam() -> None:
    bench = Bench(JIAXING)
    purse = visit(bench)
    bench.psam_wire.answers[0x72] = bytes.fromhex("9302")
    receipt = bench.run(debit(order(bench, purse, 100, "09")))
    assert receipt.mac2 == "false" and receipt.tac


def test_a_psam_that_fails_after_the_debit_leaves_the_purchase_unchecked() -> None:
    for answer in ("6985", "6D00", "90"):
        bench = Bench(JIAXING)
        purse = visit(bench)
        bench.psam_wire.answers[0x72] = bytes.fromhex(answer)
        receipt = bench.run(debit(order(bench, purse, 100, "09")))
        assert isinstance(receipt, Receipt) and receipt.mac2 == "unchecked" and receipt.tac


def test_a_psam_that_fails_before_the_hold_is_the_psams_trouble() -> None:
    bench = Bench(JIAXING)
    purse = visit(bench)
    bench.psam_wire.answers[0x70] = bytes.fromhex("6985")
    with pytest.raises(PsamError):
        bench.run(debit(order(bench, purse, 100, "09")))
    assert not bench.held and bench.balance_fen == 10_000


def test_a_debit_confirmed_with_damaged_data_gets_its_tac_again() -> None:
    bench = Bench(JIAXING)
    purse = visit(bench)
    chip = bench.wire.chip

    def damaged(raw: bytes) -> bytes:
        answer = chip(raw)
        return answer[-3:] if raw[1] == 0x54 else answer

    bench.wire.chip = damaged
    receipt = bench.run(debit(order(bench, purse, 100, "09")))
    assert receipt.mac2 == "checked" and receipt.tac == bench.card.purse.memory.proof.tac  # type: ignore[union-attr]


def test_a_locked_application_shows_at_the_next_select() -> None:
    for spec in (JIAXING, TUNION):
        bench = Bench(spec)
        purse = visit(bench)
        assert bench.run(lock(purse, bench.psam)) is True
        bench.enter()
        again = bench.run(select(bench.profiles))
        assert again.locked and again.number == ""


def test_a_lock_that_the_card_refuses_is_told() -> None:
    bench = Bench(JIAXING)
    purse = visit(bench)
    bench.wire.answers[0x1E] = bytes.fromhex("6987")
    assert bench.run(lock(purse, bench.psam)) is False


def test_a_locked_card_that_still_shows_its_number_is_known() -> None:
    bench = Bench(JIAXING)
    fci = bench.wire.chip(bytes.fromhex("00A4040009A0000000038698070100"))
    bench.wire.answers[0xA4] = fci[:-2] + bytes.fromhex("6283")
    locked = bench.run(select(bench.profiles))
    assert locked.locked and locked.number == JIAXING.number20


def test_the_older_b_card_is_told_apart_by_its_own_values() -> None:
    bench = Bench(CardSpec("0000000000000009", kind="jiaxing_b", holder_kind="SB"))
    assert visit(bench).profile.name == "jiaxing_b"


@pytest.mark.parametrize("holder", ["SM", "XJ", "CT"])
def test_all_three_kinds_of_jiaxing_card_are_read(holder: str) -> None:
    bench = Bench(CardSpec("0000000000000003", holder_kind=holder, main_type="10"))
    purse = visit(bench)
    assert purse.profile.classes[purse.fact("main_type")] == "student"


def test_a_chip_without_any_of_the_applications_has_no_purse() -> None:
    bench = Bench(CardSpec("0000000000000004", kind="foreign"))
    assert bench.run(select(bench.profiles)) is None


def test_get_balance_masks_the_flag_bit() -> None:
    bench = Bench(JIAXING)
    visit(bench)
    assert bench.run(balance()) == 10_000
    bench.wire.answers[0x5C] = bytes.fromhex("80002710" + "9000")
    assert bench.run(balance()) == 10_000


def test_an_init_answer_without_overdraft_is_accepted() -> None:
    bench = Bench(JIAXING)
    purse = visit(bench)
    chip = bench.wire.chip

    def short(raw: bytes) -> bytes:
        answer = chip(raw)
        return answer[:6] + answer[9:] if raw[1] == 0x50 else answer

    bench.wire.chip = short
    assert isinstance(bench.run(debit(order(bench, purse, 100, "09"))), Receipt)


def test_a_card_that_wants_its_safe_code_checked_has_it_checked() -> None:
    import dataclasses

    from msgspec.structs import replace

    from apdu.virtual import issuer
    from apdu.virtual.chance import Chance
    from apdu.virtual.t0 import T0

    bench = Bench(CardSpec("0000000000000006", balance_fen=10_000, safe_code=True))
    bench.psam_wire = ChipWire(
        T0(issuer.make_psam(bytes.fromhex(PSAM_NUMBER), 16, Chance("p"), safe_code=True)).transmit, t0=True
    )
    bench.psam.df = b""
    purse = visit(bench)
    wanting = replace(purse, profile=dataclasses.replace(purse.profile, safe_code=True))
    assert isinstance(bench.run(debit(order(bench, wanting, 100, "09"))), Receipt)
    assert [c[2:4] for c in bench.wire.sent].count("CA") == 1


@given(st.lists(st.binary(min_size=0, max_size=70), min_size=1, max_size=12))
def test_any_answers_of_a_card_end_in_a_value_or_the_chips_own_trouble(answers: list[bytes]) -> None:
    bench = _HOSTILE
    replies = iter(answers)
    wire = ChipWire(lambda raw: next(replies, b"\x90\x00"))
    try:
        purse = run(select(bench.profiles), {Slot.CARD: wire}, bench.held.append)
        if purse is not None and not purse.locked:
            purse = run(read(purse), {Slot.CARD: wire}, bench.held.append)
            wires = {Slot.CARD: wire, Slot.PSAM: bench.psam_wire}
            run(debit(order(bench, purse, 100, "09")), wires, lambda draft: None)
    except ApduError:
        pass
    assert len(wire.sent) <= 40


@given(st.binary(min_size=30, max_size=30))
def test_any_ef15_is_a_card_number_of_20_digits_or_malformed(ef15: bytes) -> None:
    fci = bytes.fromhex("6F2E8409A00000000386980701A5219F0C1E") + ef15 + b"\x90\x00"
    wire = ChipWire(lambda raw: fci)
    try:
        purse = run(select(_HOSTILE.profiles), {Slot.CARD: wire}, lambda draft: None)
    except Malformed:
        return
    assert purse is not None and purse.number.isdecimal() and len(purse.number) == 20


_HOSTILE = Bench(JIAXING)
