"""The simulated library system's answers: text to text, written from the standard without our client's tables."""

from terminal.training.ils.shelf import Book, Borrower, Shelf

DATE = "20240601    120000"


def fields(text: str) -> dict[str, str]:
    """Fields of a request's variable part; the last of a repeated id wins."""
    return {part[:2]: part[2:] for part in text.split("|") if len(part) >= 2}


def answer(shelf: Shelf, text: str) -> str | None:
    """The answer to one request; None: close the connection, as real servers do for what they do not know."""
    handlers = {
        "93": (4, _login), "99": (10, _status), "23": (23, _patron), "63": (33, _information), "11": (40, _checkout),
        "09": (39, _checkin), "29": (40, _renew), "17": (20, _item), "37": (27, _fee), "35": (20, _end),
    }  # fmt: skip
    if text[:2] not in handlers:
        return None
    width, handler = handlers[text[:2]]
    return handler(shelf, text[2:width], fields(text[width:]))


def _login(shelf: Shelf, fixed: str, asked: dict[str, str]) -> str:
    return "941" if (asked["CN"], asked["CO"]) == ("desk", "secret") else "940"


def _status(shelf: Shelf, fixed: str, asked: dict[str, str]) -> str:
    return f"98{shelf.says}100003{DATE}2.00AOJXLIB|BXYYYYYYYYYYYYYYYY|AM嘉兴市图书馆|"


def _flags(shelf: Shelf, reader: str) -> tuple[str, str]:
    borrower = shelf.borrowers.get(reader)
    if borrower is None:
        return "YYYY" + " " * 10, f"AOJXLIB|AA{reader}|AE|BLN|"
    owes = f"BV{borrower.owes}|BHCNY|" if borrower.owes else ""
    return borrower.flags, f"AOJXLIB|AA{reader}|AE{borrower.name}|BLY|CQY|{owes}"


def _patron(shelf: Shelf, fixed: str, asked: dict[str, str]) -> str:
    flags, rest = _flags(shelf, asked["AA"])
    return f"24{flags}019{DATE}{rest}"


def _information(shelf: Shelf, fixed: str, asked: dict[str, str]) -> str:
    flags, rest = _flags(shelf, asked["AA"])
    has = shelf.held_by(asked["AA"])
    counts = f"{0:04}{0:04}{len(has):04}{0:04}{0:04}{0:04}"
    listed = "".join(f"AU{code}|" for code in has) if fixed[21:31][2] == "Y" else ""
    return f"64{flags}019{DATE}{counts}{rest}{listed}"


def _refusal(code: str, reader: str, item: str, why: str) -> str:
    return f"{code}0NUN{DATE}AOJXLIB|AA{reader}|AB{item}|AJ|AH|AF{why}|"


def _checkout(shelf: Shelf, fixed: str, asked: dict[str, str]) -> str:
    reader, item = asked["AA"], asked["AB"]
    no_block = fixed[1] == "Y" and shelf.honours_no_block
    borrower, book = shelf.borrowers.get(reader), shelf.books.get(item)
    if borrower is None or book is None:
        return _refusal("12", reader, item, "未知读者或图书")
    if book.holder and not shelf.is_with(book, reader) and not no_block:
        return _refusal("12", reader, item, "该书已借出")
    if borrower.flags[0] == "Y" and not no_block:
        return _refusal("12", reader, item, "读者已停借")
    renewal = shelf.is_with(book, reader)  # as servers do: a second checkout of one's own loan renews it
    book.renewed += renewal
    book.lent += not renewal
    book.holder, book.due = reader, fixed[20:38] if no_block else "20240701    235900"
    return _lent("12", reader, item, book, renewal)


def _lent(code: str, reader: str, item: str, book: Book, renewal: bool) -> str:
    again = "Y" if renewal else "N"
    return f"{code}1{again}UY{DATE}AOJXLIB|AA{reader}|AB{item}|AJ{book.title}|AH{book.due}|"


def _checkin(shelf: Shelf, fixed: str, asked: dict[str, str]) -> str:
    book = shelf.books.get(asked["AB"])
    if book is None or not book.holder:
        return f"100NUN{DATE}AOJXLIB|AB{asked['AB']}|AQ|"  # refused without a word
    book.holder, book.due = "", ""
    book.returned += 1
    alert = "Y" if book.hold else "N"
    return f"101YU{alert}{DATE}AOJXLIB|AB{asked['AB']}|AQMAIN|AJ{book.title}|"


def _renew(shelf: Shelf, fixed: str, asked: dict[str, str]) -> str:
    book = shelf.books.get(asked["AB"])
    if book is None or not shelf.is_with(book, asked["AA"]):
        return _refusal("30", asked["AA"], asked["AB"], "未借此书")
    book.renewed += 1
    book.due = "20240731    235900"
    return _lent("30", asked["AA"], asked["AB"], book, True)


def _item(shelf: Shelf, fixed: str, asked: dict[str, str]) -> str:
    book = shelf.books.get(asked["AB"], Book("", status="01"))
    status = book.status or ("04" if book.holder else "08" if book.hold else "03")
    due = f"AH{book.due}|" if book.due else ""
    return f"18{status}0101{DATE}AB{asked['AB']}|AJ{book.title}|{due}"


def _fee(shelf: Shelf, fixed: str, asked: dict[str, str]) -> str:
    borrower = shelf.borrowers.get(asked["AA"])
    if borrower is not None:
        borrower.paid.append((asked["BV"], asked.get("BK", "")))
        left = fen(borrower.owes) - fen(asked["BV"])
        borrower.owes = f"{left // 100}.{left % 100:02}" if left > 0 else ""
    return f"38{'N' if borrower is None else 'Y'}{DATE}AOJXLIB|AA{asked['AA']}|"


def fen(yuan: str) -> int:
    """Fen of yuan as text, 0 of none."""
    whole, _, parts = yuan.partition(".")
    return int(whole or 0) * 100 + int(parts.ljust(2, "0"))


def _end(shelf: Shelf, fixed: str, asked: dict[str, str]) -> str:
    return f"36Y{DATE}AOJXLIB|AA{asked['AA']}|"


def city() -> Shelf:
    """A small library to try with: two readers, six books."""
    readers = {"31400000000012345678": Borrower("王小明"), "31400000000012345679": Borrower("李红", owes="1.50")}
    titles = ("嘉兴府志", "茶馆", "SIP2 指南", "平凡的世界", "三体", "南湖")
    return Shelf(readers, {f"B{number:04}": Book(title) for number, title in enumerate(titles, 1)})
