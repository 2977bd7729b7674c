"""Cards that leave too early, on the real stacks: what the chip lost, what the rider is told, what the books say."""

import pytest

from tests.device.rig import Rig

SHANGHAI = {"kind": "tunion", "city": "2900", "issuer": "02002900FFFFFFFF"}


@pytest.mark.parametrize("notice", [True, False])
@pytest.mark.parametrize("values", [{}, SHANGHAI])
def test_a_card_torn_before_debit_pays_nothing_then_once(rig: Rig, values: dict[str, str], notice: bool) -> None:
    card = rig.card(**values)
    rig.remote.tear("before", ins="54", notice=notice)
    assert rig.tap(card).outcome == "present_same_card"
    assert rig.paid_fen(card) == 0
    assert rig.tap(card).outcome in ("fare", "interop")
    assert rig.kinds("HELD", "VOID", "DONE") == ["HELD", "VOID", "HELD", "DONE"]
    assert rig.paid_fen(card) > 0
    assert rig.books().balanced


@pytest.mark.parametrize("notice", [True, False])
@pytest.mark.parametrize("values", [{}, SHANGHAI])
def test_a_card_torn_after_debit_is_admitted_and_pays_once(rig: Rig, values: dict[str, str], notice: bool) -> None:
    card = rig.card(**values)
    rig.remote.tear("after", ins="54", notice=notice)
    assert rig.tap(card).outcome == "present_same_card"
    paid = rig.paid_fen(card)
    signal = rig.tap(card)
    assert (signal.outcome, signal.amount_fen) == ("healed", paid) and paid > 0
    assert rig.paid_fen(card) == paid
    assert rig.kinds("HELD", "VOID", "DONE", "ADMITTED") == ["HELD", "DONE", "ADMITTED"]
    assert rig.books().balanced


def test_three_torn_cards_heal_in_any_order_after_others_and_after_a_restart(rig: Rig) -> None:
    torn = [rig.card(), rig.card(main_type="11"), rig.card(**SHANGHAI)]
    for card, side in zip(torn, ("after", "before", "after"), strict=True):
        rig.remote.tear(side, ins="54")
        assert rig.tap(card).outcome == "present_same_card"
    others = [rig.card(), rig.card(main_type="20")]
    assert [rig.tap(card).outcome for card in others] == ["fare", "free_class"]
    rig.restart()
    assert [rig.tap(card).outcome for card in reversed(torn)] == ["healed", "concession", "healed"]
    assert rig.box.journal.open_drafts_all() == []
    books = rig.books()
    assert books.balanced and books.pending == (0, 0), books.faults


@pytest.mark.parametrize("ins", ["A4", "B2", "50", "DC"])
def test_a_card_torn_before_the_hold_leaves_no_draft_and_pays_at_its_next_visit(rig: Rig, ins: str) -> None:
    card = rig.card()
    rig.remote.tear("after", ins=ins)
    assert rig.tap(card).outcome == "present_again"
    assert rig.kinds("HELD", "REFUSED") == []
    assert rig.tap(card).outcome == "fare"
    assert rig.books().balanced
