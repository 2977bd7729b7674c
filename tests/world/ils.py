"""The library's own system and the line to it: real SIP2 bytes, and answers that are lost, late, damaged or no answers.

What it executed is noted beside it by the act that asked: the one book that no counter writes.
"""

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from terminal.training.ils.answers import answer
from terminal.training.ils.server import total
from terminal.training.ils.shelf import Book, Borrower, Shelf
from tests.world.machine import Machine
from tests.world.violation import check

if TYPE_CHECKING:
    from tests.world.branch import Branch

CHANGING = ("11", "09", "29", "37")
TROUBLES = ("deaf", "drop", "silent", "late", "garbage", "damaged", "odd", "96", "moved")
"""As terminal.training.ils.server has them; "silent": executed and nothing comes, "late": it comes after the wait."""

ANSWER_MS = 80
DAMAGED = b"96AZFEF6\r"


class Executed(NamedTuple):
    """One change at the library's system. `act`: the operation that asked for it; `item` "" for a payment."""

    act: str
    item: str


class LibrarySystem:
    """The library's truth, its last backup, and all that it ever executed."""

    def __init__(self, readers: dict[str, Borrower], items: list[str], honours_no_block: bool) -> None:
        self.shelf = Shelf(readers, {item: Book("书") for item in items}, honours_no_block)
        self.executed: list[Executed] = []
        self.is_away = False
        self._backup = copy.deepcopy(self.shelf)
        self._executed_then = 0
        self.forgotten: set[int] = set()  # places in `executed` that a restore undid

    def back_up(self) -> None:
        """As every night."""
        self._backup, self._executed_then = copy.deepcopy(self.shelf), len(self.executed)

    def restore(self) -> None:
        """What it executed since its backup is forgotten there."""
        self.shelf = copy.deepcopy(self._backup)
        self.forgotten |= set(range(self._executed_then, len(self.executed)))

    def take(self, act: str, text: str) -> str | None:
        """Answer one request and note what it changed. Raises Violation when that was done already."""
        if text[:2] not in CHANGING:
            return answer(self.shelf, text)
        before = copy.deepcopy(self.shelf)
        told = answer(self.shelf, text)
        changed = [code for code, book in self.shelf.books.items() if book != before.books[code]]
        changed += [""] if self.shelf.borrowers != before.borrowers else []
        for item in changed:
            check(not self.shows(act, item), "nothing twice", f"act {act[-4:]} again, {item or 'a fee'}")
            self.executed.append(Executed(act, item))
        return told

    def upload(self, acts: list[str], lines: list[list[str]]) -> None:
        """Do what a .koc file says, line by line, each asked for by one of `acts`. Raises Violation as `take`."""
        for act, (_when, what, *rest) in zip(acts, lines, strict=True):
            item = "" if what == "payment" else rest[-1]
            check(not self.shows(act, item), "nothing twice", f"act {act[-4:]} again by a file, {item or 'a fee'}")
            if what == "payment":
                self.shelf.borrowers[rest[0]].paid.append(("00", rest[1]))
            else:
                self.shelf.books[item].holder = rest[0] if what == "issue" else ""
            self.executed.append(Executed(act, item))

    def has_done(self, act: str) -> bool:
        """Whether it executed `act`, whatever became of its memory."""
        return any(one.act == act for one in self.executed)

    def shows(self, act: str, item: str) -> bool:
        """Whether it executed `act`, remembers it, and nothing was done at that item since that would hide it."""
        known = [one.act for place, one in enumerate(self.executed) if one.item == item and place not in self.forgotten]
        return act in (known[-1:] if item else known)


class Line:
    """One connection; stands for the socket of sync.ils. `asking` tells the act that is being told now."""

    def __init__(self, branch: "Branch", machine: Machine, trouble: float, asking: Callable[[], str]) -> None:
        self._branch = branch
        self._machine = machine
        self._trouble = trouble
        self._asking = asking
        self._seconds = 0.0
        self._arrives = b""
        self._late = b""
        self._last = b""
        self._is_cut = False

    def settimeout(self, seconds: float) -> None:
        """How long `recv` waits."""
        self._seconds = seconds

    def close(self) -> None:
        """Hang up."""
        self._is_cut = True

    def sendall(self, data: bytes) -> None:
        """One frame goes out. Raises OSError on a line that is cut."""
        self._machine.touch("library asked")
        if self._is_cut or self._branch.ils.is_away:
            self._is_cut = True
            raise OSError("broken pipe")
        text = data.decode(self._branch.profile.encoding).rstrip("\r\n")
        if text[:2] == "97":
            self._arrives += self._last
            return
        body, checked, tail = text.rpartition("AY")
        self._answer(body if checked else text, tail[:1] if checked else "")
        self._machine.touch("library answered", ANSWER_MS)

    def recv(self, most: int) -> bytes:
        """What has arrived; b"" when the other side hung up. Raises TimeoutError after the time that was set."""
        if not self._arrives and not self._is_cut:
            self._branch.time.pass_ms(round(self._seconds * 1000) + 1)
            self._arrives, self._late = self._late, b""
            raise TimeoutError
        found, self._arrives = self._arrives[:most], self._arrives[most:]
        return found

    def _answer(self, body: str, sequence: str) -> None:
        branch, chance = self._branch, self._branch.chance
        what = chance.choice(TROUBLES) if chance.random() < self._trouble else ""
        if what:
            branch.say("line", f"{body[:2]} {what}")
        if what == "96":
            self._last = self._arrives = DAMAGED
            return
        self._check_no_block(body)
        told = None
        if what == "moved":
            told = answer(branch.ils.shelf, "9900802.00")
        elif what != "deaf":
            told = branch.ils.take(self._asking(), body)
        if told is None or what in ("deaf", "drop"):
            self._is_cut = True
            return
        self._arrive(told[:2] + "?" + told[3:] if what == "odd" else told, sequence, what)

    def _arrive(self, told: str, sequence: str, what: str) -> None:
        frame = told.encode(self._branch.profile.encoding)
        if sequence:
            frame += f"AY{sequence}AZ".encode()
            frame += total(frame).encode()
        self._last = frame + b"\r"
        match what:
            case "silent":
                pass
            case "late":
                self._late = self._last
            case "garbage":
                self._arrives = b"\x00\xffHTTP/1.1 400 Bad Request\r\n\r\n"
            case "damaged":
                self._arrives = frame[:-2] + b"ZZ\r" if sequence else frame[:5] + b"\r"
            case _:
                self._arrives += self._last

    def _check_no_block(self, body: str) -> None:
        """No block is told only where this system takes it, and only of an act that the rules granted."""
        act = {"11": "lend", "29": "renew", "09": "return"}.get(body[:2])
        if act is None or body[3 if act != "return" else 2] != "Y":
            return
        takes = {"all": ("lend", "renew", "return"), "checkout": ("lend",)}.get(self._branch.profile.no_block, ())
        allowed = self._branch.granted.get(self._asking()) == "rules"
        check(act in takes and allowed, "no block", f"{act} of {self._asking()[-4:]} was told with no block")
