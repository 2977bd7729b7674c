"""What a counter asks the centre, beside the batches that carry its rows: a person, a verdict, the statement.

Asking moves nothing and may be repeated. An answer that cannot be read is no answer.
"""

from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple, TypeVar

import msgspec

from sync.asking import NoAnswer, ask
from sync.entitlements import Person, place
from sync.events import Sums
from sync.link import Link
from sync.statement import Detail
from sync.vault import Sealed, Unsealable, Vault

T = TypeVar("T")


class Fresh(msgspec.Struct, frozen=True):
    """A person as the centre knows it now."""

    at: str
    person: Person | None = None


class Verdict(msgspec.Struct, frozen=True):
    """What became of an operation: `state` "unknown", "held", "done" or "void"; see sync/backend/hospital.py."""

    state: str
    sums: Sums
    agrees: bool
    why: str = ""


class Correction(msgspec.Struct, frozen=True):
    """A difference that the centre booked on one of our bills; `number` rises with each."""

    number: int
    operation: str
    why: str
    sums: Sums


class Page(msgspec.Struct, frozen=True):
    """Lines of a statement; `next` the operation to go on after, "" at the end."""

    lines: list[Detail]
    next: str = ""


class Corrections(msgspec.Struct, frozen=True):
    """The next corrections of our bills."""

    corrections: list[Correction]


class Found(NamedTuple):
    """A person's opened value and when it was true."""

    value: bytes | None
    at: datetime
    version: int


class Centre:
    """The centre behind a link. Used by one thread."""

    def __init__(self, link: Link, vault: Vault, terminal: str) -> None:
        self._link = link
        self._vault = vault
        self._terminal = terminal

    def insured(self, ref: str) -> Found:
        """The person with the true accumulators. Raises NoAnswer."""
        fresh = self._ask("/v1/hospital/insured", {"person": ref}, Fresh)
        at = datetime.fromisoformat(fresh.at)
        if fresh.person is None:
            return Found(None, at, 0)
        sealed = Sealed(fresh.person.key, b64decode(fresh.person.sealed))
        try:
            return Found(self._vault.open(sealed, place(ref, fresh.person.version)), at, fresh.person.version)
        except Unsealable as wrong:
            raise NoAnswer(str(wrong)) from wrong

    def verdict(self, operation: str) -> Verdict:
        """What became of an operation. Raises NoAnswer."""
        return self._ask("/v1/hospital/verdict", {"operation": operation}, Verdict)

    def statement(self, day: str) -> list[Detail]:
        """The centre's lines of our bills that were made or accepted on `day` (YYYYMMDD). Raises NoAnswer."""
        lines: list[Detail] = []
        after = ""
        while True:
            page = self._ask("/v1/hospital/statement", {"terminal": self._terminal, "day": day, "after": after}, Page)
            lines += page.lines
            if page.next <= after:
                return lines
            after = page.next

    def corrections(self) -> list[Correction]:
        """Every correction of our bills, one at most for each. Raises NoAnswer."""
        found: list[Correction] = []
        after = 0
        while True:
            asked: dict[str, str | int] = {"terminal": self._terminal, "after": after}
            more = self._ask("/v1/hospital/corrections", asked, Corrections).corrections
            found += more
            if not more or more[-1].number <= after:
                return found
            after = more[-1].number

    def _ask(self, path: str, question: Mapping[str, str | int], kind: type[T]) -> T:
        return ask(self._link, path, question, kind)
