"""A whole counter from its configuration; it alone names what the counter is plugged to."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from config.errors import ConfigError
from config.model import Configuration
from config.store import load_pack_files
from sync.entitlements import Entitlements
from sync.journal import Journal
from sync.link import Link
from sync.vault import BadVault, Vault
from sync.worker import Worker
from tariffs.copay.load import parse_policy
from tariffs.copay.policy import Policy
from tariffs.faults import PackFaults
from terminal import box, identity
from terminal.condition import of_journal
from terminal.hospital.centre import Centre
from terminal.hospital.counter import Counter
from terminal.hospital.lookup import Parts
from terminal.packs import shelf_of, take_due
from terminal.ports import Clock, ContactSlot
from terminal.precedence import Precedence
from terminal.sending import sender

log = logging.getLogger(__name__)

STORE = "entitlements.db"
STOP_SECONDS = 5.0
DRAIN_SECONDS, DRAIN_STEP_SECONDS = 10.0, 0.05


class Built(NamedTuple):
    """A counter with what runs beside it. `worker`, `line` None: no backend is configured."""

    counter: Counter
    journal: Journal
    store: Entitlements
    worker: Worker | None
    line: Link | None

    def drain(self) -> bool:
        """Wait until the centre has every row, for a while; false when it has not."""
        deadline = time.monotonic() + DRAIN_SECONDS
        while self.journal.unsent().rows and time.monotonic() < deadline:
            if self.worker is not None:
                self.worker.wake()
            time.sleep(DRAIN_STEP_SECONDS)
        return not self.journal.unsent().rows

    def close(self) -> None:
        """Stop asking and sending, give the files back."""
        if self.worker is not None:
            self.worker.stop(STOP_SECONDS)
        if self.line is not None:
            self.line.close()
        self.store.close()
        self.journal.close()


def build(configuration: Configuration) -> Built:
    """Build the counter. Raises ConfigError, BadProfile, JournalError, StoreTrouble: each says what to do."""
    hospital, data = configuration.hospital, Path(configuration.terminal.data)
    vault = read_vault(configuration)
    credential = identity.credentials(configuration)
    whose = identity.known_or_first(data, configuration.terminal.number, configuration.sync.backend, credential)
    journal, clock = box.open_journal(data, whose)
    worker, centre, line, standing = None, None, None, identity.Standing(data)
    precedence = Precedence()
    if address := configuration.sync.backend:
        told = partial(of_journal, configuration, journal, clock, "hospital", box.software())
        worker = sender(
            address,
            journal,
            credential,
            standing,
            lambda what, why: log.error("%s: %s", what, why),
            told,
            precedence.give_way,
        )
        line = Link(address, credential=credential)
        centre = Centre(line, vault, whose.terminal)
        worker.start()
    wake = worker.wake if worker else lambda: None
    slot = partial(box.open_patient_slot, hospital)
    counter = over(configuration, journal, clock, slot, Behind(centre, wake, standing.why, precedence))
    return Built(counter, journal, counter.parts.store, worker, line)


@dataclass(frozen=True, slots=True)
class Behind:
    """What is behind a counter, all of it absent by default: the centre, who sends, why it must not serve.

    `precedence`: what the sending gives way to.
    """

    centre: Centre | None = None
    wake: Callable[[], None] = lambda: None
    closed: Callable[[], str] = lambda: ""
    precedence: Precedence = field(default_factory=Precedence)


def over(
    configuration: Configuration, journal: Journal, clock: Clock, open_slot: Callable[[], ContactSlot], behind: Behind
) -> Counter:
    """The counter over a journal that is open; its store is `parts.store`, which whoever asked for it closes.

    Raises ConfigError, BadProfile, StoreTrouble.
    """
    vault = read_vault(configuration)
    take_due(configuration, ("policy",), clock.read().at.date())
    policy, fingerprint = read_policy(configuration)
    parts = Parts(
        hospital=configuration.hospital,
        journal=journal,
        store=Entitlements(Path(configuration.terminal.data) / STORE, vault),
        vault=vault,
        policy=policy,
        policy_digest=fingerprint,
        centre=behind.centre,
        wake=behind.wake,
        clock=clock,
        open_slot=open_slot,
        chips=box.load_chip_profiles(configuration.hospital.chips),
        software=box.software(),
        precedence=behind.precedence,
        closed=behind.closed,
    )
    return Counter(parts)


def read_vault(configuration: Configuration) -> Vault:
    """The keys of personal data. Raises ConfigError."""
    keys = configuration.hospital.keys
    if not keys:
        zh, en = "没有个人数据密钥文件", "no file with the keys of personal data"
        raise ConfigError("hospital.keys", zh, en, "smk hospital keys > keys.toml", "smk hospital keys > keys.toml")
    try:
        return Vault.read(Path(keys))
    except BadVault as wrong:
        raise ConfigError.refused(keys, wrong) from wrong


def read_policy(configuration: Configuration) -> tuple[Policy, str]:
    """The policy in force, the shelf's or the configured one, and one hash over its files in the order of their names.

    Raises ConfigError.
    """
    shelf, place = shelf_of(configuration, "policy"), configuration.hospital.policy
    active = shelf.state().active
    files = shelf.files(active) if active else load_pack_files(place, "policies")
    total = sha256()
    for name in sorted(files):
        total.update(f"{name}\0{len(files[name])}\0".encode() + files[name])
    try:
        return parse_policy(files), total.hexdigest()
    except PackFaults as wrong:
        raise ConfigError.refused(place, wrong) from wrong
