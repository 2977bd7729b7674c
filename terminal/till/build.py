"""A whole till from its configuration; it alone names what the till is plugged to."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

from config.errors import ConfigError
from config.model import Configuration
from sync.journal import Journal
from sync.link import Link
from sync.worker import Worker
from terminal import box, identity
from terminal.chips import Chips
from terminal.condition import of_journal
from terminal.desk import Desk
from terminal.ports import Clock, ContactlessReader, ContactSlot
from terminal.precedence import Precedence
from terminal.sending import sender
from terminal.till.counter import Till
from terminal.till.issuer import Backend, Issuer
from terminal.till.parts import Parts

STOP_SECONDS = 5.0
DRAIN_SECONDS, DRAIN_STEP_SECONDS = 10.0, 0.05
BOTH = "market.stall"


@dataclass(frozen=True, slots=True)
class Behind:
    """What is behind a till, all of it absent by default: who grants loads, who sends, why it must not serve.

    `precedence`: what the sending gives way to.
    """

    issuer: Issuer | None = None
    wake: Callable[[], None] = lambda: None
    closed: Callable[[], str] = lambda: ""
    precedence: Precedence = field(default_factory=Precedence)


class Built(NamedTuple):
    """A till with what runs beside it. `worker`, `line` None: no backend is configured; `shared`: the journal is
    another's."""

    till: Till
    journal: Journal
    chips: Chips
    worker: Worker | None
    line: Link | None
    shared: bool = False

    def drain(self, seconds: float = DRAIN_SECONDS) -> bool:
        """Wait until the backend has every row, for a while and only while it answers; false when it has not."""
        deadline = time.monotonic() + seconds
        while self.worker is not None and self.journal.unsent().rows and time.monotonic() < deadline:
            self.worker.wake()
            if self.worker.standing().online is False:
                break
            time.sleep(DRAIN_STEP_SECONDS)
        return not self.journal.unsent().rows

    def close(self) -> None:
        """Stop asking and sending, give readers and journal back."""
        if self.worker is not None:
            self.worker.stop(STOP_SECONDS)
        if self.line is not None:
            self.line.close()
        self.chips.close()
        if not self.shared:
            self.journal.close()


def build(configuration: Configuration, shared: Journal | None = None, precedence: Precedence | None = None) -> Built:
    """Build the till, over a journal that is open already if it is `shared`; `precedence` of this process's cards.

    Raises ConfigError, BadProfile, JournalError: each says what to do.
    """
    if not (configuration.market.stall or configuration.topup.place or configuration.library.branch):
        zh, en = "本机不是收银台或充值台", "this device is no till"
        raise ConfigError(BOTH, zh, en, "填写 [market] stall 或 [topup] place", "set [market] stall or [topup] place")
    data = Path(configuration.terminal.data)
    credential = identity.credentials(configuration)
    whose = identity.known_or_first(data, configuration.terminal.number, configuration.sync.backend, credential)
    journal, clock = box.open_journal(data, whose, shared)
    journal.mark_signalled(journal.last_seq)  # a till's clerk asks for the outcome, nobody has it shown again

    alarm, standing = box.alarms(journal, clock), identity.Standing(data)
    worker = issuer = line = None
    precedence = precedence or Precedence()
    if address := configuration.sync.backend:
        told = partial(of_journal, configuration, journal, clock, "market", box.software())
        worker = sender(address, journal, credential, standing, alarm, told, precedence.give_way)
        line = Link(address, credential=credential)
        issuer = Backend(line, whose.terminal, whose.epoch)
    behind = Behind(issuer, worker.wake if worker else lambda: None, standing.words, precedence)
    readers = partial(box.open_reader, configuration), partial(box.open_slot, configuration)
    till = over(configuration, journal, clock, *readers, behind)
    if worker is not None:
        worker.start()
    return Built(till, journal, till.parts.chips, worker, line, shared is not None)


def over(
    configuration: Configuration,
    journal: Journal,
    clock: Clock,
    open_reader: Callable[[], ContactlessReader],
    open_psam: Callable[[], ContactSlot],
    behind: Behind,
) -> Till:
    """The till over a journal that is open, with readers of its own. Raises ConfigError, BadProfile, JournalError."""
    profiles = box.load_profiles(configuration.cards.profiles)
    pack, hot_list = box.load_tables(configuration)
    desk = Desk(journal, configuration, hot_list.value, clock.read())
    poll_s, away_s = configuration.reader.poll_ms / 1000, configuration.tap.away_ms / 1000
    parts = Parts(
        market=configuration.market,
        topup=configuration.topup,
        terminal=configuration.terminal.number,
        desk=desk,
        chips=Chips(desk, profiles, open_reader, open_psam, poll_s, away_s),
        clock=clock,
        profiles=profiles,
        pack=pack.value,
        issuer=behind.issuer,
        wake=behind.wake,
        precedence=behind.precedence,
        closed=behind.closed,
    )
    return Till(parts)
