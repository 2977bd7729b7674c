"""Terminal, network and backend under any order of trouble: what a tap was told is in the books once, to the byte.

The journal, the batches, the session and the backend are the real ones; only disk and network are simulated.
"""

import contextlib
import random
import shutil
from pathlib import Path
from tempfile import mkdtemp

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sync.backend.service import Backend
from sync.batch import Batch, pack, unpack
from sync.chain import Identity
from sync.errors import JournalBroken, JournalFull
from sync.journal import Journal
from sync.limits import BATCH_BYTES_MAX
from sync.record import encode
from sync.session import Accepted, Problem, understand
from tests.disk import DAMAGES, Disk, PowerCut
from tests.rows import AT, done, held
from tests.serving import KEYS, NOW, alarms, counts, found, tac_of


class City(RuleBasedStateMachine):
    """One terminal and its backend."""

    @initialize(seed=st.integers(0, 10_000))
    def begin(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.folder = Path(mkdtemp(prefix="city-"))
        self.path = self.folder / "journal.db"
        self.backend = Backend(self.folder / "backend", KEYS, lambda: NOW)
        enrolled = self.backend.enrol("00330401")
        self.identity = Identity(enrolled.terminal, enrolled.epoch, enrolled.first_serial)
        self.disk = Disk()
        self.journal = Journal.open(self.path, self.identity, "boot", self.disk.name)
        self.told: list[bytes] = []  # rows that returned: a rider saw their light
        self.on_the_air: list[bytes] = []  # batches that the network still holds
        self.answers: list[tuple[int, bytes, int]] = []
        self.taps = 0

    def teardown(self) -> None:
        if not hasattr(self, "disk"):
            return
        try:
            self.everything_arrives_in_the_end()
        finally:
            self.journal.close()
            self.disk.close()
            self.backend.close()
            shutil.rmtree(self.folder)

    # The terminal

    @rule()
    def tap(self) -> None:
        event = held(counter=self.taps, psam_counter=self.taps)
        row = self.journal.hold(event, AT, "rtc", 0)
        self.told.append(encode(row))
        self.told.append(encode(self.journal.keep(done(row.seq, tac_of(event)), AT, "rtc", 0)))
        self.journal.mark_signalled(row.seq + 1)
        self.taps += 1

    @rule(after=st.integers(1, 12), damage=st.sampled_from(DAMAGES))
    def power_cut(self, after: int, damage: str) -> None:
        """The supply goes in the middle of a tap, or between two."""
        self.disk.cut_at = self.disk.writes + after
        with contextlib.suppress(PowerCut):
            self.tap()
        dead = self.disk
        self.disk = dead.after_power_cut(damage, self.chance)
        dead.cut_at = None
        self.journal.close()
        dead.close()
        self.journal = Journal.open(self.path, self.identity, "boot", self.disk.name)
        stored = [row.raw for row in self.journal.rows(0, 10_000, 10**9)]
        assert stored[: len(self.told)] == self.told and len(stored) <= len(self.told) + 1
        self.told = stored
        self.taps += 1

    @rule()
    def full_disk(self) -> None:
        self.disk.is_full = lambda: True
        try:
            self.tap()
        except JournalFull:
            self.taps += 1
        self.disk.is_full = lambda: False
        for draft in self.journal.open_drafts_all():
            self.told.append(encode(self.journal.keep(done(draft.row.seq, tac_of(draft.held)), AT, "rtc", 0)))

    @rule()
    def failing_disk(self) -> None:
        self.disk.fails = True
        try:
            self.tap()
        except JournalBroken:
            self.taps += 1
        self.disk.fails = False
        self.journal.reopen()
        stored = [row.raw for row in self.journal.rows(0, 10_000, 10**9)]
        assert stored[: len(self.told)] == self.told and len(stored) <= len(self.told) + 1
        self.told = stored

    # The network

    @rule(limit=st.integers(1, 7))
    def send(self, limit: int) -> None:
        acknowledged = self.journal.acknowledged
        rows = self.journal.rows(acknowledged, limit, BATCH_BYTES_MAX)
        before = self.journal.head_at(acknowledged)
        raws = tuple(row.raw for row in rows)
        head = rows[-1].head if rows else before
        self.on_the_air.append(pack(Batch(*self.identity[:2], acknowledged + 1, raws, before, head)))

    @rule(taps=st.integers(1, 3), limit=st.integers(1, 7))
    def an_ordinary_minute(self, taps: int, limit: int) -> None:
        """Taps, a batch, its answer: so that the rare events find a city at work."""
        for _ in range(taps):
            self.tap()
        self.send(limit)
        self.arrive(self.on_the_air.pop())
        self.answer(True)

    @precondition(lambda self: self.on_the_air)
    @rule(twice=st.booleans(), data=st.data())
    def deliver(self, twice: bool, data: st.DataObject) -> None:
        """Any batch still on the way arrives, perhaps not for the last time."""
        place = data.draw(st.integers(0, len(self.on_the_air) - 1))
        self.arrive(self.on_the_air[place] if twice else self.on_the_air.pop(place))

    def arrive(self, raw: bytes) -> None:
        batch = unpack(raw)
        answer = self.backend.take(batch)
        body = msgspec.json.encode(answer if answer is not None else Problem("not_enrolled"))
        self.answers.append((200 if answer is not None else 409, body, batch.last))

    @precondition(lambda self: self.answers)
    @rule(arrives=st.booleans())
    def answer(self, arrives: bool) -> None:
        """The latest answer arrives whole, or cut short."""
        status, body, sent = self.answers.pop()
        if not arrives:
            body = body[: self.chance.randrange(len(body))]
        reply = understand(self.identity, self.journal.last_seq, sent, status, "", body)
        if isinstance(reply, Accepted):
            self.journal.acknowledge(reply.acknowledged)
        else:
            assert not arrives

    # The backend

    @rule()
    def backend_restarts(self) -> None:
        self.backend.close()
        self.backend = Backend(self.folder / "backend", KEYS, lambda: NOW)

    @rule(minutes=st.integers(1, 3))
    def backend_is_restored_from_a_copy(self, minutes: int) -> None:
        """The copy is some minutes old: the backend has lost rows that it acknowledged."""
        data, copy = self.folder / "backend", self.folder / "copy"
        self.backend.close()
        shutil.copytree(data, copy)
        self.backend = Backend(data, KEYS, lambda: NOW)
        for _ in range(minutes):
            self.an_ordinary_minute(1, 7)
        self.backend.close()
        shutil.rmtree(data)
        copy.rename(data)
        self.backend = Backend(data, KEYS, lambda: NOW)
        self.answers.clear()  # an answer of the backend before is no longer on its way

    # What always holds

    @invariant()
    def what_the_backend_has_is_what_the_journal_has(self) -> None:
        if not hasattr(self, "disk"):
            return
        with self.backend.transaction() as database:
            raws = [row["raw"] for row in database.query("select raw from row order by seq")]
        assert raws == self.told[: len(raws)]
        assert self.journal.last_seq == len(self.told)

    def everything_arrives_in_the_end(self) -> None:
        for _ in range(100):
            self.send(100)
            self.arrive(self.on_the_air[-1])
            self.answer(True)
            if self.journal.acknowledged == self.journal.last_seq == found(self.backend)["rows"]:
                break
        self.what_the_backend_has_is_what_the_journal_has()
        assert found(self.backend)["rows"] == len(self.told) and alarms(self.backend) == []
        outcomes = sum(b'"DONE"' in raw for raw in self.told)
        assert counts(self.backend).get("done", 0) == outcomes
        assert found(self.backend)["paid_fen"] == 100 * outcomes


City.TestCase.settings = settings(max_examples=40, stateful_step_count=30)
test_what_a_tap_was_told_is_in_the_books_once_whatever_happens = City.TestCase
