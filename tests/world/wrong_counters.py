"""Known wrong programs of the hospital's counter and its centre, each planted by a patch of the real one."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from unittest.mock import patch

import sync.backend.hospital
import terminal.hospital.closing
from sync.events import BillCorrected, BillDone
from sync.record import Row
from sync.settling import Effect, Insured
from sync.statement import compare
from terminal.hospital.closing import Closing
from terminal.hospital.counter import Counter, Standing
from terminal.hospital.ledger import Ledger
from terminal.hospital.lookup import LookUp
from terminal.hospital.step import Step


def correction_booked_twice() -> Any:
    """What was corrected here already is booked with each asking."""
    return patch.object(Ledger, "corrected", lambda _self: {})


def corrections_by_their_number() -> Any:
    """Only corrections past the last number are booked: this was a fault of the real program."""

    def take(self: Counter) -> list[BillCorrected]:
        assert self.parts.centre is not None
        last = max((one.number for one in self.ledger.corrections), default=0)
        fresh = [one for one in self.parts.centre.corrections() if one.number > last]
        booked = [BillCorrected(one.number, one.operation, one.why, one.sums) for one in fresh]
        for correction in booked:
            self._keep(correction)
        return booked

    return patch.object(Counter, "take_corrections", take)


def corrections_share_a_number() -> Any:
    """The centre numbers each correction as the one before: it is lost."""
    return patch.object(sync.backend.hospital, "_next_number", lambda _database: 1)


def bill_settled_twice() -> Any:
    """The centre enters a bill when it is held, and again when it is done."""
    original = sync.backend.hospital._hold

    def hold(database: Any, hospital: Any, row: Any, held: Any, now: str) -> None:
        original(database, hospital, row, held, now)
        effect = sync.backend.hospital._settled(database, hospital, row, held)[1]
        sync.backend.hospital._enter(database, hospital, held.person, effect, row, now)

    return patch.object(sync.backend.hospital, "_hold", hold)


def cancelled_but_still_counted() -> Any:
    """A mirror gives the money back and leaves the accumulators as they are."""
    return patch.object(Effect, "negative", lambda self: Effect({}, {name: -fen for name, fen in self.paid.items()}))


def asked_again_settles_anew() -> Any:
    """A bill without an answer is settled once more, under a new operation."""

    def ask_again(self: Counter) -> Standing | None:
        draft, pending = self.draft, self._pending
        if draft is None:
            return None
        standing = None
        self.step = Step.PRICED
        try:
            standing = self.confirm()
        finally:
            if standing is None and self.step is Step.PRICED:
                self.step, self._pending = Step.UNKNOWN, pending
        return standing

    return patch.object(Counter, "ask_again", ask_again)


@contextmanager
def receipt_before_outcome() -> Iterator[None]:
    """The receipt is printed, and the outcome becomes durable with the next patient."""
    late: dict[int, Any] = {}
    keep, done = Counter._keep, Counter.done

    def keep_later(self: Counter, event: Any) -> None:
        if isinstance(event, BillDone):
            late[id(self)] = event
        else:
            keep(self, event)

    def finish(self: Counter) -> None:
        if event := late.pop(id(self), None):
            keep(self, event)
        done(self)

    with patch.object(Counter, "_keep", keep_later), patch.object(Counter, "done", finish):
        yield


def no_receipt_after_a_restart() -> Any:
    """A bill that stood just before the program ended is not told again: this was a fault of the real program."""
    return patch.object(Counter, "receipt_of", lambda _self, _operation="": None)


def shift_of_the_bill_not_of_its_money() -> Any:
    """A bill that an earlier shift left open is in nobody's totals: this was a fault of the real program."""
    original = Ledger.shift

    def shift(self: Ledger, since: int) -> Any:
        made = self.made
        self.made = {name: one for name, one in made.items() if one.row.seq >= since}
        try:
            return original(self, since)
        finally:
            self.made = made

    return patch.object(Ledger, "shift", shift)


def refund_of_another_day_is_alone() -> Any:
    """A refund counts as one without its bill when that is of another day: this was a fault of the real program."""
    return patch.object(terminal.hospital.closing, "compare", lambda ours, theirs, _elsewhere: compare(ours, theirs))


def refund_makes_room() -> Any:
    """What a mirror gives back makes room for provisional bills: this was a fault of the real program."""

    def exposure(self: Ledger, acknowledged: int) -> int:
        unbooked = (made for made in self.made.values() if made.stands and made.closed_at > acknowledged)
        return sum(made.held.sums.fund_pay_sumamt for made in unbooked)

    return patch.object(Ledger, "exposure_fen", exposure)


def archived_bills_forgotten() -> Any:
    """A bill that left for the archive is unknown to its counter: this was a fault of the real program."""
    return patch.object(Closing, "_recalled", lambda _self, _operations: Ledger())


@contextmanager
def own_bills_by_the_clock() -> Iterator[None]:
    """Whether a bill is in the list is told by the counter's clock: this was a fault of the real program."""
    whole = LookUp.find

    def find(self: LookUp, ref: str) -> Any:
        told = self.parts.store.told("insured").at

        def holds(_insured: Insured, row: Row) -> bool:
            acknowledged = row.seq <= self.parts.journal.acknowledged
            return acknowledged and datetime.fromisoformat(row.at) <= datetime.fromisoformat(told)

        with patch.object(Insured, "holds", holds):
            return whole(self, ref)

    with patch.object(LookUp, "find", find):
        yield


def exposure_unbounded() -> Any:
    """Provisional bills are made whatever the funds may owe."""
    return patch.object(Ledger, "exposure_fen", lambda _self, _acknowledged: 0)
