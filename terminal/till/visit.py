"""One visit of one card at a till: its open debits and loads are settled first, whatever it came for. Pure.

Everything outside is behind `Desk`, as in the tap (terminal/tap.py).
"""

from typing import Protocol

from apdu.purse.load import LoadHealing, OpenLoad, heal_load
from apdu.purse.read import Purse
from sync.events import AnyEvent, LoadDone, LoadGrey, LoadHeld, LoadVoid
from sync.record import Row
from terminal.tap import Desk, Situation, Tap


class LoadDesk(Desk, Protocol):
    """A desk that also knows loads."""

    def open_loads(self, card: str) -> list[Row]:
        """The card's loads without an outcome, oldest first."""
        ...


class Visit(Tap):
    """What a sale and a load have in common."""

    desk: LoadDesk

    def __init__(self, desk: LoadDesk, situation: Situation) -> None:
        super().__init__(desk, situation)
        self.desk = desk
        self.settled: list[tuple[Row, str]] = []
        """Earlier loads of this card that this visit settled, each with DONE, VOID or GREY."""

    def _settle_loads(self, purse: Purse) -> None:
        for row in self.desk.open_loads(purse.number):
            held = row.event
            assert isinstance(held, LoadHeld)
            if held.aid == purse.profile.aid.hex().upper():
                healing = self.desk.converse(heal_load(purse, OpenLoad(held.counter, held.amount, held.terminal)))
                self._close_load(row.seq, held, healing)
                self.settled.append((row, healing.kind))

    def _close_load(self, seq: int, held: LoadHeld, healing: LoadHealing) -> None:
        tac = healing.tac.hex().upper()
        event: AnyEvent
        if healing.kind == "DONE":
            event = LoadDone(held=seq, operation=held.operation, tac=tac, when="", by="prove")
        elif healing.kind == "VOID":
            event = LoadVoid(held=seq, operation=held.operation, why=healing.why)
        else:
            seen = healing.balance_fen, healing.counter
            event = LoadGrey(seq, held.operation, tac, healing.why, *seen)
        self.desk.close(event)
