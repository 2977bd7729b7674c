"""A terminal of any kind on a machine of the world: its journal, its sync worker, and how a process ends and begins.

What is called durable is noted outside of it, and compared at each start.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sync.chain import Identity, Stored
from sync.errors import JournalError
from sync.events import Alarm, AnyEvent
from sync.journal import Clock, Journal
from sync.link import LinkDown
from sync.migrate import migrate
from sync.record import Row, encode
from sync.session import State, Unclear
from sync.tables import SCHEMA_VERSION
from sync.worker import Worker, enrol
from terminal.drivers.clock import SystemClock
from tests.disk import DAMAGES, PowerCut
from tests.world.machine import Killed, Machine
from tests.world.network import Wireless
from tests.world.violation import check

if TYPE_CHECKING:
    from tests.world.world import World

T = TypeVar("T")
BOOT_MS = 2_000


class TellingJournal(Journal):
    """The product's journal, and a list outside of it of every row that it called durable."""

    told: list[bytes]

    def _append(self, event: AnyEvent, at: str, clock: Clock, mono_ms: int) -> Row:
        if len(self.told) < self.last_seq:  # a failed write that the disk has after all
            self.told += [stored.raw for stored in self.rows(len(self.told), 10, 10**6)]
        row = super()._append(event, at, clock, mono_ms)
        self.told.append(encode(row))
        return row


class Station(ABC):
    """Any terminal. `journal` None: it could not start, and tries again at the next occasion."""

    def __init__(self, world: "World", name: str, number: str) -> None:
        self.world = world
        self.name = name
        self.number = number
        self.machine = Machine(world.time)
        self.path = Path("/world") / name / "journal.db"
        self.identity: Identity | None = None
        self.link = Wireless(self.machine, world, name)
        self.told: list[bytes] = []
        self.journal: TellingJournal | None = None
        self.started_ms = 0
        self.acknowledged = 0  # the most that the backend ever told it
        world.files.machines[name] = self.machine
        self.machine.on_end = self._at_the_end

    # --- what each kind does in its own way

    @abstractmethod
    def _plug(self) -> None:
        """The process starts: journal, clock and worker are there."""

    @abstractmethod
    def _at_the_end(self) -> None:
        """The process just ended; its journal is still at hand."""

    @abstractmethod
    def _switched_off(self) -> None:
        """The power went: what the terminal's other hardware does then."""

    @abstractmethod
    def idle(self) -> None:
        """Nobody is here: the housekeeping."""

    # --- a process and its end

    def alive(self, action: Callable[[], T]) -> T | None:
        """Do it; a process that ends in it is started again, and the result is None."""
        try:
            if self.journal is None:
                self._boot()
            return action() if self.journal is not None else None
        except (PowerCut, Killed):
            self._restart()
            return None

    def power_cut(self) -> None:
        """Off and on."""
        self.machine.by, self.machine.ended_at = "power", "between two taps"
        self.machine.ended = True
        self._at_the_end()
        self.machine.disk.end()
        self._restart()

    def _restart(self) -> None:
        """The process ended; the next one finds what the disk kept."""
        machine, chance = self.machine, self.world.chance
        dead, journal = machine.disk, self.journal
        if machine.by == "power":
            damage = chance.choice(DAMAGES)
            found = dead.after_power_cut(damage, chance)
        else:
            damage, found = "", dead.after_kill()
        self.world.say(self.name, f"{machine.by} at {machine.ended_at} {damage}; starts again")
        found.fails = False
        self.journal = None
        if journal is not None:
            journal.close()
        if machine.by == "power":
            self._switched_off()
        self.world.time.pass_ms(BOOT_MS)
        machine.start(found)
        if machine.by == "power" and chance.random() < self.world.faults.no_battery:
            machine.without_battery()
        try:
            self._boot()
        except (PowerCut, Killed):  # again, at once
            self._restart()

    def _boot(self) -> None:
        whose = self.identity = self.identity or self._identity()  # kept before a journal bears it
        self.started_ms = self.world.time.now_ms
        TellingJournal.told = self.told
        try:
            journal = TellingJournal.open(self.path, whose, self.machine.boot_id, self.machine.disk.name)
            last, synced = journal.row(journal.last_seq), journal.last_synced
        except JournalError as trouble:
            self.world.say(self.name, f"cannot start: {trouble}")
            return
        assert isinstance(journal, TellingJournal)
        journal.told = self.told
        self._compare_told(journal)
        floors = [datetime.fromisoformat(row.at) if row else None for row in (last, synced)]
        machine = self.machine
        self.clock = SystemClock(*floors, wall=machine.wall_s, mono_ms=machine.mono_ms, trust=lambda: machine.trust)
        if floors[0] is not None and self.clock.read().at < floors[0]:
            self.world.say(self.name, "its clock was ahead; synchronised now, it goes behind the last record")
        self.journal = journal
        self.worker = Worker(journal, self.link, lambda _versions: None, self.alarm, self.world.chance.random)
        self._plug()

    def _identity(self) -> Identity:
        """Like `terminal.identity.known_or_first`."""
        try:
            reply = enrol(self.link, self.number)
        except LinkDown as away:
            reply = Unclear(str(away))
        return Identity(self.number, 1, 1) if isinstance(reply, Unclear) else reply

    def alarm(self, what: str, detail: str) -> None:
        """Like the box's."""
        assert self.journal is not None
        self.journal.keep(Alarm(what, detail[:200]), *self.clock.read().stamp())

    def rows(self) -> list[Stored]:
        """Every row of its journal and archive."""
        assert self.journal is not None
        found: list[Stored] = []
        while part := self.journal.rows(len(found), 10**6, 10**9):
            found += part
        return found

    def _compare_told(self, journal: Journal) -> None:
        """What was called durable is there, and at most the row that was being written beside it."""
        last = len(self.told)
        check(journal.last_seq >= last, "durable", f"{self.name} has {journal.last_seq} rows of {last} that it told")
        check(journal.last_seq <= last + 1, "durable", f"{self.name} has {journal.last_seq} rows, {last} were told")
        after = max(0, last - 20)
        found = [stored.raw for stored in journal.rows(after, 30, 10**6)]
        check(found[: last - after] == self.told[after:], "durable", f"{self.name}: rows after {after} changed")
        self.told += found[last - after :]

    def migrate(self) -> None:
        """The program is closed, its file brought to the oldest schema and to this one's again; then it starts."""
        try:
            if self.journal is not None:
                self.journal.close()
                self.journal = None
            self._there_and_back()
            self._boot()
        except (PowerCut, Killed):
            self._restart()

    def _there_and_back(self) -> None:
        for schema in (1, SCHEMA_VERSION):
            try:
                before, rows = migrate(self.path, schema, self.machine.disk.name)
                self.world.say(self.name, f"migrated from schema {before} to {schema}: {rows} rows")
            except JournalError as refused:
                self.world.say(self.name, f"not migrated to schema {schema}: {refused}")

    # --- sending

    def sync(self) -> None:
        """One exchange with the backend; nothing while its session waits is hurried."""
        self.alive(self.exchange)

    def exchange(self) -> None:
        """The same, in a process that is alive."""
        session = self.worker.session
        if session.state is State.CALM:
            session.woken()
        elif session.state is not State.ASKING:
            session.due()
        session.batch_rows = min(session.batch_rows, self.world.faults.batch_rows)
        self.worker.ask()
        assert self.journal is not None
        self.acknowledged = max(self.acknowledged, self.journal.acknowledged)
