"""The bank of a training: grants each load with the synthetic issuer's key, and knows what the training owes."""

from apdu import crypto
from apdu.purse.load import Granted
from apdu.virtual import issuer
from sync import till_rows
from sync.events import Done, LoadDone, LoadHeld, Refund
from sync.journal import Journal
from sync.loading import Due
from terminal.ports import Clock

ACCOUNT_MAX_FEN = 20_000
"""What every bound account of a training can pay: enough to try it, and to be refused."""


class TrainingBank:
    """Fits terminal.till.issuer.Issuer."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal, self._clock = journal, clock

    def granted(self, seq: int, held: LoadHeld) -> Granted | str:
        """MAC2, as the issuer's machine makes it (docs/cards.md, "Commands")."""
        if held.source == "account" and held.amount > ACCOUNT_MAX_FEN:
            return "account_short"
        master = issuer.TUNION if held.scheme == "tunion" else issuer.MOHURD
        factors = bytes.fromhex(held.serial_factor), bytes.fromhex(held.issuer_factor)
        random, counter = bytes.fromhex(held.random), held.counter.to_bytes(2, "big")
        key = crypto.session_key(issuer.card_keys(master, *factors).load, random, counter, b"\x80\x00")
        when = f"{self._clock.read().at:%Y%m%d%H%M%S}"
        deal = held.amount.to_bytes(4, "big") + b"\x02" + bytes.fromhex(held.terminal + when)
        return Granted(crypto.mac(key, deal), when)

    def refunds(self, card: str) -> list[Due]:
        """What was noted in this training for debits that did happen, and is not given back yet."""
        rows = self._journal.read(till_rows.rows, 0)
        done = {row.event.held for row in rows if isinstance(row.event, Done | LoadDone)}
        loads = {row.seq: row.event for row in rows if isinstance(row.event, LoadHeld)}
        paid = {load.refund for seq, load in loads.items() if seq in done}
        noted = [row.event for row in rows if isinstance(row.event, Refund) and row.event.held in done]
        return [
            Due(refund.operation, refund.amount, str(refund.held))
            for refund in noted
            if refund.card == card and refund.operation not in paid
        ]
