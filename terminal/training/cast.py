"""Who comes to a training: invented people with their cards, and a small library that knows them and its books."""

import logging
from datetime import date
from pathlib import Path
from typing import NamedTuple

import msgspec

from apdu.virtual.social import SocialSpec
from apdu.virtual.spec import CardSpec
from sync.settling import Insured
from tariffs.copay.claim import Entitlement
from terminal.training.ils.shelf import Book, Borrower, Shelf

log = logging.getLogger(__name__)

EMPLOYEE, RESIDENT, AREA = "310", "390", "330499"


class Trainee(NamedTuple):
    """One card on the tray. `chip` None: it has no social-security function; `insured` None: not insured."""

    name: str
    zh: str
    en: str
    card: CardSpec
    chip: SocialSpec | None = None
    insured: Insured | None = None


def _insured(scheme: str, kind: str, born: str, account_fen: int = 0) -> Insured:
    accounts = {"current": account_fen, "history": 0} if scheme == EMPLOYEE else {}
    facts = {"area": AREA, "scheme": scheme, "person": kind}
    return Insured(scheme, facts, date.fromisoformat(born), Entitlement(accounts))


TRAINEES = (
    Trainee(
        "wang",
        "王小明 市民卡",
        "Wang, citizen card",
        CardSpec("0000000012345678", balance_fen=8_650),
        SocialSpec("T00000001", "330411197001010016", "王小明"),
        _insured(EMPLOYEE, "1101", "1970-01-01", 50_000),
    ),
    Trainee(
        "li",
        "李红 市民卡（欠费）",
        "Li, citizen card, owes a fee",
        CardSpec("0000000012345679", balance_fen=1_200),
        SocialSpec("T00000002", "330411198002020026", "李红"),
        _insured(RESIDENT, "15", "1980-02-02"),
    ),
    Trainee(
        "zhao",
        "赵刚 新居民卡（停借）",
        "Zhao, new resident, may not borrow",
        CardSpec("0000000012345680", holder_kind="XJ", balance_fen=5_000),
        SocialSpec("T00000003", "330411199003030036", "赵刚", "new_resident"),
    ),
    Trainee("pass", "城市通卡", "city pass", CardSpec("0000000012345681", holder_kind="CT", balance_fen=30_000)),
    Trainee("poor", "市民卡，余额不足", "citizen card, almost empty", CardSpec("0000000012345682", balance_fen=150)),
    Trainee(
        "expired", "市民卡，已过期", "citizen card, expired",
        CardSpec("0000000012345683", end="20251231", balance_fen=5_000),
    ),
)  # fmt: skip

TITLES = ("嘉兴府志", "茶馆", "平凡的世界", "三体", "南湖", "边城", "围城", "呐喊", "四世同堂", "儿童百科")


class Kept(msgspec.Struct):
    """What the library of a training remembers: its books by barcode, and what each trainee owes."""

    books: dict[str, Book]
    owes: dict[str, str]


def shelf(kept: Path | None = None) -> Shelf:
    """The library of the training: the same people by both numbers of their cards, ten books B0001 to B0010, as the
    training before left them in the file `kept`. One that cannot be read is told, and everything is back."""
    made = _fresh()
    if kept is not None and kept.exists():
        try:
            before = msgspec.json.decode(kept.read_bytes(), type=Kept)
        except msgspec.DecodeError as wrong:
            log.warning("%s is damaged, all books are back: %s · 借阅记录损坏，图书全部在馆", kept, wrong)
            return made
        made.books.update(before.books)
        for one in TRAINEES:
            if one.chip is not None and one.name in before.owes:
                made.borrowers[one.chip.number].owes = before.owes[one.name]
    return made


def kept_of(library: Shelf) -> bytes:
    """What `shelf` reads again."""
    owes = {one.name: library.borrowers[one.chip.number].owes for one in TRAINEES if one.chip is not None}
    return msgspec.json.encode(Kept(library.books, owes))


def _fresh() -> Shelf:
    """All books at home."""
    flags = {"li": " " * 14, "zhao": "Y" + " " * 13}
    borrowers = {}
    for one in TRAINEES:
        if one.chip is None:
            continue
        borrower = Borrower(one.chip.name, flags.get(one.name, " " * 14), "1.50" if one.name == "li" else "")
        borrowers[one.card.number20] = borrowers[one.chip.number] = borrower
    return Shelf(borrowers, {f"B{number:04}": Book(title) for number, title in enumerate(TITLES, 1)}, True)
