"""Journal search: a rider's taps by card, row or time, each with its evidence and why it cost what it cost."""

from typing import Annotated

import msgspec

from sync.batch import Seq
from sync.events import Admitted, Held, Refused
from sync.limits import RECALL_ROWS_MAX
from sync.session import Count
from terminal.faces.web.evidence import Evidence, Line, evidence, latest, line_of
from terminal.faces.web.limits import DAY_ROWS_MAX, SEARCH_ROWS_MAX
from terminal.faces.web.page import Ask, House, Page, Who
from terminal.faces.web.page import Refused as No

CARD_DIGITS = 20


class Search(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is looked for. `card` all 20 digits, or the last 4 or more as a receipt has them; "" any card.

    `day` ISO date, "" any; `before` a row number to go on from, 0: from the newest on.
    """

    card: Annotated[str, msgspec.Meta(pattern=r"\A([0-9]{4,20})?\Z")] = ""
    day: Annotated[str, msgspec.Meta(pattern=r"\A([0-9]{4}-[0-9]{2}-[0-9]{2})?\Z")] = ""
    before: Count = 0


class Found(msgspec.Struct, frozen=True):
    """Taps, newest first. `next` goes on from there as `before`, 0: that was all that was looked at."""

    lines: list[Line]
    next: int


class OneTap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row's number."""

    seq: Seq


class Taps:
    """The questions."""

    def __init__(self, house: House) -> None:
        self._house = house

    def search(self, _who: Who | None, asked: Search) -> Found:
        """The taps that fit, SEARCH_ROWS_MAX at most."""
        journal = self._house.journal
        if len(asked.card) == CARD_DIGITS:
            rows = [one.row for one in journal.recall(asked.card, RECALL_ROWS_MAX)]
            rows = [row for row in rows if row.at.startswith(asked.day) and row.seq < (asked.before or row.seq + 1)]
            return Found([line for row in rows if (line := line_of(journal, row))], 0)
        found: list[Line] = []
        seq = 1
        for row in latest(journal, asked.before, DAY_ROWS_MAX):
            seq = row.seq
            if not row.at.startswith(asked.day):
                if row.at[:10] < asked.day:
                    return Found(found, 0)
                continue
            card = row.event.card if isinstance(row.event, Held | Refused | Admitted) else None
            if card is None or not card.endswith(asked.card):
                continue
            if line := line_of(journal, row):
                found.append(line)
            if len(found) == SEARCH_ROWS_MAX:
                return Found(found, seq)
        return Found(found, seq if seq > 1 else 0)

    def tap(self, _who: Who | None, asked: OneTap) -> Evidence:
        """One tap. Raises Refused where there is none."""
        found = evidence(self._house, asked.seq)
        if found is None:
            raise No("no_debit", "这一行不是扣款记录", "that row is no debit")
        return found


def page(house: House) -> Page | None:
    """Only where cards are tapped."""
    if house.device is None:
        return None
    taps = Taps(house)
    return Page(
        "journal",
        "交易查询",
        "Taps",
        asks=(
            Ask("taps", "查找刷卡记录", "find taps", Search, Found, taps.search),
            Ask("tap", "证据和票价依据", "a tap's evidence, and why it cost that", OneTap, Evidence, taps.tap),
        ),
    )
