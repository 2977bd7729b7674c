"""What the simulated library knows: readers, items, and who has what."""

from dataclasses import dataclass, field


@dataclass
class Borrower:
    """A reader: name, patron flags, fees owed in yuan."""

    name: str
    flags: str = " " * 14
    owes: str = ""
    paid: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Book:
    """An item: title, who has it, its due date as text, how often it was lent and renewed."""

    title: str
    holder: str = ""
    due: str = ""
    lent: int = 0
    renewed: int = 0
    returned: int = 0
    hold: bool = False
    status: str = ""


@dataclass
class Shelf:
    """The library's own truth. `honours_no_block`: a replayed checkout ignores blocks and takes the given due
    date. `says`: the six flags of its 98."""

    borrowers: dict[str, Borrower] = field(default_factory=dict)
    books: dict[str, Book] = field(default_factory=dict)
    honours_no_block: bool = False
    says: str = "YYYYYY"

    def held_by(self, reader: str) -> list[str]:
        """Barcodes that a reader has, whichever of their cards' numbers they were lent to."""
        return [code for code, book in self.books.items() if self.is_with(book, reader)]

    def is_with(self, book: Book, reader: str) -> bool:
        """Whether that reader, under any number of theirs, has the book."""
        if not book.holder:
            return False
        known = self.borrowers.get(reader)
        return book.holder == reader or (known is not None and self.borrowers.get(book.holder) is known)
