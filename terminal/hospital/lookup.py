"""Who the patient is to the insurance: the centre's word now, or the device's own lists, and this counter's own bills.

Three lists block a person before that: persons, top-ups, employers.
"""

import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

from apdu.social.profile import Profile
from config.model import Hospital
from sync import settling
from sync.asking import NoAnswer
from sync.entitlements import Entitlements, ListName
from sync.events import ListState
from sync.journal import Journal
from sync.settling import Case, Insured
from sync.vault import Vault
from tariffs.copay.policy import Policy
from terminal.chipcard import NotServed
from terminal.hospital.centre import Centre, Found
from terminal.hospital.ledger import Ledger, Made
from terminal.ports import Clock, ContactSlot
from terminal.precedence import Precedence

log = logging.getLogger(__name__)

NOT_INSURED = (
    "not_insured",
    "没有参保信息：可按自费结算，或请先到医保窗口",
    "not insured here: pay in full, or ask the insurance office",
)
BLOCKS: dict[ListName, tuple[str, str]] = {
    "person": ("此人已被医保暂停，按自费结算", "this person's insurance is suspended: pay in full"),
    "topup": ("账户须先到医保窗口续存，再结算", "the account must be topped up at the insurance office first"),
    "employer": ("单位欠费，待遇暂停，按自费结算", "the employer is in arrears, the insurance rests: pay in full"),
}
BLOCKING = 3
"""Levels 1 (stopped) to 3 (account only) settle nothing here; 4 and 5 are insured (docs/hospital.md)."""
LISTS: tuple[ListName, ...] = ("insured", "person", "topup", "employer")


class Parts(NamedTuple):
    """What a counter is made of; the box plugs it together. `centre` None: none is configured."""

    hospital: Hospital
    journal: Journal
    store: Entitlements
    vault: Vault
    policy: Policy
    policy_digest: str
    centre: Centre | None
    wake: Callable[[], None]
    clock: Clock
    open_slot: Callable[[], ContactSlot]
    chips: Sequence[Profile]
    software: str
    precedence: Precedence
    closed: Callable[[], str] = lambda: ""
    """Why the backend took the counter out of service, a word of terminal/standing.py."""


class Entitled(NamedTuple):
    """Who the patient is to the insurance: as the centre says now (`fresh`) or as the device's own lists say."""

    insured: Insured
    fresh: bool
    states: dict[ListName, ListState]


class LookUp:
    """Looks persons up for one counter."""

    def __init__(self, parts: Parts, ledger: Ledger) -> None:
        self.parts = parts
        self._ledger = ledger

    def find(self, ref: str) -> Entitled:
        """Who the person is to the insurance. Raises NotServed (listed, not insured), StoreTrouble, Unsealable."""
        store = self.parts.store
        for name in ("person", "topup"):
            if 0 < store.level(name, ref) <= BLOCKING:
                raise NotServed(f"{name}_listed", *BLOCKS[name])
        states = self.states()
        found = self._ask_for(ref)
        value, fresh = (found.value, True) if found else (store.find(ref), False)
        if value is None:
            raise NotServed(*NOT_INSURED)
        insured = settling.read_insured(value)
        if fresh:
            states["insured"] = ListState(found.version if found else 0, 0)
        own = (made for made in self._ledger.made.values() if made.stands and made.held.person == ref)
        for made in [made for made in own if made.outcome is not None and not insured.holds(made.outcome)]:
            insured = settling.applied(insured, case_of(self.parts.vault, made).effect)
        if insured.employer and 0 < store.level("employer", insured.employer) <= BLOCKING:
            raise NotServed("employer_listed", *BLOCKS["employer"])
        return Entitled(insured, fresh, states)

    def _ask_for(self, ref: str) -> Found | None:
        """The person as the centre knows it now; None when it does not answer."""
        if self.parts.centre is None:
            return None
        try:
            return self.parts.centre.insured(ref)
        except NoAnswer as away:
            log.info("offline: %s", away)
            return None

    def states(self) -> dict[ListName, ListState]:
        """Version and age of each of the device's lists now."""
        now = self.parts.clock.read().at
        states: dict[ListName, ListState] = {}
        for name in LISTS:
            told = self.parts.store.told(name)
            age = told.age_seconds(now)
            states[name] = ListState(told.version, -1 if age is None else age)
        return states


def case_of(vault: Vault, made: Made) -> Case:
    """What a bill was made of, opened. Raises Unsealable, BadCase."""
    place = settling.bound_to(made.row.terminal, made.row.epoch, made.row.seq)
    return settling.unpack(vault.open_text(made.held.sealed, place))
