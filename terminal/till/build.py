"""A whole till from its configuration; it alone names what the till is plugged to."""

import time
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
from terminal.till.counter import Till
from terminal.till.issuer import Backend
from terminal.till.parts import Parts

STOP_SECONDS = 5.0
DRAIN_SECONDS, DRAIN_STEP_SECONDS = 10.0, 0.05
BOTH = "market.stall"


class Built(NamedTuple):
    """A till with what runs beside it. `worker` None: no backend is configured; `shared`: the journal is another's."""

    till: Till
    journal: Journal
    chips: Chips
    worker: Worker | None
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
        """Stop sending, give readers and journal back."""
        if self.worker is not None:
            self.worker.stop(STOP_SECONDS)
        self.chips.close()
        if not self.shared:
            self.journal.close()


def build(configuration: Configuration, shared: Journal | None = None) -> Built:
    """Build the till, over a journal that is open already if it is `shared`.

    Raises ConfigError, BadProfile, JournalError: each says what to do.
    """
    if not (configuration.market.stall or configuration.topup.place or configuration.library.branch):
        zh, en = "本机不是收银台或充值台", "this device is no till"
        raise ConfigError(BOTH, zh, en, "填写 [market] stall 或 [topup] place", "set [market] stall or [topup] place")
    data = Path(configuration.terminal.data)
    profiles = box.load_profiles(configuration.cards.profiles)
    pack, hot_list = box.load_tables(configuration)
    credential = identity.credentials(configuration)
    whose = identity.known_or_first(data, configuration.terminal.number, configuration.sync.backend, credential)
    journal, clock = box.open_journal(data, whose, shared)
    journal.mark_signalled(journal.last_seq)  # a till's clerk asks for the outcome, nobody has it shown again

    alarm, standing = box.alarms(journal, clock), identity.Standing(data)
    worker = issuer = None
    if address := configuration.sync.backend:
        link = Link(address, credential=credential)
        renew = partial(identity.renewed, credential)
        told = partial(of_journal, configuration, journal, clock, "market", box.software())
        worker = Worker(
            journal, link, lambda versions: None, alarm, on_standing=standing.heard, renew=renew, condition=told
        )
        issuer = Backend(Link(address, credential=credential), whose.terminal, whose.epoch)
    desk = Desk(journal, configuration, hot_list.value, clock.read())
    chips = Chips(
        desk,
        profiles,
        lambda: box.open_reader(configuration),
        lambda: box.open_slot(configuration),
        configuration.reader.poll_ms / 1000,
        configuration.tap.away_ms / 1000,
    )
    parts = Parts(
        market=configuration.market,
        topup=configuration.topup,
        terminal=configuration.terminal.number,
        desk=desk,
        chips=chips,
        clock=clock,
        profiles=profiles,
        pack=pack.value,
        issuer=issuer,
        wake=worker.wake if worker else lambda: None,
        closed=standing.words,
    )
    till = Till(parts)
    if worker is not None:
        worker.start()
    return Built(till, journal, chips, worker, shared is not None)
