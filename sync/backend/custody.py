"""What became of terminals and their PSAMs, and which rows are refused for it.

A terminal that is retired or replaced still brings what it holds. What a stolen one wrote from its day on is set aside,
and so is what its PSAM signed from that day on, wherever it turns up.
"""

from typing import NamedTuple

from sync.backend.refusals import Refusals
from sync.backend.registry import Registry, Standing
from sync.events import Started
from sync.record import Row


class Bound(NamedTuple):
    """Which terminal a PSAM belongs to, since when (as the backend's clock said), and from which day it is stolen."""

    psam: str
    terminal: str
    since: str
    stolen: str


class Custody:
    """Standings and PSAMs in the registry."""

    def __init__(self, registry: Registry) -> None:
        self._sql = registry.sql

    def refusals(self) -> Refusals | None:
        """What is refused now; None when nothing is stolen, which is always."""
        stolen = self._sql.query("select terminal, since from standing where standing = ?", Standing.STOLEN.value)
        psams = {row["psam"]: row["stolen"] for row in self._sql.query("select * from psam where stolen != ?", "")}
        terminals = {row["terminal"]: row["since"] for row in stolen}
        return Refusals(terminals, psams) if terminals or psams else None

    def seen(self, row: Row, now: str) -> tuple[str, str]:
        """A row that may tell of a PSAM: the alarm that it is worth and its detail, twice "" for none.

        A terminal's first PSAM is bound to it without a word; another one is bound and told, and so is one that came
        from another terminal.
        """
        if not isinstance(row.event, Started) or not row.event.psam:
            return "", ""
        psam = row.event.psam
        with self._sql.transaction():
            of_terminal, of_psam = self.of(row.terminal), self._sql.query("select * from psam where psam = ?", psam)
            if of_psam and of_psam[0]["terminal"] == row.terminal:
                return "", ""
            self._sql.query("delete from psam where terminal = ? and stolen = ?", row.terminal, "")
            self._sql.query(
                "insert into psam (psam, terminal, since, stolen) values (?, ?, ?, ?) "
                "on conflict (psam) do update set terminal = excluded.terminal, since = excluded.since",
                *Bound(psam, row.terminal, now, ""),
            )
        if of_psam:
            stolen = ", which is reported stolen" if of_psam[0]["stolen"] else ""
            return "psam_moved", f"PSAM {psam} of terminal {of_psam[0]['terminal']}{stolen} is in {row.terminal} now"
        if of_terminal:
            return "psam_changed", f"PSAM {of_terminal[-1].psam} is gone, {psam} is in terminal {row.terminal} now"
        return "", ""

    def of(self, terminal: str) -> list[Bound]:
        """The terminal's PSAMs, oldest first; more than one only when one is stolen."""
        found = self._sql.query("select * from psam where terminal = ? order by since, psam", terminal)
        return [Bound(**row) for row in found]

    def put(self, terminal: str, standing: Standing, day: str, detail: str) -> list[str]:
        """Change a terminal's standing from `day` (YYYYMMDD) on; the PSAMs that this concerns.

        A stolen terminal's PSAMs are stolen with it; one that is back in service brings them back.
        """
        with self._sql.transaction():
            self._sql.query("delete from standing where terminal = ?", terminal)
            if standing is not Standing.IN_SERVICE:
                sql = "insert into standing (terminal, standing, since, detail) values (?, ?, ?, ?)"
                self._sql.query(sql, terminal, standing.value, day, detail)
            stolen = day if standing is Standing.STOLEN else ""
            sql = "update psam set stolen = ? where terminal = ? returning psam"
            return sorted(row["psam"] for row in self._sql.query(sql, stolen, terminal))

    def report_psam(self, psam: str, day: str) -> None:
        """Report a PSAM stolen from `day` (YYYYMMDD) on that is in no terminal that we know; "" takes it back."""
        sql = (
            "insert into psam (psam, terminal, since, stolen) values (?, ?, ?, ?) "
            "on conflict (psam) do update set stolen = excluded.stolen"
        )
        self._sql.query(sql, *Bound(psam, "", "", day))
