"""A counter's place: what its pages share of the world outside."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from terminal.counters.tilldesk import TillDesk
from terminal.counters.visits import Visits
from terminal.hospital.counter import Counter as HospitalCounter
from terminal.ports import ContactlessReader, ContactSlot
from terminal.precedence import Precedence
from terminal.till.outside import Outside


class Openers(NamedTuple):
    """How a counter's readers are opened, real ones or those of a training. Each raises ReaderLost."""

    reader: Callable[[], ContactlessReader]
    psam: Callable[[], ContactSlot]
    contact: Callable[[], ContactSlot]


@dataclass(frozen=True, slots=True)
class TrayCard:
    """A card on the trainer's tray. `contact`: it has a contact chip too. `fen` on its purse, None without one."""

    name: str
    zh: str
    en: str
    tail: str
    fen: int | None
    contact: bool


class Tray(Protocol):
    """The cards of a training, and what a hand does with them."""

    def cards(self) -> Sequence[TrayCard]:
        """All of them."""
        ...

    def down(self) -> str:
        """The name of the card on the reader, "" for none."""
        ...

    def inside(self) -> str:
        """The name of the card in the slot, "" for none."""
        ...

    def put_down(self, name: str) -> None:
        """A card is laid on the reader; another one there is taken away. Raises KeyError."""
        ...

    def take_away(self) -> None:
        """The card is lifted."""
        ...

    def pull_at_debit(self, executed: bool) -> None:
        """The card will be pulled away in the middle of the next payment, before or after the chip has executed it."""
        ...

    def insert(self, name: str) -> None:
        """A card goes into the contact slot. Raises KeyError."""
        ...

    def withdraw(self) -> None:
        """The slot is empty again."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """One counter's. `outside`: printer and customer display; `precedence`: held while a card is served; `till` where
    money is taken, `hospital` where medical insurance is settled.

    `tray` only in training: everything is marked as such.
    """

    visits: Visits
    openers: Openers
    outside: Outside
    precedence: Precedence
    till: TillDesk | None = None
    hospital: HospitalCounter | None = None
    tray: Tray | None = None

    @property
    def training(self) -> bool:
        """Whether nothing here is real."""
        return self.tray is not None
