"""Which rows are refused because a terminal or a PSAM was stolen. Pure."""

from collections.abc import Mapping

from sync.events import Done, Grey, Held, Void
from sync.record import Row


class Refusals:
    """Judges the rows of a batch, in order: stolen terminals and PSAMs, each with its day (YYYYMMDD)."""

    def __init__(self, terminals: Mapping[str, str], psams: Mapping[str, str]) -> None:
        self._terminals, self._psams = terminals, psams
        self._refused: set[tuple[str, int, int]] = set()

    def why(self, row: Row) -> str:
        """Why the row does not get into the books, "" when it does."""
        day = self._terminals.get(row.terminal, "")
        if day and row.at[:10].replace("-", "") >= day:
            return f"the terminal was reported stolen from {day} on"
        match row.event:
            case Held() as held if (day := self._psams.get(held.psam, "")) and held.when[:8] >= day:
                self._refused.add((row.terminal, row.epoch, row.seq))
                return f"PSAM {held.psam} was reported stolen from {day} on"
            case Done() | Grey() | Void() as outcome if (row.terminal, row.epoch, outcome.held) in self._refused:
                return f"the debit of row {outcome.held} is refused"
            case _:
                return ""
