"""Redress: a wrong charge put right by two people. The first asks, a supervisor who is somebody else confirms."""

import threading
from typing import Annotated

import msgspec

from sync import recall
from sync.batch import Seq
from sync.events import AdjustAsked, AdjustDropped, Adjusted, Held
from sync.events.adjust import AdjustWhy
from sync.record import Row
from terminal.faces.web.evidence import Adjustment, adjustments_of, left_fen, line_of
from terminal.faces.web.page import COUNTER, Act, Ask, House, Nothing, Page, Refused, Role, Who


class AskFor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Give `amount_fen` back of the debit in row `debit`."""

    debit: Seq
    amount_fen: Annotated[int, msgspec.Meta(ge=1, le=10_000_000)]
    why: AdjustWhy


class Answered(msgspec.Struct, frozen=True):
    """The row that was written, and the one that asked."""

    row: int
    asked: int


class OneAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The row that asked."""

    asked: Seq


class Redress:
    """The acts. One lock: two people who act at once must not give back more than was taken."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._lock = threading.Lock()

    def all(self, _who: Who | None, _asked: Nothing) -> list[Adjustment]:
        """Every adjustment in the journal, newest first."""
        return adjustments_of(self._house.journal)

    def ask(self, who: Who, operation: str, given: AskFor) -> Answered:
        """The first person. Raises Refused."""
        _person(who)
        journal = self._house.journal
        with self._lock:
            row = journal.row(given.debit)
            if row is None or not isinstance(row.event, Held):
                raise Refused("no_debit", "这一行不是扣款记录", "that row is no debit")
            line = line_of(journal, row)
            assert line is not None
            left = left_fen(row.event, line.outcome, adjustments_of(journal, given.debit))
            if given.amount_fen > left:
                zh = f"这笔扣款最多还可退 {left} 分"
                raise Refused("too_much", zh, f"at most {left} fen of this debit can still be given back")
            event = AdjustAsked(given.debit, operation, given.amount_fen, given.why, who.name)
            seq = self._keep(event)
        return Answered(seq, seq)

    def confirm(self, who: Who, operation: str, given: OneAsked) -> Answered:
        """The second person. Raises Refused."""
        _person(who)
        with self._lock:
            row, asked = self._open(given.asked)
            if asked.clerk == who.name:
                zh, en = "须由另一人确认", "another person must confirm it"
                raise Refused("same_person", zh, en)
            said = asked.debit, operation, asked.amount_fen, asked.why
            return Answered(self._keep(Adjusted(row.seq, *said, asked.clerk, who.name)), row.seq)

    def drop(self, who: Who, operation: str, given: OneAsked) -> Answered:
        """The one who asked withdraws it, or a supervisor refuses it. Raises Refused."""
        _person(who)
        with self._lock:
            row, asked = self._open(given.asked)
            mine = asked.clerk == who.name
            if not mine and who.role is not Role.SUPERVISOR:
                raise Refused("role", "只有申请人或主管可以撤回", "only who asked, or a supervisor, may drop it")
            event = AdjustDropped(row.seq, operation, "withdrawn" if mine else "refused", who.name)
            return Answered(self._keep(event), row.seq)

    def recover(self, operation: str) -> Answered | None:
        """What an interrupted act left in the journal."""
        for one in self._house.journal.read(recall.adjustments):
            for row in (one.row, *one.outcomes):
                if getattr(row.event, "operation", "") == operation:
                    return Answered(row.seq, one.row.seq)
        return None

    def _open(self, seq: int) -> tuple[Row, AdjustAsked]:
        """The row that asked, if nothing came of it yet. Raises Refused."""
        row = self._house.journal.row(seq)
        if row is None or not isinstance(row.event, AdjustAsked):
            raise Refused("not_asked", "没有这项申请", "nobody asked for that")
        if self._house.journal.outcomes_of(seq):
            raise Refused("ended", "这项申请已办结", "that has been decided already")
        return row, row.event

    def _keep(self, event: AdjustAsked | Adjusted | AdjustDropped) -> int:
        seq = self._house.journal.keep(event, *self._house.clock.read().stamp()).seq
        self._house.wake()
        return seq


def _person(who: Who) -> None:
    """Two people look at it: a program is none. Raises Refused."""
    if who.program:
        raise Refused("a_person", "须由人办理", "a person must do this")


def page(house: House) -> Page | None:
    """Questions and acts for the journal's page."""
    if house.device is None:
        return None
    redress = Redress(house)
    supervisor = frozenset({Role.SUPERVISOR})
    recover = redress.recover
    return Page(
        "redress",
        asks=(Ask("adjustments", "所有调整", "every adjustment", Nothing, list[Adjustment], redress.all),),
        acts=(
            Act("adjust_ask", "申请调整", "ask for an adjustment", AskFor, Answered, redress.ask, COUNTER, recover),
            Act("adjust_confirm", "确认", "confirm it", OneAsked, Answered, redress.confirm, supervisor, recover),
            Act("adjust_drop", "撤回或拒绝", "withdraw it", OneAsked, Answered, redress.drop, COUNTER, recover),
        ),
    )
