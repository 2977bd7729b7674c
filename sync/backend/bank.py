"""The bank behind a load from the bound account: three words, each safe to say again, and a question."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from typing import NamedTuple, Protocol

from sync.backend.sql import Sql
from sync.backend.store import Unavailable


class BankSilent(Exception):
    """The bank's answer is lost: what became of the word is not known."""


class BankRefuses(Exception):
    """The bank says no, for good; the message is a word: no_account, account_short, not_reserved, captured."""


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
        """Take what was set aside. Raises BankSilent; BankRefuses: nothing is."""
        ...

    def release(self, operation: str) -> None:
        """Give back what was set aside, if anything was; nothing can be reserved under it afterwards.

        Raises BankSilent; BankRefuses: it was taken already.
        """
        ...

    def standing(self, operation: str) -> Standing:
        """What became of it. Raises BankSilent."""
        ...


_TABLES = (
    "create table if not exists bank_account (card text primary key, fen bigint not null check (fen >= 0))",
    "create table if not exists bank_hold (operation text primary key, card text not null, fen bigint not null,"
    " standing text not null)",
)


class Hold(NamedTuple):
    """Money of an account that is set aside under an operation, and what became of it."""

    card: str
    fen: int
    standing: Standing


_NO_HOLD = Hold("", 0, Standing.NOTHING)


class SimulatedBank:
    """One bank for demonstrations and tests: accounts by the card that they are bound to, and what is set aside.

    In a file, or in a city's PostgreSQL, where any number of collectors may speak to it.

    `lose`: the next so many answers are lost after the word was carried out; `away`: nothing arrives.
    """

    def __init__(self, sql: Sql, accounts: Mapping[str, int] | None = None) -> None:
        """`accounts`: fen by card, opened where they are not there yet. Raises Unavailable."""
        self._sql = sql
        self.lose = 0
        self.away = False
        with sql.transaction():
            for table in _TABLES:
                sql.query(table)
        for card, fen in (accounts or {}).items():
            self.open(card, fen)

    def open(self, card: str, fen: int) -> bool:
        """Bind an account with so much in it to a card; False when one is bound already. Raises Unavailable."""
        with self._sql.transaction():
            if card in self.accounts:
                return False
            self._sql.query("insert into bank_account (card, fen) values (?, ?)", card, fen)
            return True

    @property
    def accounts(self) -> dict[str, int]:
        """Fen by card."""
        return {row["card"]: row["fen"] for row in self._sql.query("select card, fen from bank_account")}

    def reserve(self, operation: str, card: str, amount_fen: int) -> None:
        """See Bank."""
        with self._word():
            hold = self._hold(operation)
            if hold.standing is Standing.NOTHING:
                account = self._sql.query("select fen from bank_account where card = ?", card)
                if not account:
                    raise BankRefuses("no_account")
                if account[0]["fen"] < amount_fen:
                    raise BankRefuses("account_short")
                self._move(card, -amount_fen)
                hold = Hold(card, amount_fen, Standing.RESERVED)
                self._keep(operation, hold)
        if hold.standing is Standing.RELEASED:
            raise BankRefuses("closed")

    def capture(self, operation: str) -> None:
        """See Bank."""
        with self._word():
            hold = self._hold(operation)
            if hold.standing not in (Standing.RESERVED, Standing.CAPTURED):
                raise BankRefuses("not_reserved")
            self._keep(operation, hold._replace(standing=Standing.CAPTURED))

    def release(self, operation: str) -> None:
        """See Bank."""
        with self._word():
            hold = self._hold(operation)
            if hold.standing is Standing.CAPTURED:
                raise BankRefuses("captured")
            if hold.standing is Standing.RESERVED:
                self._move(hold.card, hold.fen)
            self._keep(operation, hold._replace(standing=Standing.RELEASED))

    def standing(self, operation: str) -> Standing:
        """See Bank."""
        if self.away:
            raise BankSilent("the bank cannot be reached")
        try:
            return self._hold(operation).standing
        except Unavailable as wrong:
            raise BankSilent(str(wrong)) from wrong

    def captured_fen(self, card: str = "") -> int:
        """What was taken for good (from the account of `card`)."""
        query = "select card, fen from bank_hold where standing = ?"
        holds = self._sql.query(query, Standing.CAPTURED.value)
        return sum(hold["fen"] for hold in holds if not card or hold["card"] == card)

    def close(self) -> None:
        """Give the store back."""
        self._sql.close()

    @contextmanager
    def _word(self) -> Iterator[None]:
        """A word is carried out wholly or not at all, alone; then its answer may be lost."""
        if self.away:
            raise BankSilent("the bank cannot be reached")
        try:
            with self._sql.transaction():
                yield
        except Unavailable as wrong:  # committed or not: who knows
            raise BankSilent(str(wrong)) from wrong
        if self.lose:
            self.lose -= 1
            raise BankSilent("the bank's answer is lost")

    def _hold(self, operation: str) -> Hold:
        found = self._sql.query("select card, fen, standing from bank_hold where operation = ?", operation)
        return Hold(found[0]["card"], found[0]["fen"], Standing(found[0]["standing"])) if found else _NO_HOLD

    def _keep(self, operation: str, hold: Hold) -> None:
        sql = """insert into bank_hold (operation, card, fen, standing) values (?, ?, ?, ?)
            on conflict (operation) do update set standing = excluded.standing"""
        self._sql.query(sql, operation, hold.card, hold.fen, hold.standing.value)

    def _move(self, card: str, fen: int) -> None:
        self._sql.query("update bank_account set fen = fen + ? where card = ?", fen, card)
