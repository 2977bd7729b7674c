"""One visit of one card that is to be loaded; the backend's word comes through `ask`. Pure."""

from collections.abc import Callable

from msgspec import Struct

from apdu.errors import LinkLost, Malformed, StatusError, Torn
from apdu.purse.debit import balance
from apdu.purse.load import Granted, LoadDraft, LoadOrder, OpenLoad, Unsent, heal_load, load
from apdu.purse.read import Purse
from sync.events import LoadDone, LoadHeld, LoadVoid
from sync.events.load import Source
from sync.record import Row
from tariffs.decide import barred
from tariffs.verdict import Reason
from terminal.tap import Met, Outcome, Situation
from terminal.till.visit import LoadDesk, Visit


class Wanted(Struct, frozen=True):
    """What is to be loaded. `order` the top-up, `operation` this try of it; `card` "": any, else the one it is for.

    `terminal` 12 digits, as under MAC1 and TAC.
    """

    order: str
    operation: str
    amount_fen: int
    source: Source
    refund: str
    clerk: str
    terminal: str
    card: str = ""


Ask = Callable[[int, LoadHeld], Granted | str]
"""Asks the backend about the load of a row: its yes, or in a word why there is none."""


REASONS = {
    **dict.fromkeys(
        ("load_limit", "balance_limit", "day_limit", "no_account", "account_short", "no_bank"), Reason.OVER_LIMIT
    ),
    "false_card": Reason.FALSE_CARD,
}
"""What the holder is told for the backend's word; any other is none of the holder's business."""


class Loading(Visit):
    """A card that comes to be loaded."""

    def __init__(self, desk: LoadDesk, situation: Situation, wanted: Wanted, ask: Ask) -> None:
        super().__init__(desk, situation)
        self.wanted = wanted
        self.ask = ask
        self.why = ""
        """Why the backend or the counter did not load, in its word."""

    def _served_by(self, met: Met) -> Outcome:
        purse, wanted = met.purse, self.wanted
        self._settle_loads(purse)
        mine = [kind for row, kind in self.settled if _order(row) == wanted.order]
        if "DONE" in mine:
            after_fen = self.desk.converse(balance())
            return Outcome(Reason.LOADED, True, wanted.amount_fen, after_fen, self.card, seq=self.desk.held_seq)
        if "GREY" in mine:
            return Outcome(Reason.IN_DOUBT, card=self.card)
        if wanted.card and wanted.card != self.card:
            return Outcome(Reason.PRESENT_SAME_CARD, card=self.card)
        refused = barred(met.wallet, self.now.at.date(), self.now.pack)
        if refused is not None:
            return self._decided(met, refused)
        return self._load(purse, wanted)

    def _load(self, purse: Purse, wanted: Wanted) -> Outcome:
        uid = self.now.uid.hex().upper()

        def as_held(draft: LoadDraft) -> LoadHeld:
            return held_of(draft, wanted, uid)

        try:
            order = LoadOrder(purse, wanted.terminal, wanted.amount_fen)
            script = load(order, lambda draft: self.ask(self.desk.held_seq, as_held(draft)))
            result = self.desk.converse(script, as_held)
        except Torn as torn:
            return self._torn_load(torn, purse, wanted, uid)
        seq, operation = self.desk.held_seq, wanted.operation
        if isinstance(result, Unsent):
            self.why = result.why
            self.desk.close(LoadVoid(held=seq, operation=operation, why=result.why))
            return Outcome(REASONS.get(result.why, Reason.OUT_OF_SERVICE), card=self.card)
        tac = result.tac.hex().upper()
        done = LoadDone(held=seq, operation=operation, tac=tac, when=result.granted.when, by="credit")
        closed = self.desk.close(done)
        after = result.draft.opened.balance_fen + wanted.amount_fen
        return Outcome(Reason.LOADED, True, wanted.amount_fen, after, self.card, seq=closed)

    def _torn_load(self, torn: Torn, purse: Purse, wanted: Wanted, uid: str) -> Outcome:
        """Whether the card has it is not known: one that still answers is asked at once, another at its next visit."""
        again = Outcome(Reason.PRESENT_SAME_CARD, card=self.card)
        if isinstance(torn.cause, LinkLost):
            return again
        held = held_of(torn.draft, wanted, uid)
        try:
            healing = self.desk.converse(heal_load(purse, OpenLoad(held.counter, held.amount, held.terminal)))
        except (LinkLost, StatusError, Malformed):
            return again
        self._close_load(self.desk.held_seq, held, healing)
        if healing.kind == "DONE":
            after = held.balance + held.amount
            return Outcome(Reason.LOADED, True, wanted.amount_fen, after, self.card, seq=self.desk.held_seq)
        self.why = "card_refused"
        return Outcome(Reason.IN_DOUBT if healing.kind == "GREY" else Reason.UNREADABLE, card=self.card)


def held_of(draft: LoadDraft, wanted: Wanted, uid: str) -> LoadHeld:
    """The durable row of a load's draft, which is also what the backend is asked with."""
    purse, opened = draft.order.purse, draft.opened
    return LoadHeld(
        operation=wanted.operation,
        order=wanted.order,
        source=wanted.source,
        refund=wanted.refund,
        card=purse.number,
        uid=uid,
        aid=purse.profile.aid.hex().upper(),
        scheme=purse.profile.scheme,
        counter=opened.counter,
        balance=opened.balance_fen,
        amount=draft.order.amount_fen,
        terminal=draft.order.terminal,
        key_version=opened.key_version.hex().upper(),
        algorithm=opened.algorithm.hex().upper(),
        random=opened.random.hex().upper(),
        mac1=opened.mac1.hex().upper(),
        serial_factor=purse.serial.hex().upper(),
        issuer_factor=purse.issuer_factor.hex().upper(),
        clerk=wanted.clerk,
    )


def _order(row: Row) -> str:
    return row.event.order if isinstance(row.event, LoadHeld) else ""
