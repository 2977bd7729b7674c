"""The bank behind a load from the bound account: three words, each safe to say again, and a question."""

import json
import os
import threading
from enum import Enum
from pathlib import Path
from typing import Protocol


class BankSilent(Exception):
    """The bank's answer is lost: what became of the word is not known."""


class BankRefuses(Exception):
    """The bank says no, for good; the message is a word: no_account, account_short."""


class Standing(Enum):
    """What the bank has of an operation."""

    NOTHING = "nothing"
    RESERVED = "reserved"
    CAPTURED = "captured"
    RELEASED = "released"


class Bank(Protocol):
    """Two phases, by operation: said twice is said once."""

    def reserve(self, operation: str, card: str, amount_fen: int) -> None:
        """Set money of the account bound to `card` aside. Raises BankRefuses, BankSilent."""
        ...

    def capture(self, operation: str) -> None:
        """Take what was set aside. Raises BankSilent."""
        ...

    def release(self, operation: str) -> None:
        """Give back what was set aside, if anything was; nothing can be reserved under it afterwards.

        Raises BankSilent.
        """
        ...

    def standing(self, operation: str) -> Standing:
        """What became of it. Raises BankSilent."""
        ...


class SimulatedBank:
    """One bank for demonstrations and tests: accounts by the card that they are bound to, in a file if one is named.

    `lose`: the next so many answers are lost after the word was carried out; `away`: nothing arrives.
    """

    def __init__(self, accounts: dict[str, int], path: Path | None = None) -> None:
        """`accounts`: fen by card; what `path` holds comes before them."""
        self._lock = threading.Lock()
        self._path = path
        self.lose = 0
        self.away = False
        kept = json.loads(path.read_text("utf-8")) if path is not None and path.exists() else {}
        self.accounts: dict[str, int] = {**accounts, **kept.get("accounts", {})}
        self.holds: dict[str, list[str | int]] = kept.get("holds", {})
        """By operation: card, fen, standing."""

    def reserve(self, operation: str, card: str, amount_fen: int) -> None:
        """See Bank."""
        with self._lock:
            self._arrive()
            if operation not in self.holds:
                if card not in self.accounts:
                    raise BankRefuses("no_account")
                if self.accounts[card] < amount_fen:
                    raise BankRefuses("account_short")
                self.accounts[card] -= amount_fen
                self.holds[operation] = [card, amount_fen, Standing.RESERVED.value]
            self._answer()
            if self.holds[operation][2] == Standing.RELEASED.value:
                raise BankRefuses("closed")

    def capture(self, operation: str) -> None:
        """See Bank."""
        with self._lock:
            self._arrive()
            hold = self.holds[operation]
            assert hold[2] != Standing.RELEASED.value, "money that was given back cannot be taken"
            hold[2] = Standing.CAPTURED.value
            self._answer()

    def release(self, operation: str) -> None:
        """See Bank."""
        with self._lock:
            self._arrive()
            card, fen, standing = self.holds.get(operation, ["", 0, Standing.NOTHING.value])
            assert standing != Standing.CAPTURED.value, "money that was taken cannot be given back"
            if standing == Standing.RESERVED.value:
                self.accounts[str(card)] += int(fen)
            self.holds[operation] = [card, fen, Standing.RELEASED.value]
            self._answer()

    def standing(self, operation: str) -> Standing:
        """See Bank."""
        with self._lock:
            self._arrive()
            return Standing(self.holds.get(operation, ["", 0, Standing.NOTHING.value])[2])

    def captured_fen(self, card: str = "") -> int:
        """What was taken for good (from the account of `card`)."""
        with self._lock:
            holds = [hold for hold in self.holds.values() if hold[2] == Standing.CAPTURED.value]
        return sum(int(fen) for of, fen, _ in holds if not card or of == card)

    def _arrive(self) -> None:
        if self.away:
            raise BankSilent("the bank cannot be reached")

    def _answer(self) -> None:
        if self._path is not None:
            fresh = self._path.with_name(self._path.name + ".new")
            with open(fresh, "w", encoding="utf-8") as out:
                json.dump({"accounts": self.accounts, "holds": self.holds}, out)
                out.flush()
                os.fsync(out.fileno())
            fresh.replace(self._path)
        if self.lose:
            self.lose -= 1
            raise BankSilent("the bank's answer is lost")
