"""One visit of one card that pays a sum at a till: healed, checked, debited as in the tap, without a record. Pure."""

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from apdu.purse.heal import Healing
from tariffs.decide import barred
from tariffs.verdict import Admit, Charge, Reason, Refuse
from tariffs.wallet import LastRide
from terminal.tap import Met, Outcome, Situation
from terminal.till.visit import LoadDesk, Visit

NO_RIDE = LastRide("", 0, "", datetime.min, datetime.min, 0, 0, 0, "")


class Due(Struct, frozen=True):
    """What a card is to pay. `product` names the SALE_ASKED row.

    `held`: the row of an earlier debit for this very sale whose outcome was not known, 0 for none. `card`: the only one
    that may pay, "" for any; with `held` the card of that debit.
    """

    amount_fen: int
    product: str
    held: int = 0
    card: str = ""


class Purchase(Visit):
    """A card that is to pay `due`, once: its own torn debit for it is settled before another is thought of."""

    def __init__(self, desk: LoadDesk, situation: Situation, due: Due, left_fen: Callable[[str], int]) -> None:
        """`left_fen`: what a card (20 digits) may still pay today."""
        super().__init__(desk, situation)
        self.left_fen = left_fen
        self.due = due
        self.kinds: dict[int, str] = {}

    def _settle(self, seq: int, healing: Healing) -> int:
        self.kinds[seq] = healing.kind
        return super()._settle(seq, healing)

    def _served_by(self, met: Met) -> Outcome:
        due = self.due
        self._settle_loads(met.purse)
        if due.card and due.card != self.card:
            return Outcome(Reason.PRESENT_SAME_CARD, card=self.card)
        if due.held:
            kind = self.kinds.get(due.held, "GREY")
            if kind == "DONE":
                row = next(row for seq, row in met.memory.open if seq == due.held)
                return self._admit(Admit(Reason.HEALED), met.wallet, (due.held, row))
            if kind == "GREY":
                return Outcome(Reason.IN_DOUBT, card=self.card)
        refused = barred(met.wallet, self.now.at.date(), self.now.pack)
        if refused is None and met.wallet.card_class == "driver":
            refused = Refuse(Reason.CLASS_NOT_SERVED)
        if refused is None and not met.wallet.simple:
            refused = Refuse(Reason.NOT_A_PURSE)
        if refused is not None:
            return self._decided(met, refused)
        if due.amount_fen > self.left_fen(self.card):
            return self._refuse(Reason.OVER_LIMIT, f"{due.amount_fen} fen")
        charge = Charge(due.amount_fen, Reason.SALE, False, due.amount_fen, due.product, NO_RIDE)
        return self._charge(met.purse, met.wallet, charge, met.memory)
