"""From an outcome to all that the rider is told: light, shape, tone, voice and words. A table, and nothing else. Pure.

The table is terminal/faces/signals.toml; its text comes as an argument and is checked whole before it is used.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from string import Formatter
from unicodedata import east_asian_width

import msgspec

from tariffs.verdict import Reason, Warning
from terminal.faces.limits import CARD_DIGITS_SHOWN, DETAIL_COLUMNS, DETAIL_LINES, HEADLINE_COLUMNS
from terminal.ports import Light, Signal

WIDEST = {"amount": "1000.00", "balance": "-1000.00", "missing": "1000.00", "card": "0000", "days": "365"}
"""The numbers that a detail line may hold, each at its widest."""


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of outcome: its tone and each of its shapes belong to it alone."""

    zh: str
    en: str
    light: Light
    tone: str
    shapes: tuple[str, ...]


class Variant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands in for a row's headline and voice when the card is of this class."""

    voice: str
    zh: str
    en: str


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One reason."""

    kind: str
    shape: str
    voice: str
    zh: str
    en: str
    zh_detail: tuple[str, ...]
    en_detail: tuple[str, ...]
    driver_zh: str
    driver_en: str
    by_class: dict[str, Variant] = msgspec.field(name="class", default_factory=dict)


class WarningRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One warning beside a verdict."""

    voice: str
    zh_detail: tuple[str, ...]
    en_detail: tuple[str, ...]
    driver_zh: str
    driver_en: str


class Spoken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The words of one voice file."""

    zh: str
    en: str


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole signal table."""

    kind: dict[str, Kind]
    reason: dict[Reason, Row]
    warning: dict[Warning, WarningRow]
    voice: dict[str, Spoken]


class BadSignalTable(ValueError):
    """A signal table that was not accepted; `faults` says everything that is wrong with it."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(faults))


class Signals:
    """The signal table, ready for use."""

    def __init__(self, table_text: str) -> None:
        """Raises BadSignalTable."""
        try:
            self.table = msgspec.convert(tomllib.loads(table_text), Table)
        except (ValueError, msgspec.ValidationError, RecursionError) as wrong:
            raise BadSignalTable([f"signals: {wrong}"]) from wrong
        faults = list(_faults(self.table))
        if faults:
            raise BadSignalTable(faults)

    def signal(
        self,
        reason: Reason,
        amount_fen: int | None = None,
        balance_fen: int | None = None,
        *,
        card: str = "",
        card_class: str = "",
        days: int | None = None,
        warnings: Sequence[Warning] = (),
        why: Sequence[tuple[str, str]] = (),
    ) -> Signal:
        """The signal of an outcome. Amounts in fen; `card` 20 digits or "", of which four are shown.

        `days` until the concession or the card ends; `why`: the steps to the fare, Chinese and English. A detail line
        whose number is not known is left out; so are steps beyond the lines that a rider reads.
        """
        row = self.table.reason[reason]
        kind = self.table.kind[row.kind]
        words = row.by_class.get(card_class, row)
        warned = [self.table.warning[warning] for warning in warnings]
        numbers = _numbers(amount_fen, balance_fen, card, days)
        return Signal(
            outcome=reason.value,
            light=kind.light,
            shape=row.shape,
            tone=kind.tone,
            voice=warned[0].voice if warned else words.voice,
            zh=words.zh,
            en=words.en,
            zh_detail=_lines(row.zh_detail, [zh for zh, _ in why], [one.zh_detail for one in warned], numbers),
            en_detail=_lines(row.en_detail, [en for _, en in why], [one.en_detail for one in warned], numbers),
            amount_fen=amount_fen,
            balance_fen=balance_fen,
        )


def yuan(fen: int) -> str:
    """An amount as people read it: 150 is "1.50"."""
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def columns(text: str) -> int:
    """Columns that a text takes on a screen; wide characters take two."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


@lru_cache(maxsize=512)
def clipped(text: str, most: int) -> str:
    """A text of at most `most` columns, its end replaced by "…" when it is longer. Few different ones come."""
    if columns(text) <= most:
        return text
    while columns(text) > most - 1:
        text = text[:-1]
    return text + "…"


def _numbers(amount_fen: int | None, balance_fen: int | None, card: str, days: int | None) -> dict[str, str]:
    """The numbers that are known, as they are shown."""
    numbers = {}
    if amount_fen is not None:
        numbers["amount"] = yuan(amount_fen)
    if balance_fen is not None:
        numbers["balance"] = yuan(balance_fen)
    if amount_fen is not None and balance_fen is not None and amount_fen > balance_fen:
        numbers["missing"] = yuan(amount_fen - balance_fen)
    if card:
        numbers["card"] = card[-CARD_DIGITS_SHOWN:]
    if days is not None and days >= 0:
        numbers["days"] = str(days)
    return numbers


def _lines(
    own: Sequence[str], why: Sequence[str], warned: Sequence[Sequence[str]], numbers: Mapping[str, str]
) -> tuple[str, ...]:
    """The row's own lines, the steps to the fare, the warnings; where there are too many, steps give way."""
    if not own and not warned:
        return tuple([clipped(step, DETAIL_COLUMNS) for step in why[:DETAIL_LINES]])
    before = [line.format_map(numbers) for line in own if _known(line, numbers)]
    after = [line.format_map(numbers) for lines in warned for line in lines if _known(line, numbers)]
    room = max(0, DETAIL_LINES - len(before) - len(after))
    return tuple([*before, *(clipped(step, DETAIL_COLUMNS) for step in why[:room]), *after][:DETAIL_LINES])


def _known(line: str, numbers: Mapping[str, str]) -> bool:
    return "{" not in line or all(name in numbers for name in _places(line))


@lru_cache(maxsize=512)
def _places(line: str) -> list[str]:
    """What a detail line leaves open. Raises ValueError for braces that do not match or hold more than a name."""
    places = []
    for _, name, form, conversion in Formatter().parse(line):
        if form or conversion:
            raise ValueError("a number stands as it is")
        if name is not None:
            places.append(name)
    return places


def _faults(table: Table) -> Iterator[str]:
    """Everything that is wrong with the table."""
    yield from (f"reason.{reason.value}: missing" for reason in Reason if reason not in table.reason)
    yield from (f"warning.{warning.value}: missing" for warning in Warning if warning not in table.warning)
    tones = [kind.tone for kind in table.kind.values()]
    shapes = [shape for kind in table.kind.values() for shape in kind.shapes]
    for name, kind in table.kind.items():
        if not kind.tone or set(kind.tone) - {".", "-"} or tones.count(kind.tone) > 1:
            yield f"kind.{name}.tone: must be of . and -, and no other kind's"
        if any(shapes.count(shape) > 1 for shape in kind.shapes):
            yield f"kind.{name}.shapes: must not be another kind's"
    used = set()
    for reason, row in table.reason.items():
        place = f"reason.{reason.value}"
        if row.kind not in table.kind or row.shape not in table.kind[row.kind].shapes:
            yield f"{place}: there is no kind {row.kind} with the shape {row.shape}"
        words: dict[str, Row | Variant] = {place: row}
        words |= {f"{place}.class.{name}": variant for name, variant in row.by_class.items()}
        for where, said in words.items():
            used.add(said.voice)
            for language, headline in (("zh", said.zh), ("en", said.en)):
                if not headline or columns(headline) > HEADLINE_COLUMNS:
                    yield f"{where}.{language}: must have 1 to {HEADLINE_COLUMNS} columns"
        if not row.driver_zh or not row.driver_en:
            yield f"{place}: must say what the driver does, in both languages"
        yield from _detail_faults(place, row)
    for warning, beside in table.warning.items():
        used.add(beside.voice)
        yield from _detail_faults(f"warning.{warning.value}", beside)
    yield from (f"voice.{name}: missing" for name in sorted(used - set(table.voice)))
    yield from (f"voice.{name}: nobody says it" for name in sorted(set(table.voice) - used))


def _detail_faults(place: str, row: Row | WarningRow) -> Iterator[str]:
    if len(row.zh_detail) != len(row.en_detail):
        yield f"{place}: as many lines in Chinese as in English"
    for line in (*row.zh_detail, *row.en_detail):
        try:
            wrong = set(_places(line)) - set(WIDEST) or columns(line.format_map(WIDEST)) > DETAIL_COLUMNS
        except ValueError:
            wrong = True
        if wrong:
            yield f"{place}: {line!r} must have at most {DETAIL_COLUMNS} columns and only {', '.join(WIDEST)} in braces"
