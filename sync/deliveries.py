"""The issuer's files beside the backend's book: each line is one of its debits, once, to the fen.

The files are read by themselves, as they were sent and as they came; the book is the backend's rows and charges.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sync.events import Done, Grey, Held
from sync.issuer_files import Refusal, XfLine, xf_line
from sync.reconcile import BackendBook, Fault, Key, yuan
from sync.record import BadRow, decode


class Delivered(NamedTuple):
    """What the files come to: lines and fen; refused of them; debits that happened and that no file holds."""

    lines: int
    fen: int
    refused: int
    refused_fen: int
    waiting: int
    waiting_fen: int
    faults: tuple[Fault, ...]

    def line(self, language: str) -> str:
        """One line for people, "zh" or "en"."""
        fen, refused, waiting = map(yuan, (self.fen, self.refused_fen, self.waiting_fen))
        if language == "zh":
            there = f"{self.lines} 条 {fen} 元，拒付 {self.refused} 条 {refused} 元"
            return f"发卡方文件 {there}，未交 {self.waiting} 笔 {waiting} 元"
        there = f"{self.lines} of {fen} yuan; refused {self.refused} of {refused}"
        return f"issuer's files     {there}; not delivered {self.waiting} of {waiting}"


class _Debits(NamedTuple):
    """The backend's debits as its rows have them: where each serial lies, its HELD, and the TACs that name it."""

    keys: dict[tuple[str, int], Key]
    held: dict[Key, Held]
    tacs: dict[Key, set[str]]


def deliveries(files: Mapping[str, Sequence[XfLine]], refusals: Sequence[Refusal], book: BackendBook) -> Delivered:
    """Compare the XF files (by name) and the refusals of them with the book; never raises over what they hold."""
    debits = _debits(book)
    seen: dict[Key, str] = {}
    faults: list[Fault] = []
    for name, lines in files.items():
        for line in lines:
            where = f"{name} #{line.terminal}/{line.serial}"
            key = debits.keys.get((line.terminal, line.serial))
            if key is None:
                faults.append(Fault(where, "账上没有这笔扣款", "the books have no such debit"))
                continue
            if key in seen:
                faults.append(Fault(where, f"{seen[key]} 已交过", f"was delivered in {seen[key]} already"))
            seen[key] = name
            faults += [Fault(where, zh, en) for zh, en in _differences(line, key, debits, book)]
    faults += _strangers(files, refusals)
    lines_of = [line for lines in files.values() for line in lines]
    waiting = [charge for key, charge in book.charges.items() if charge.state == "done" and key not in seen]
    return Delivered(
        lines=len(lines_of),
        fen=sum(line.amount for line in lines_of),
        refused=len(refusals),
        refused_fen=sum(refusal.line.amount for refusal in refusals),
        waiting=len(waiting),
        waiting_fen=sum(charge.paid_fen for charge in waiting),
        faults=tuple(faults),
    )


def _debits(book: BackendBook) -> _Debits:
    found = _Debits({}, {}, {})
    for key, raw in book.rows.items():
        try:
            row = decode(raw)
        except BadRow:
            continue  # in quarantine: the other comparison names it
        if isinstance(row.event, Held):
            found.keys[row.terminal, row.serial] = key
            found.held[key] = row.event
        elif isinstance(row.event, Done | Grey):
            found.tacs.setdefault((key[0], key[1], row.event.held), set()).add(row.event.tac.upper())
    return found


def _differences(line: XfLine, key: Key, debits: _Debits, book: BackendBook) -> list[tuple[str, str]]:
    expected = xf_line(line.terminal, line.serial, debits.held[key], line.tac, line.grey)
    names = [name for name in XfLine._fields if name != "month" and getattr(expected, name) != getattr(line, name)]
    found = [
        (f"{name}：文件 {getattr(line, name)}，账本 {getattr(expected, name)}",
         f"{name}: {getattr(line, name)} in the file, {getattr(expected, name)} in the books")
        for name in names
    ]  # fmt: skip
    charge = book.charges.get(key)
    if not line.grey and (charge is None or charge.state != "done"):
        state = "—" if charge is None else charge.state
        found.append((f"文件为正常，账本为 {state}", f"delivered as done, the books say {state}"))
    if not line.grey and line.tac not in debits.tacs.get(key, set()):
        found.append(("TAC 与账本不同", "its TAC is not the books'"))
    return found


def _strangers(files: Mapping[str, Sequence[XfLine]], refusals: Sequence[Refusal]) -> list[Fault]:
    known = {(name, *_named(line)) for name, lines in files.items() for line in lines}
    return [
        Fault(
            f"SS {refusal.file} #{refusal.line.terminal}/{refusal.line.serial}",
            "拒付的不是已交的记录",
            "refuses no line of the files",
        )
        for refusal in refusals
        if (refusal.file, *_named(refusal.line)) not in known
    ]


def _named(line: XfLine) -> tuple[int, str, str, int]:
    return line.serial, line.terminal, line.card, line.amount
