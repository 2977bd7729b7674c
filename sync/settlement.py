"""What becomes of a debit that nobody on the bus could tell (grey), once the other records of its card are known.

The issuer's own rule pays twice when a tap is torn before its DEBIT on one bus and the same fare is paid on another:
the other's record fits the grey one too. Hence the order here. Source: docs/cards.md, "Settling a grey record".
"""

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from sync.events import Held


class State(Enum):
    """What the terminal said of its held debit. A DONE whose TAC does not verify is GREY here."""

    OPEN = "open"
    DONE = "done"
    VOID = "void"
    GREY = "grey"


class Record(NamedTuple):
    """A held debit as any terminal reported it. `key` names it (terminal, epoch, seq); `counter` is n of INIT, before
    the debit; `balance_fen` before; `when` YYYYMMDDhhmmss; `proven`: it carries a TAC that verifies."""

    key: tuple[str, int, int]
    card: str
    counter: int
    balance_fen: int
    amount_fen: int
    when: str
    state: State
    proven: bool


class Load(NamedTuple):
    """Money loaded at a counter; `when` YYYYMMDDhhmmss."""

    card: str
    amount_fen: int
    when: str


class Ground(Enum):
    """Why a grey record is paid, void or still pending."""

    OWN_TAC = "own_tac"  # paid: its own TAC verifies
    BALANCE = "balance"  # paid: the next record's balance is lower by exactly this amount
    COUNTER = "counter"  # happened, amount 0: the card's counter has passed n
    OTHER_TAC = "other_tac"  # void: another debit with a valid TAC used n
    LATER_TRY = "later_try"  # void: of several tries with n at most one happened, and it was another
    BALANCE_UNMOVED = "balance_unmoved"  # void: nothing is missing on the card
    DIFFERENCE = "difference"  # void, and a person looks: something else is missing, or too much is there
    PENDING = "pending"  # no later record yet


PAID = frozenset({Ground.OWN_TAC, Ground.BALANCE, Ground.COUNTER})


class Verdict(NamedTuple):
    """`missing_fen`: money gone between this record and the next, loads added; None where that was not looked at."""

    ground: Ground
    paid_fen: int
    missing_fen: int | None = None


def settle(grey: Record, others: Sequence[Record], loads: Sequence[Load]) -> Verdict:
    """Decide one grey record among the `others` and the `loads` of its card. Decide anew whenever more is known."""
    assert grey.state is State.GREY
    if grey.proven:
        return Verdict(Ground.OWN_TAC, grey.amount_fen)
    rivals = [other for other in others if other.counter == grey.counter and other.key != grey.key]
    if any(rival.proven for rival in rivals):
        return Verdict(Ground.OTHER_TAC, 0)
    later = [other for other in others if other.counter > grey.counter]
    if not later or any(rival.state is State.OPEN for rival in rivals):
        return Verdict(Ground.PENDING, 0)
    following = min(later, key=lambda other: (other.counter, other.when))
    tries = [grey, *(rival for rival in rivals if rival.state is State.GREY)]
    if following.counter > grey.counter + 1:
        # Debits that nobody reported lie between: balances say nothing any more, the counter still does.
        is_free = all(each.amount_fen == 0 for each in tries)
        return _of_free_tries(grey, tries, None) if is_free else Verdict(Ground.PENDING, 0)
    return _by_balance(grey, tries, following, loads)


def _by_balance(grey: Record, tries: Sequence[Record], following: Record, loads: Sequence[Load]) -> Verdict:
    missing = {each.key: _missing_fen(each, following, loads) for each in tries}
    fitting = [each for each in tries if each.amount_fen and missing[each.key] == each.amount_fen]
    if fitting:
        if _latest(fitting) is grey:
            return Verdict(Ground.BALANCE, grey.amount_fen, missing[grey.key])
        return Verdict(Ground.LATER_TRY, 0, missing[grey.key])
    free = [each for each in tries if each.amount_fen == 0]
    if free:
        return _of_free_tries(grey, free, missing[grey.key])
    if _latest(tries) is not grey:
        return Verdict(Ground.LATER_TRY, 0, missing[grey.key])
    ground = Ground.BALANCE_UNMOVED if missing[grey.key] == 0 else Ground.DIFFERENCE
    return Verdict(ground, 0, missing[grey.key])


def _of_free_tries(grey: Record, free: Sequence[Record], missing_fen: int | None) -> Verdict:
    return Verdict(Ground.COUNTER if _latest(free) is grey else Ground.LATER_TRY, 0, missing_fen)


def _latest(tries: Sequence[Record]) -> Record:
    return max(tries, key=lambda each: (each.when, each.key))


def _missing_fen(record: Record, following: Record, loads: Sequence[Load]) -> int:
    """Money gone between a record and the next. A terminal's clock may put a load on the wrong side of its records:
    when the times do not come out at nothing or the amount, other successive loads may, if they say only one of both.
    """
    gone = record.balance_fen - following.balance_fen
    by_time = gone + sum(load.amount_fen for load in loads if record.when < load.when <= following.when)
    fitting = {0, record.amount_fen}
    if by_time in fitting:
        return by_time
    found = fitting & {gone + loaded for loaded in _successive(loads)}
    return found.pop() if len(found) == 1 else by_time


def _successive(loads: Sequence[Load]) -> set[int]:
    """What any successive loads of a card come to, none among them."""
    in_order = [load.amount_fen for load in sorted(loads, key=lambda load: load.when)]
    return {sum(in_order[first:last]) for first in range(len(in_order) + 1) for last in range(first, len(in_order) + 1)}


def tac_data(held: Held) -> bytes:
    """The 22 bytes under a purchase TAC: amount 4, type 1, PSAM number 6, PSAM counter 4, date 4, time 3.

    Raises ValueError when a member does not fit its place. Source: docs/cards.md, "Input order".
    """
    try:
        data = (
            held.amount.to_bytes(4, "big")
            + bytes.fromhex(held.type)
            + bytes.fromhex(held.psam)
            + held.psam_counter.to_bytes(4, "big")
            + bytes.fromhex(held.when)
        )
    except OverflowError as wrong:
        raise ValueError(f"a number of the held debit is out of range: {wrong}") from wrong
    if (len(held.type), len(held.psam), len(held.when), len(data)) != (2, 12, 14, 22):
        raise ValueError("a member of the held debit has the wrong length")
    return data
