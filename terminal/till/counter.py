"""A till at work: one deal at a time, a card for it, and the shift. Every effect is here, every rule elsewhere.

A deal is asked for by its order (20 hex digits, the page's or POS's own): the same order with the same body is the same
deal, however often it is sent; with another body it is `OtherBody`. Money needs the card put down for it: `present`.
"""

import os
import re
from collections.abc import Callable
from typing import Literal

from apdu.errors import PsamError
from apdu.limits import AMOUNT_MAX_FEN
from apdu.purse.load import Granted
from apdu.purse.read import select
from sync import till_rows
from sync.asking import NoAnswer
from sync.events import AnyEvent, DealLeft, Done, Held, Item, LoadHeld, Refund, SaleAsked, ShiftOff, ShiftOn
from sync.events.load import Source
from sync.journal import Journal
from sync.loading import Due as RefundDue
from tariffs.verdict import Reason
from terminal.ports import Card
from terminal.tap import Outcome, Situation
from terminal.till.deal import RUNNING, Deal, Step
from terminal.till.ledger import Ledger, Totals
from terminal.till.limits import CARD_SECONDS, ITEM_NAME_BYTES_MAX, ITEMS_MAX
from terminal.till.loading import Loading, Wanted
from terminal.till.parts import Parts
from terminal.till.purchase import Due, Purchase
from terminal.till.words import Refused, refused

ORDER = re.compile("[0-9a-f]{20}", re.ASCII)


class OtherBody(Refused):
    """The order is known, with another body."""


class Till:
    """One till. Used by one thread; the sync thread sends the journal meanwhile."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        journal = parts.desk.journal
        self._read = journal.last_seq
        self.ledger = Ledger(journal.read(till_rows.rows, journal.read(till_rows.since)), journal.row)
        for deal in list(self.ledger.deals.values()):
            if deal.what == "load" and deal.step is Step.ASKED:
                self.ledger.leave(deal.order)  # nothing durable waits for it: the clerk asks anew
        self._repair()

    @property
    def journal(self) -> Journal:
        """The till's journal."""
        return self.parts.desk.journal

    # the shift

    def open_shift(self, clerk: str) -> int:
        """A clerk takes the till; a forgotten shift before is closed. The new shift's number. Raises Refused."""
        self._serves()
        if not clerk.strip() or len(clerk) > 32:
            raise refused("no_clerk")
        if self.ledger.shift is not None:
            self.z("next")
        self._keep(ShiftOn(clerk, self.ledger.last_shift + 1, self.ledger.grand_fen))
        return self.ledger.last_shift

    def x(self) -> ShiftOff:
        """What the shift came to so far; nothing is closed. Raises Refused (no shift)."""
        return self._totals(self._shift(), "clerk")

    def z(self, by: Literal["clerk", "next"] = "clerk") -> ShiftOff:
        """Close the shift, once; unsent rows and unclear debits do not hinder it: they are named and carried over.

        Raises Refused (no shift; a deal waits for its card).
        """
        on = self._shift()
        running = self.ledger.running()
        if running is not None:
            if by == "clerk":
                raise refused("deal_runs")
            self._leave(running)
        closed = self._totals(on, by)
        self._keep(closed)
        return closed

    # deals

    def sell(
        self,
        order: str,
        items: list[tuple[str, int]],
        source: Literal["keyed", "pos"] = "keyed",
        what: Literal["sale", "fee"] = "sale",
        payer: str = "",
    ) -> Deal:
        """Ask for a sum: name and fen of each item. Durable when this returns; no card was seen. Raises Refused.

        `payer`: the card (20 digits) that is to pay it, "" for any; a restart forgets it.
        """
        self._check_items(items)
        total = sum(fen for _, fen in items)
        wanted = Deal(order, what, total, tuple(items), source)
        known = self._known(wanted)
        if known is not None:
            return known
        desk = self.parts.desk
        desk.begin(self.parts.clock.read(), None)
        desk.watch_backlog()
        if desk.is_stopped():
            raise refused("backlog")
        market = self.parts.market
        if total > min(market.sale_max_fen, AMOUNT_MAX_FEN):
            raise refused("sale_limit", market.sale_max_fen)
        if self.journal.read(till_rows.spent_since, "", self._midnight()) + total > market.day_max_fen:
            raise refused("day_limit", market.day_max_fen)
        on = self._shift()
        lines = [Item(name, fen) for name, fen in items]
        self._keep(SaleAsked(order, what, lines, total, on.clerk, on.shift, source))
        return self.ledger.note(order, payer=payer)

    def top_up(self, order: str, amount_fen: int, source: Source, refund: str = "") -> Deal:
        """Ask for a load. Nothing is durable before the card is there. Raises Refused: limits, or offline."""
        wanted = Deal(order, "load", amount_fen, (), source, refund)
        known = self._known(wanted)
        if known is not None:
            return known
        topup = self.parts.topup
        if self.parts.issuer is None:
            raise refused("no_backend")
        if not topup.load_min_fen <= amount_fen <= min(topup.load_max_fen, AMOUNT_MAX_FEN) and source != "refund":
            raise refused("load_limit", topup.load_max_fen)
        if (source == "refund") != bool(refund):
            raise refused("no_refund")
        try:
            self.parts.issuer.refunds("0" * 20)
        except NoAnswer as away:
            raise refused("offline", detail=str(away)) from away
        on = self._shift()
        at = self.parts.clock.read().at.isoformat(timespec="milliseconds")
        return self.ledger.start(Deal(order, "load", amount_fen, (), source, refund, at=at, clerk=on.clerk))

    def present(self, seconds: float = CARD_SECONDS, given_up: Callable[[], bool] = lambda: False) -> Deal:
        """Wait for the card that the running deal is for, and do it. The deal as it stands then.

        Raises Refused (no deal runs, no card came), ReaderLost, JournalError.
        """
        self._running()
        card = self.parts.chips.card(seconds, given_up)
        if card is None:
            raise refused("no_card")
        return self.serve(card)

    def serve(self, card: Card) -> Deal:
        """Do the running deal with a card that lies there. Raises Refused (no deal runs), JournalError.

        An outcome that the disk did not take in an earlier visit is written first: the deal may have ended with it.
        """
        with self.parts.precedence:
            return self._serve(card)

    def _serve(self, card: Card) -> Deal:
        before = self._running()
        self.parts.desk.begin(self.parts.clock.read(), None)
        self.parts.desk.flush()
        self._catch_up()
        deal = self.ledger.deals[before.order]
        if deal.step not in RUNNING:
            return deal
        outcome, why = self._load(deal, card) if deal.what == "load" else self._pay(deal, card)
        if outcome.trouble == "psam":
            self.parts.chips.lose_psam()
        self._catch_up()
        self.parts.wake()
        return self.ledger.note(deal.order, reason=outcome.reason, why=why, balance_fen=outcome.balance_fen)

    def give_up(self) -> Deal:
        """The clerk gives the running deal up. What is taken all the same is given back later. Raises Refused."""
        return self._leave(self._running())

    def standing(self, order: str) -> Deal | None:
        """The deal of an order, of this shift; None: it is not known here."""
        return self.ledger.deals.get(order)

    # refunds

    def refund(self, order: str, seq: int, amount_fen: int) -> Refund:
        """Note money to be given back for the debit of row `seq` (its receipt's number); a top-up counter credits it.

        Noted twice under one order it is noted once. Raises Refused.
        """
        on = self._shift()
        row = self.journal.row(seq) if 0 < seq <= self.journal.last_seq else None
        if row is None or not isinstance(row.event, Held):
            raise refused("no_sale")
        events = [one.event for one in self.journal.outcomes_of(seq)]
        noted = [event for event in events if isinstance(event, Refund)]
        same = [refund for refund in noted if refund.operation == order]
        if same:
            if same[0].amount != amount_fen:
                raise OtherBody(*refused("other_body").args)
            return same[0]
        if not ORDER.fullmatch(order):
            raise refused("bad_order")
        if not any(isinstance(event, Done) for event in events):
            raise refused("no_sale")
        if not 0 < amount_fen <= row.event.amount - sum(refund.amount for refund in noted):
            raise refused("refund_limit", row.event.amount)
        return self._refund(order, seq, row.event, amount_fen, "clerk", on)

    def card_number(self, seconds: float = CARD_SECONDS, given_up: Callable[[], bool] = lambda: False) -> str:
        """The number of the card that is put down; nothing is done with it, and it may stay for the next deal.

        Raises Refused (no card, or one without a number), ReaderLost, ApduError.
        """
        card = self.parts.chips.card(seconds, given_up)
        if card is None:
            raise refused("no_card")
        self.parts.chips.keep_down()
        self.parts.desk.begin(self.parts.clock.read(), card.wire)
        with self.parts.precedence:
            purse = self.parts.desk.converse(select(self.parts.profiles))
        if purse is None or not purse.number:
            raise refused("no_number")
        return purse.number

    def refunds(self, card: str) -> list[RefundDue]:
        """What a load may give back to this card (20 digits) now. Raises Refused (offline)."""
        if self.parts.issuer is None:
            raise refused("no_backend")
        try:
            return self.parts.issuer.refunds(card)
        except NoAnswer as away:
            raise refused("offline", detail=str(away)) from away

    def idle(self) -> None:
        """Nobody stands there: upkeep of the journal; drafts of past days are closed as unhealed.

        Raises JournalError.
        """
        desk = self.parts.desk
        desk.begin(self.parts.clock.read(), None)
        desk.flush()
        desk.end_service_day(desk.moment.at)
        desk.watch_backlog()
        desk.upkeep.rest(desk.moment)
        self._catch_up()

    # how a card is served

    def _pay(self, deal: Deal, card: Card) -> tuple[Outcome, str]:
        try:
            self.parts.chips.open_psam()
        except PsamError as wrong:
            return Outcome(Reason.OUT_OF_SERVICE), str(wrong)
        held, card_of = (deal.held, deal.card) if deal.step is Step.UNCLEAR else (0, deal.payer)
        due = Due(deal.amount_fen, str(deal.asked), held, card_of)
        visit = Purchase(self.parts.desk, self._situation(card), due, self._left_fen)
        outcome = visit.serve()
        is_others = outcome.reason is Reason.PRESENT_SAME_CARD and not held
        return outcome, "other_card" if is_others else ""

    def _load(self, deal: Deal, card: Card) -> tuple[Outcome, str]:
        issuer, why = self.parts.issuer, ""
        assert issuer is not None
        try:
            self.parts.chips.open_psam()
        except PsamError as wrong:
            why = str(wrong)  # only a card with an open debit needs it
        number = self.parts.terminal.zfill(12)
        card_of = deal.card if deal.step is Step.UNCLEAR else ""
        source: Source = deal.source  # type: ignore[assignment]
        wanted = Wanted(
            deal.order, os.urandom(10).hex(), deal.amount_fen, source, deal.refund, deal.clerk, number, card_of
        )

        def ask(seq: int, held: LoadHeld) -> Granted | str:
            return issuer.granted(seq, held)

        visit = Loading(self.parts.desk, self._situation(card), wanted, ask)
        outcome = visit.serve()
        return outcome, visit.why or (why if outcome.trouble == "psam" else "")

    def _situation(self, card: Card) -> Situation:
        desk, moment = self.parts.desk, self.parts.clock.read()
        desk.begin(moment, card.wire)
        service = desk.service(self.parts.pack.version, desk.hot_list.version)
        return Situation(moment.at, card.medium, card.uid, self.parts.profiles, self.parts.pack, service, None)

    def _left_fen(self, card: str) -> int:
        return self.parts.market.card_day_fen - self.journal.read(till_rows.spent_since, card, self._midnight())

    def _midnight(self) -> str:
        return f"{self.parts.clock.read().at:%Y-%m-%dT00:00:00}"

    # small parts

    def _known(self, wanted: Deal) -> Deal | None:
        """The same deal, asked for again; None: it is new and may begin. Raises Refused."""
        if not ORDER.fullmatch(wanted.order):
            raise refused("bad_order")
        known = self.ledger.deals.get(wanted.order)
        if known is not None and not known.same_as(wanted):
            raise OtherBody(*refused("other_body").args)
        if known is None:
            self._serves()
            self._shift()
            if self.ledger.running() is not None:
                raise refused("deal_runs")
        return known

    def _serves(self) -> None:
        if why := self.parts.closed():
            raise refused("out_of_service", detail=why)

    def _check_items(self, items: list[tuple[str, int]]) -> None:
        if not 0 < len(items) <= ITEMS_MAX:
            raise refused("items", ITEMS_MAX)
        for name, fen in items:
            is_name = name.isprintable() and len(name.encode()) <= ITEM_NAME_BYTES_MAX
            if not is_name or not 0 < fen <= AMOUNT_MAX_FEN:
                raise refused("item")

    def _running(self) -> Deal:
        running = self.ledger.running()
        if running is None:
            raise refused("no_deal")
        return running

    def _shift(self) -> ShiftOn:
        if self.ledger.shift is None:
            raise refused("no_shift")
        return self.ledger.shift

    def _leave(self, deal: Deal) -> Deal:
        if deal.what == "load" and deal.step is Step.ASKED:
            self.ledger.leave(deal.order)
        else:
            self._keep(DealLeft(deal.asked or deal.held, deal.order, "clerk"))
            self._owe(self.ledger.deals[deal.order])
        return self.ledger.deals[deal.order]

    def _owe(self, deal: Deal) -> None:
        """A sale was given up while its debit was unclear: what it may have taken is noted to be given back."""
        if deal.what == "load" or deal.step is not Step.DOUBT:
            return
        noted = any(isinstance(one.event, Refund) for one in self.journal.outcomes_of(deal.held))
        row = self.journal.row(deal.held)
        if not noted and row is not None and isinstance(row.event, Held):
            self._refund(os.urandom(10).hex(), deal.held, row.event, deal.amount_fen, "left", self.ledger.shift)

    def _repair(self) -> None:
        """The power went between giving up and noting what is owed."""
        for deal in list(self.ledger.deals.values()):
            self._owe(deal)

    def _refund(
        self, order: str, seq: int, held: Held, fen: int, why: Literal["clerk", "left"], on: ShiftOn | None
    ) -> Refund:
        clerk, shift = (on.clerk, on.shift) if on else ("", 0)
        noted = Refund(seq, order, held.product, held.card, fen, why, clerk, shift)
        self._keep(noted)
        self.parts.wake()
        return noted

    def _totals(self, on: ShiftOn, by: Literal["clerk", "next"]) -> ShiftOff:
        totals: Totals = self.ledger.totals
        drafts = self.journal.open_drafts_all()
        loads = [row.event for row in self.journal.read(till_rows.open_loads, "") if isinstance(row.event, LoadHeld)]
        return ShiftOff(
            clerk=on.clerk,
            shift=on.shift,
            by=by,
            unclear=len(drafts),
            unclear_fen=sum(draft.held.amount for draft in drafts),
            loads_unclear=len(loads),
            loads_unclear_fen=sum(load.amount for load in loads),
            grand_fen=self.ledger.grand_fen,
            unsent=self.journal.unsent().rows,
            **totals._asdict(),
        )

    def _keep(self, event: AnyEvent) -> None:
        moment = self.parts.clock.read()
        self.parts.desk.begin(moment, None)
        self.parts.desk.keep(event)
        self._catch_up()

    def _catch_up(self) -> None:
        """Take what was written meanwhile into the ledger."""
        for seq in range(self._read + 1, self.journal.last_seq + 1):
            row = self.journal.row(seq)
            if row is not None:
                self.ledger.follow(row)
            self._read = seq
