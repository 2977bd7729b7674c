"""Loads and the bank: a word to the bank stands in the book before it is said, and its answer after.

The store is never locked while the bank is waited for. A word whose answer is lost is not said again before the bank
was asked what it has; taking and giving back may be said again, for the bank knows the operation.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from sync.backend import loads, refunds
from sync.backend.bank import Bank, BankRefuses, BankSilent, SimulatedBank, Standing
from sync.backend.books import raise_alarm
from sync.backend.keys import LoadKeys, Masters
from sync.backend.loads import Rules
from sync.backend.sql import open_sql
from sync.backend.store import Database
from sync.loading import Answer, Ask, Cue, Due, State, unfit

Transaction = Callable[[], AbstractContextManager[Database]]


class Lender:
    """Grants loads. Safe to call from any thread. `keys` of loads; `bank` None: no load from an account."""

    def __init__(self, keys: LoadKeys, bank: Bank | None = None, rules: Rules | None = None) -> None:
        self.keys = keys
        self.bank = bank
        self.rules = rules or Rules()

    def start(self, transaction: Transaction) -> None:
        """Once, when the backend starts: what was being reserved when it ended is not known."""
        with transaction() as database:
            for load in loads.owed(database, (State.RESERVING,)):
                loads.go(database, load, Cue.NO_ANSWER, "")
        self.carry_out(transaction, "")

    def ask(self, transaction: Transaction, ask: Ask, now: str) -> Answer:
        """Answer a counter. Raises loads.Conflict."""
        if ask.load.terminal != ask.terminal.zfill(12):  # what the card signs is who asks
            return Answer("refused", why="not_enrolled")
        if why := unfit(ask.load):
            return Answer("refused", why=f"bad_question: {why}")
        with transaction() as database:
            enrolled = database.table("stream").count_where("terminal = ? and epoch = ?", (ask.terminal, ask.epoch))
            if not enrolled:
                return Answer("refused", why="not_enrolled")
            known = loads.find(database, ask.load.operation)
            load = loads.begin(database, self.keys, self.rules, ask, now)
        is_new = known is None or known["state"] == State.HELD.value
        if is_new and load["state"] == State.RESERVING.value:
            load = self._reserve(transaction, load, now)
        self.carry_out(transaction, now)
        with transaction() as database:
            return loads.answer(loads.find(database, load["operation"]) or load)

    def refunds(self, transaction: Transaction, card: str) -> list[Due]:
        """What may be given back to a card now."""
        with transaction() as database:
            return refunds.due(database, card)

    def carry_out(self, transaction: Transaction, now: str) -> None:
        """Tell and ask the bank what is owed; what it does not answer stays owed, and what only a process that has the
        bank can say is left to that."""
        with transaction() as database:
            waiting = loads.owed(database)
        for load in waiting:
            if load["source"] != "account" or self.bank is not None:
                self._say(transaction, load, now)

    def _reserve(self, transaction: Transaction, load: dict[str, Any], now: str) -> dict[str, Any]:
        try:
            if self.bank is None:
                raise BankRefuses("no_bank")
            self.bank.reserve(load["operation"], load["card"], load["amount_fen"])
        except BankRefuses as no:
            return self._go(transaction, load, Cue.DECLINED, now, str(no))
        except BankSilent:
            return self._go(transaction, load, Cue.NO_ANSWER, now)
        with transaction() as database:
            return loads.grant(database, self.keys, load, now)

    def _say(self, transaction: Transaction, load: dict[str, Any], now: str) -> None:
        """One word that is owed about one load."""
        state, bank = State(load["state"]), self.bank if load["source"] == "account" else None
        operation = load["operation"]
        try:
            if state is State.CAPTURING:
                if bank is not None:
                    bank.capture(operation)
                self._go(transaction, load, Cue.TAKEN, now)
            elif state is State.RELEASING:
                if bank is not None:
                    bank.release(operation)
                self._go(transaction, load, Cue.GIVEN_BACK, now)
            elif bank is not None and bank.standing(operation) is Standing.RESERVED and now:
                with transaction() as database:
                    loads.grant(database, self.keys, load, now)
            elif now:
                self._go(transaction, load, Cue.NOTHING_THERE, now, "bank_silent")
        except BankSilent:
            self._go(transaction, load, Cue.NO_ANSWER, now)
        except BankRefuses as no:  # bank and book tell different stories, as after a restored copy: it stays owed
            with transaction() as database:
                key = load["terminal"], load["epoch"], load["seq"]
                raise_alarm(database, key, "bank_refuses", now or load["made"], f"{state.value} {operation}: {no}")

    def _go(
        self, transaction: Transaction, load: dict[str, Any], cue: Cue, now: str, why: str = ""
    ) -> dict[str, Any]:
        with transaction() as database:
            return loads.go(database, load, cue, now, **({"why": why} if why else {}))


def lender_of(masters: Masters, bank: str | None) -> Lender | None:
    """Who grants loads with these keys; None for nobody. `bank`: place of the simulated one. Raises Unavailable."""
    if not masters.loads:
        return None
    return Lender(masters, SimulatedBank(open_sql(bank)) if bank else None)
