"""A journal's housekeeping while nobody is there: numbers written, a long WAL copied back, old rows archived."""

import logging

from sync.errors import JournalError
from sync.journal import Journal
from terminal.ports import ClockTrust, Moment

log = logging.getLogger(__name__)


class Upkeep:
    """One journal's. A trouble that stops nobody's work is said once."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._said = ""

    def rest(self, moment: Moment) -> None:
        """All of it, for a counter between two people. Never raises: the next row tells of a disk that fails."""
        try:
            self._journal.idle()
        except JournalError as trouble:
            self._say("numbers not written", trouble)
        else:
            self.archive(moment)

    def archive(self, moment: Moment) -> None:
        """Move rows that need not stay to the archive. No trouble of the archive stops the work."""
        if moment.trust not in (ClockTrust.SYNCED, ClockTrust.RTC):
            return  # who does not know the date cannot tell what is old
        try:
            self._journal.archive(moment.at)
            self._said = ""
        except JournalError as trouble:
            self._say("old rows stay in the journal", trouble)

    def _say(self, what: str, trouble: JournalError) -> None:
        if self._said != str(trouble):
            self._said = str(trouble)
            log.error("%s: %s", what, trouble)
