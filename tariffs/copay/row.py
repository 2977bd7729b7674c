"""One value of a policy with all that makes it answerable: where it stands, whose word it is, when it holds."""

from dataclasses import dataclass
from datetime import date

Value = int | str | bool | tuple[str, ...] | None
"""Money in fen, prices and ratios in millionths, a count, a word, a flag, parts in their order; None ends a value."""


@dataclass(frozen=True, slots=True)
class Source:
    """A document: its name, address, and the hash of the copy that was read ("" where nobody has one)."""

    id: str
    document: str
    address: str
    sha256: str
    retrieved: str


@dataclass(frozen=True, slots=True)
class Row:
    """A value in force from `first` to `last` (included, None: until the next), known since `known`.

    `when` as it was written; `text` the value as it was written, in `unit`; `article` within `source`.
    """

    file: str
    line: int
    parameter: str
    when: str
    value: Value
    text: str
    unit: str
    first: date
    last: date | None
    known: date
    source: Source
    article: str
    verified: bool

    @property
    def names_item(self) -> bool:
        """Whether the row speaks of items by their codes: a line of the catalogue."""
        return "item=" in self.when
