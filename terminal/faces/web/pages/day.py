"""The day in pictures: taps by the hour, what waits for the backend, and the stops that were served."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date
from typing import Annotated

import msgspec

from sync.events import Admitted, Done, Grey, Held, Refused, Void
from sync.limits import ROW_BYTES_MAX
from sync.record import Row
from tariffs.linestops import LineStops
from tariffs.stops import Place, Stop
from tariffs.stops import distance as metres
from terminal.faces.web.evidence import CHUNK, latest, readable, reason_words
from terminal.faces.web.limits import DAY_ROWS_MAX
from terminal.faces.web.page import Ask, House, Nothing, Page, Who, day_of

HOURS = 24


class Hour(msgspec.Struct, frozen=True):
    """Of one hour: riders who were let in, cards that were refused, money of debits that happened."""

    passed: int = 0
    refused: int = 0
    fen: int = 0


class Reason(msgspec.Struct, frozen=True):
    """How often a reason was given."""

    zh: str
    en: str
    count: int


class Dot(msgspec.Struct, frozen=True):
    """A stop on the map: metres east of the westernmost and south of the northernmost, and the taps at it."""

    stop: str
    name: str
    east_m: int
    south_m: int
    taps: int


class Day(msgspec.Struct, frozen=True):
    """One day. `whole` false: only its later part was looked at. `ways`: the stops of each line in their order."""

    day: str
    hours: list[Hour]
    reasons: list[Reason]
    stops: list[Dot]
    ways: list[list[str]]
    whole: bool


class OneDay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """ISO date, "" for today."""

    day: Annotated[str, msgspec.Meta(pattern=r"\A([0-9]{4}-[0-9]{2}-[0-9]{2})?\Z")] = ""


class Waiting(msgspec.Struct, frozen=True):
    """Rows of one hour ("2026-11-23T08") that the backend does not have, and the money of their debits."""

    hour: str
    rows: int
    fen: int


class Queue(msgspec.Struct, frozen=True):
    """What waits, oldest hour first. `sent` rows are the backend's; `whole` false: only the older part is told."""

    sent: int
    waiting: list[Waiting]
    whole: bool


class Pictures:
    """The questions."""

    def __init__(self, house: House) -> None:
        self._house = house

    def day(self, _who: Who | None, asked: OneDay) -> Day:
        """One day by the hour. Raises Refused."""
        on = day_of(asked.day) if asked.day else self._house.clock.read().at.date()
        wanted = on.isoformat()
        rows, whole = self._rows_of(wanted)
        passed, refused, fen = [0] * HOURS, [0] * HOURS, [0] * HOURS
        reasons: Counter[str] = Counter()
        taps: Counter[str] = Counter()
        ended = {row.event.held: row.event for row in rows if isinstance(row.event, Done | Void | Grey)}
        for row in rows:
            event, hour = row.event, int(row.at[11:13])
            if not isinstance(event, Held | Refused | Admitted):
                continue
            reasons[event.reason] += 1
            if isinstance(event.service.stop, str):
                taps[event.service.stop] += 1
            if isinstance(event, Refused):
                refused[hour] += 1
            elif not isinstance(ended.get(row.seq), Void):
                passed[hour] += 1
                fen[hour] += event.amount if isinstance(event, Held) and isinstance(ended.get(row.seq), Done) else 0
        told = [Reason(*reason_words(reason), count) for reason, count in reasons.most_common()]
        hours = [Hour(*one) for one in zip(passed, refused, fen, strict=True)]
        dots, ways = self._map(taps, on)
        return Day(wanted, hours, told, dots, ways, whole)

    def queue(self, _who: Who | None, _asked: Nothing) -> Queue:
        """What the backend does not have yet."""
        journal = self._house.journal
        after = sent = journal.acknowledged
        rows, fen = defaultdict[str, int](int), defaultdict[str, int](int)
        amounts: dict[int, int] = {}
        while after < min(journal.last_seq, sent + DAY_ROWS_MAX):
            part = journal.rows(after, CHUNK, CHUNK * ROW_BYTES_MAX)
            after = part[-1].seq
            for row in readable(part):
                hour = row.at[:13]
                rows[hour] += 1
                if isinstance(row.event, Held):
                    amounts[row.seq] = row.event.amount
                elif isinstance(row.event, Done):
                    fen[hour] += amounts.get(row.event.held, 0)
        waiting = [Waiting(hour, rows[hour], fen[hour]) for hour in sorted(rows)]
        return Queue(sent, waiting, after >= journal.last_seq)

    def _rows_of(self, day: str) -> tuple[list[Row], bool]:
        """The day's rows, newest first, and whether they are all."""
        found, seq = list[Row](), 1
        for row in latest(self._house.journal, 0, DAY_ROWS_MAX):
            seq = row.seq
            if row.at[:10] == day:
                found.append(row)
            elif row.at[:10] < day:
                return found, True
        return found, seq == 1

    def _map(self, taps: Counter[str], day: date) -> tuple[list[Dot], list[list[str]]]:
        device = self._house.device
        known = device.tables.pack.line_stops if device is not None else LineStops()
        if not known.places:
            return [], []
        ways = [[stop for stop in dated.at(day) or () if stop in known.places] for dated in known.lines.values()]
        return dots(known.places.values(), taps), [way for way in ways if len(way) > 1]


def dots(stops: Iterable[Stop], taps: Counter[str]) -> list[Dot]:
    """Stops laid on a plane, good to 2 % within a city."""
    stops = list(stops)
    north, west = max(stop.place.lat for stop in stops), min(stop.place.lon for stop in stops)
    return [
        Dot(
            stop.id,
            stop.name,
            metres(stop.place, Place(stop.place.lat, west)),
            metres(stop.place, Place(north, stop.place.lon)),
            taps[stop.id],
        )
        for stop in stops
    ]


def page(house: House) -> Page | None:
    """Only where cards are tapped."""
    if house.device is None:
        return None
    pictures = Pictures(house)
    return Page(
        "day",
        "今日",
        "Today",
        asks=(
            Ask("day", "一天的图", "a day in numbers", OneDay, Day, pictures.day),
            Ask("queue", "待上传", "what waits for the backend", Nothing, Queue, pictures.queue),
        ),
    )
