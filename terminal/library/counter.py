"""A library's counter over its journal: each act is durable before it goes out, and none goes out twice."""

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

import msgspec

from sync import recall
from sync.events import AnyEvent, LoanAsked, LoanClosed, LoanSent
from sync.events.loan import Act, Grant
from sync.ils import Ils, IlsAway, IlsUnclear
from sync.journal import Journal
from sync.lending import Entry, Loan, Queue, State, proved
from sync.record import Row
from sync.sip2 import ils
from sync.sip2.errors import BadMessage
from sync.sip2.messages import Message
from sync.vault import Vault
from tariffs.library import Denied, Lending
from tariffs.money import yuan_text
from terminal.library.limits import AWAY_MS, ITEM_CHARS_MAX
from terminal.library.results import Outcome, ReaderView, Result, denied, flag
from terminal.ports import Clock, Moment
from terminal.precedence import Precedence


class BadItem(ValueError):
    """A barcode or card number that cannot be one, in two languages."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds while the library system is away: dated rules, and the blocked readers."""

    lending: Lending
    blocked: Collection[str]


class Counter:
    """One counter. Not for several threads at once."""

    def __init__(
        self, journal: Journal, vault: Vault, clock: Clock, client: Ils, rules: Rules, precedence: Precedence
    ) -> None:
        """`precedence`: held while a row is written."""
        self.journal = journal
        self.vault = vault
        self.clock = clock
        self.client = client
        self.rules = rules
        self.precedence = precedence
        self.queue = Queue(journal.open_loans())
        self._away_until_ms = 0
        self._abandon()

    # Acts

    # `operation` names an act (20 hex digits) for whoever may have to ask later what became of it.

    def lend(self, card: str, family: str, item: str, operation: str = "") -> Result:
        """Lend `item` to the reader of `card`, read from a chip of `family`, or "typed"."""
        self._check(card, item)

        def offline(moment: Moment) -> datetime | Denied:
            lent = self.queue.lent(self._ref(card))
            return self.rules.lending.lend(card, family, lent, self.rules.blocked, moment.at)

        return self._act("lend", Loan(card, item), offline, operation=operation)

    def renew(self, card: str, item: str, operation: str = "") -> Result:
        """Renew the loan of `item`."""
        self._check(card, item)

        def offline(moment: Moment) -> datetime | Denied:
            renewed = sum(
                entry.asked.act == "renew" and self.loan(entry) == Loan(card, item) for entry in self.queue.open()
            )
            return self.rules.lending.renew(card, renewed, self.rules.blocked, moment.at)

        return self._act("renew", Loan(card, item), offline, operation=operation)

    def give_back(self, item: str, operation: str = "") -> Result:
        """Take `item` back; offline that is always recorded."""
        self._check("", item)
        return self._act("return", Loan("", item), lambda moment: None, operation=operation)

    def fee(self, card: str, fen: int, payment: str, debit: str = "", operation: str = "") -> Result:
        """Tell the library system of a fee that was paid: `payment` "00" in cash, "02" by card or purse.

        `debit`: the row of the purse's debit for it, "" for none.
        """
        self._check(card, debit)
        assert fen > 0
        return self._act("fee", Loan(card, debit, payment), lambda moment: None, fen, operation)

    def found(self, operation: str) -> Result | None:
        """What became of the act of that name, by what is durable; None: nothing was done under it."""
        row = self.journal.read(recall.loan_asked, operation)
        if row is None:
            return None
        asked, entry = row.event, self.queue.entry(row.seq)
        assert isinstance(asked, LoanAsked)
        if entry is not None:
            is_told_later = entry.asked.granted == "rules" and entry.state is State.QUEUED
            outcome = Outcome.QUEUED if is_told_later else Outcome.UNCLEAR
        else:
            ends = [one.event.outcome for one in self.journal.outcomes_of(row.seq) if isinstance(one.event, LoanClosed)]
            outcome = Outcome.REFUSED if ends[-1:] == ["refused"] else Outcome.DONE
        sealed = self.vault.open_text(asked.sealed, _place(operation))
        item = "" if asked.act == "fee" else msgspec.json.decode(sealed, type=Loan).item
        return Result(asked.act, item, outcome, due=asked.due, seq=row.seq)

    def reader(self, card: str, family: str) -> ReaderView:
        """Who stands there and what is open: from the library system, else from what is known here."""
        self._check(card, "")
        moment = self.clock.read()
        if self.reachable(moment):
            try:
                found = self._patron(card, moment)
                blocked = tuple(map(flag, found.blocked))
                return ReaderView(True, found.known, found.name, blocked, found.charged, found.fee, found.words)
            except (IlsAway, IlsUnclear, BadMessage):
                self._is_away(moment)
        ref = self._ref(card)
        verdict = self.rules.lending.lend(card, family, self.queue.lent(ref), self.rules.blocked, moment.at)
        items = tuple(self.loan(entry).item for entry in self.queue.open() if entry.asked.reader == ref)
        return ReaderView(False, True, "", (denied(verdict),) if isinstance(verdict, Denied) else (), items, "", "")

    # How an act goes

    def _act(
        self,
        act: Act,
        loan: Loan,
        offline: Callable[[Moment], datetime | Denied | None],
        fen: int = 0,
        operation: str = "",
    ) -> Result:
        """Online when the library system is there and nothing older waits to be told to it, else by the rules."""
        moment = self.clock.read()
        if not self.queue.open(State.QUEUED, State.SENT) and self.reachable(moment):
            result = self._online(self._asked(act, loan, fen, "", "ils", operation), loan, moment)
            if result is not None:
                return result
        verdict = offline(moment)
        if isinstance(verdict, Denied):
            return Result(act, loan.item, Outcome.REFUSED, words=denied(verdict))
        due = verdict.date().isoformat() if verdict else ""
        row = self.keep(self._asked(act, loan, fen, due, "rules", operation), moment)
        return Result(act, loan.item, Outcome.QUEUED, due=due, seq=row.seq)

    def _online(self, asked: LoanAsked, loan: Loan, moment: Moment) -> Result | None:
        """None: the library system has surely not done it and cannot be asked now."""
        act = asked.act
        row = self.keep(asked, moment)
        entry = self.queue.entry(row.seq)
        assert entry is not None
        self.keep(LoanSent(row.seq, "sip2"), moment)
        try:
            told = self.told(entry, loan, moment)
        except IlsAway:
            self.keep(LoanClosed(row.seq, "refused", "answer"), moment)
            self._is_away(moment)
            return None
        except IlsUnclear:
            return self._unclear(entry, loan, moment)
        except BadMessage as wrong:
            self.keep(LoanClosed(row.seq, "refused", "answer"), moment)
            return Result(act, loan.item, Outcome.REFUSED, words=str(wrong), seq=row.seq)
        self.keep(LoanClosed(row.seq, "done" if told.ok else "refused", "answer"), moment)
        outcome = Outcome.DONE if told.ok else Outcome.REFUSED
        return Result(act, loan.item, outcome, told.title, told.due, told.words, told.alert, row.seq)

    def _unclear(self, entry: Entry, loan: Loan, moment: Moment) -> Result:
        """The answer is lost: ask what became of it, once, now; the replay asks again."""
        act, seq = entry.asked.act, entry.row.seq
        try:
            is_done = self.verified(entry, loan, moment)
        except (IlsAway, IlsUnclear, BadMessage):
            self._is_away(moment)
            is_done = None
        if is_done is None:
            return Result(act, loan.item, Outcome.UNCLEAR, seq=seq)
        self.keep(LoanClosed(seq, "done" if is_done else "refused", "verified"), moment)
        return Result(act, loan.item, Outcome.DONE if is_done else Outcome.REFUSED, seq=seq)

    def told(self, entry: Entry, loan: Loan, moment: Moment) -> ils.Verdict:
        """What the library system says to the act. Raises IlsAway, IlsUnclear, also for an answer that says neither
        yes nor no; BadMessage: the act cannot be written, nothing went out."""
        answer = self.client.ask(self.question(entry, loan, moment))
        try:
            return ils.verdict(answer)
        except BadMessage as wrong:
            raise IlsUnclear(str(wrong)) from wrong

    def question(self, entry: Entry, loan: Loan, moment: Moment) -> Message:
        """The act as SIP2, with its own time; with no block where a replay may say so. Raises BadMessage."""
        desk, profile = self.client.account.desk, self.client.profile
        asked, at = entry.asked, entry.at
        is_replay = asked.granted == "rules"
        no_block = is_replay and profile.honours(asked.act)
        due = datetime.fromisoformat(asked.due).replace(hour=23, minute=59, tzinfo=at.tzinfo) if asked.due else at
        match asked.act:
            case "lend":
                return ils.checkout(desk, at, loan.card, loan.item, due, no_block)
            case "renew":
                return ils.renew(desk, at, loan.card, loan.item, due, no_block)
            case "return":
                return ils.checkin(desk, moment.at, at, loan.item, no_block)
            case _:
                return ils.fee_paid(desk, at, loan.card, yuan_text(asked.fee_fen), loan.payment, asked.operation)

    def verified(self, entry: Entry, loan: Loan, moment: Moment) -> bool | None:
        """Whether the library system has executed the act; None: it cannot tell. Raises IlsAway, IlsUnclear."""
        act, profile = entry.asked.act, self.client.profile
        if act == "fee":
            return None
        if act == "lend" and profile.verify == "63":
            return proved(entry, loan, profile, self._patron(loan.card, moment), None)
        answer = self.client.ask(ils.item_information(self.client.account.desk, moment.at, loan.item))
        return proved(entry, loan, profile, None, ils.item(answer))

    # Small parts

    def keep(self, event: AnyEvent, moment: Moment) -> Row:
        """Make one event durable and follow it. Raises JournalError."""
        with self.precedence:
            row = self.journal.keep(event, *moment.stamp())
            self.queue.follow(row)
        return row

    def loan(self, entry: Entry) -> Loan:
        """Card and item of an act. Raises Unsealable."""
        return self.loan_of(entry.asked)

    def loan_of(self, asked: LoanAsked) -> Loan:
        """As `loan`, of any act that this journal holds."""
        return msgspec.json.decode(self.vault.open_text(asked.sealed, _place(asked.operation)), type=Loan)

    def seal_words(self, words: str, entry: Entry) -> str:
        """The library system's words about an act, for the exceptions list."""
        return self.vault.seal_text(words[:500].encode(), _place(entry.asked.operation)) if words else ""

    def words(self, entry: Entry) -> str:
        """What `seal_words` sealed."""
        return self.vault.open_text(entry.words, _place(entry.asked.operation)).decode() if entry.words else ""

    def reachable(self, moment: Moment) -> bool:
        """Whether the library system is worth asking now: it was not found away a moment ago, and a line opens."""
        if not self.client.account.host or moment.mono_ms < self._away_until_ms:
            return False
        try:
            self.client.open()
        except IlsAway:
            self._is_away(moment)
            return False
        return True

    def _is_away(self, moment: Moment) -> None:
        self.client.close()
        self._away_until_ms = moment.mono_ms + AWAY_MS

    def _patron(self, card: str, moment: Moment) -> ils.Patron:
        profile = self.client.profile
        asked = ils.patron_information(self.client.account.desk, profile.language, moment.at, card)
        return ils.patron(self.client.ask(asked), profile)

    def _asked(self, act: Act, loan: Loan, fen: int, due: str, granted: Grant, operation: str) -> LoanAsked:
        operation = operation or os.urandom(10).hex()
        desk = self.client.account.desk
        reader = self._ref(loan.card) if loan.card else ""
        sealed = self.vault.seal_text(msgspec.json.encode(loan), _place(operation))
        library = f"{desk.institution}/{desk.branch}"
        return LoanAsked(operation, act, library, granted, reader, due, fen, sealed)

    def _ref(self, card: str) -> str:
        return self.vault.ref("reader", card)

    def _check(self, card: str, item: str) -> None:
        for value, zh, en in ((card, "卡号", "card number"), (item, "条码", "barcode")):
            good = value.isascii() and value.isprintable() and "|" not in value and len(value) <= ITEM_CHARS_MAX
            if not good or value != value.strip():
                raise BadItem(f"{zh}无法识别，请重新扫描 · not a {en}: scan it again")

    def _abandon(self) -> None:
        """What was about to be asked when the power went had not gone out: nobody was told anything."""
        moment = self.clock.read()
        for entry in self.queue.open(State.QUEUED):
            if entry.asked.granted == "ils":
                self.keep(LoanClosed(entry.row.seq, "refused", "restart"), moment)


def _place(operation: str) -> str:
    return f"loan|{operation}"
