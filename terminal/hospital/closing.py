"""The end of a counter's day: what the centre corrected, and both sides' statements compared. Nothing is kept here."""

from collections.abc import Iterable
from contextlib import suppress

from sync import settling
from sync.asking import NoAnswer
from sync.errors import JournalError
from sync.events import BillCorrected
from sync.statement import Comparison, compare
from terminal.hospital.ledger import NOTHING, Ledger
from terminal.hospital.lookup import Parts


class Closing:
    """One counter's. Its ledger is followed elsewhere."""

    def __init__(self, parts: Parts, ledger: Ledger) -> None:
        self._parts = parts
        self._ledger = ledger

    def corrections(self) -> list[BillCorrected]:
        """What the centre corrected and is not booked here. Raises NoAnswer.

        A centre that was restored from its backup books bills again, in another order: what it says of a bill now
        counts, and the record is the difference to all that was booked here before.
        """
        if self._parts.centre is None:
            return []
        told = {one.operation: one for one in self._parts.centre.corrections()}
        known = self._ledger.corrected()
        booked = [
            BillCorrected(one.number, one.operation, one.why, difference)
            for one in told.values()
            if (difference := one.sums.minus(known.get(one.operation, NOTHING))) != NOTHING
        ]
        gone = sorted(name for name, sums in known.items() if name not in told and sums != NOTHING)
        made = self._recalled(gone).made if gone else {}
        for name in made:  # taken back, once the centre has booked the bill again
            verdict = self._parts.centre.verdict(name)
            withdrawn = verdict.sums.minus(made[name].held.sums).minus(known[name])
            if verdict.state == "done" and withdrawn != NOTHING:
                booked.append(BillCorrected(0, name, "withdrawn", withdrawn))
        return booked

    def compare(self, day: str) -> Comparison:
        """Our statement of `day` (YYYYMMDD) beside the centre's. Raises NoAnswer."""
        if self._parts.centre is None:
            raise NoAnswer("no centre is configured: [sync] backend")
        theirs = self._parts.centre.statement(day)
        named = {line.setl_id for line in theirs}
        ours = self._ledger.details(day, named)
        undone = {line.mdtrt_id for line in (*ours, *theirs)}
        archived = self._recalled((named | undone) - self._ledger.made.keys())
        ours += archived.details(day, named)
        return compare(ours, theirs, self._ledger.standing() | archived.standing())

    def _recalled(self, operations: Iterable[str]) -> Ledger:
        """Bills of this counter as its rows tell them, in the journal or its archive, with their corrections."""
        journal = self._parts.journal
        recalled = Ledger()
        for operation in sorted(operations):
            if seq := settling.row_of(operation, journal.identity.terminal, journal.identity.epoch):
                with suppress(JournalError):  # the archive was taken away: nobody here knows the bill
                    for row in filter(None, (journal.row(seq), *journal.outcomes_of(seq))):
                        recalled.follow(row)
        recalled.corrections = [one for one in self._ledger.corrections if one.operation in recalled.made]
        return recalled
