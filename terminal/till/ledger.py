"""A till's own book, read from its journal: its deals, and what the shift came to. Pure."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from msgspec.structs import replace

from sync.events import (
    AnyEvent,
    DealLeft,
    Done,
    Grey,
    Held,
    LoadDone,
    LoadGrey,
    LoadHeld,
    LoadVoid,
    Refund,
    SaleAsked,
    ShiftOff,
    ShiftOn,
    Void,
)
from sync.record import Row
from terminal.till.deal import RUNNING, Cue, Deal, Step, after


class Totals(NamedTuple):
    """What a shift came to: numbers, and fen. A deal counts in the shift in which it is known to have happened."""

    sales: int = 0
    sales_fen: int = 0
    fees: int = 0
    fees_fen: int = 0
    refunds: int = 0
    refunds_fen: int = 0
    loads: int = 0
    loads_fen: int = 0
    loads_cash_fen: int = 0


class Ledger:
    """Built from the rows since the last shift's begin or end, in order; `follow` takes each new one.

    `row_at` finds an earlier row that a new one names.
    """

    def __init__(self, rows: Iterable[Row], row_at: Callable[[int], Row | None]) -> None:
        self._row_at = row_at
        self.deals: dict[str, Deal] = {}
        self.refunds: dict[str, Refund] = {}
        self.shift: ShiftOn | None = None
        self.last_shift = 0
        self.grand_fen = 0
        self.totals = Totals()
        for row in rows:
            self.follow(row)

    def follow(self, row: Row) -> None:
        """Enter a row."""
        match row.event:
            case ShiftOn() as on:
                self.shift, self.last_shift, self.grand_fen, self.totals = on, on.shift, on.grand_fen, Totals()
            case ShiftOff() as off:
                self.shift, self.last_shift, self.grand_fen = None, off.shift, off.grand_fen
            case SaleAsked() as asked:
                self.deals[asked.operation] = sale_of(row.seq, row.at, asked)
            case Held() as held:
                self._change(self._sale(held), Cue.HELD, held=row.seq, card=held.card, at=row.at)
            case LoadHeld() as held:
                known = self.deals.get(held.order)
                deal = load_of(row.seq, row.at, held)
                self.deals[held.order] = replace(deal, reason=known.reason if known else None)
            case DealLeft() as left:
                self._change(self.deals.get(left.operation), Cue.GIVEN_UP)
            case Done() | Void() | Grey() | LoadDone() | LoadVoid() | LoadGrey() as outcome:
                self._outcome(outcome)
            case Refund() as refund:
                self.refunds[refund.operation] = refund
                self._add(refunds=1, refunds_fen=refund.amount)
            case _:
                pass

    def running(self) -> Deal | None:
        """The deal that waits for a card; there is one at most."""
        found = [deal for deal in self.deals.values() if deal.step in RUNNING]
        return found[-1] if found else None

    def leave(self, order: str) -> None:
        """A load that nothing durable waits for is given up."""
        self._change(self.deals.get(order), Cue.GIVEN_UP)

    def note(self, order: str, **changes: object) -> Deal:
        """Remember beside the deal what its last visit told."""
        self.deals[order] = replace(self.deals[order], **changes)
        return self.deals[order]

    def start(self, deal: Deal) -> Deal:
        """A load is wanted: nothing of it is durable yet."""
        self.deals[deal.order] = deal
        return deal

    def _outcome(self, outcome: Done | Void | Grey | LoadDone | LoadVoid | LoadGrey) -> None:
        row = self._row_at(outcome.held)
        if row is None:
            return
        if isinstance(outcome, Done | LoadDone):
            self._count(row.event)
        deal = self._deal_of(row)
        cue = {Done: Cue.MOVED, LoadDone: Cue.MOVED, Void: Cue.NOTHING_MOVED, LoadVoid: Cue.NOTHING_MOVED}
        if deal is not None and deal.held == row.seq and deal.step is not Step.DONE:
            self._change(deal, cue.get(type(outcome), Cue.UNKNOWN))
            if isinstance(outcome, LoadGrey) and deal.step is Step.UNCLEAR:  # the backend decides, no clerk need wait
                self.leave(deal.order)

    def _count(self, event: AnyEvent) -> None:
        if isinstance(event, Held):
            self.grand_fen += event.amount
            asked = self._asked(event)
            if asked is not None and asked.what == "fee":
                self._add(fees=1, fees_fen=event.amount)
            else:
                self._add(sales=1, sales_fen=event.amount)
        elif isinstance(event, LoadHeld):
            cash_fen = event.amount if event.source == "cash" else 0
            self._add(loads=1, loads_fen=event.amount, loads_cash_fen=cash_fen)

    def _add(self, **more: int) -> None:
        self.totals = self.totals._replace(**{name: getattr(self.totals, name) + fen for name, fen in more.items()})

    def _deal_of(self, row: Row) -> Deal | None:
        if isinstance(row.event, LoadHeld):
            return self.deals.get(row.event.order)
        return self._sale(row.event) if isinstance(row.event, Held) else None

    def _asked(self, held: Held) -> SaleAsked | None:
        row = self._row_at(int(held.product)) if held.product.isdecimal() else None
        return row.event if row is not None and isinstance(row.event, SaleAsked) else None

    def _sale(self, held: Held) -> Deal | None:
        asked = self._asked(held)
        return None if asked is None else self.deals.get(asked.operation)

    def _change(self, deal: Deal | None, cue: Cue, **changes: object) -> None:
        if deal is not None:
            self.deals[deal.order] = replace(deal, step=after(deal.step, cue), **changes)


def sale_of(seq: int, at: str, asked: SaleAsked) -> Deal:
    """The deal that row `seq` asks for."""
    items = tuple((item.name, item.amount) for item in asked.items)
    return Deal(asked.operation, asked.what, asked.amount, items, asked.source, asked=seq, at=at, clerk=asked.clerk)


def load_of(seq: int, at: str, held: LoadHeld) -> Deal:
    """The top-up of whose try row `seq` is."""
    return Deal(
        held.order, "load", held.amount, (), held.source, held.refund, Step.UNCLEAR, 0, seq, held.card,
        at=at, clerk=held.clerk,
    )  # fmt: skip
