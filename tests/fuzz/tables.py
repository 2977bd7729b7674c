"""What stands behind a TOML reader, by itself: an accepted document, edited as the input says, with no text to parse.

Under coverage `tomllib` reads some hundred shipped documents a second, and bytes that are changed blindly are seldom
TOML at all. Here each input reaches our own layer: whatever TOML can say may stand in any place of the document. The
parsers of the texts themselves stay beside these.
"""

import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import Any

from tests.fuzz.parser import Parser, text

EDITS_MAX = 8
NODES_MAX = 2_000
"""A document that was copied into itself some times is not edited any further."""

Place = tuple[Any, Any]
_loads = tomllib.loads
_NUMBERS = (float("nan"), float("inf"), float("-inf"), -0.0, 1e308, 5e-324, 0.5, -1.5)
_TIMES = (date.min, date.max, date(2024, 2, 29), time.max, datetime(2024, 5, 6, 7, 8, 9),
          datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC), datetime.min, datetime.max)  # fmt: skip


class Bytes:
    """The input as numbers and texts; after its end all are 0 and empty."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0

    def left(self) -> bool:
        """Whether anything is left."""
        return self._at < len(self._raw)

    def take(self, count: int) -> bytes:
        """The next bytes, fewer at the end."""
        found = self._raw[self._at : self._at + count]
        self._at += count
        return found

    def number(self, count: int = 1, signed: bool = False) -> int:
        """The next bytes as a whole number."""
        return int.from_bytes(self.take(count), "big", signed=signed)

    def text(self) -> str:
        """A length, then so many bytes as text."""
        return text(self.take(self.number() % 48))


_VALUES: tuple[Callable[[Bytes, Any], Any], ...] = (
    lambda raw, _: raw.number(1, signed=True),
    lambda raw, _: raw.number(8, signed=True),
    lambda raw, _: 10 ** (raw.number() * 16),
    lambda raw, _: _NUMBERS[raw.number() % len(_NUMBERS)],
    lambda raw, _: bool(raw.number() & 1),
    lambda raw, _: raw.text(),
    lambda raw, _: raw.text() * raw.number(),
    lambda raw, _: _TIMES[raw.number() % len(_TIMES)],
    lambda raw, _: {},
    lambda raw, _: [],
    lambda raw, old: [copied(old)] * raw.number(),
    lambda raw, old: {raw.text(): copied(old)},
    lambda raw, old: f"{old}{raw.text()}",
    lambda raw, old: str(old)[: raw.number()],
    lambda raw, old: old + raw.number(1, signed=True) if isinstance(old, int) else raw.text(),
)
"""What may stand in a place instead, by the input and what stood there."""


def copied(value: Any) -> Any:
    """Tables and arrays anew; all else cannot be changed."""
    if isinstance(value, dict):
        return {name: copied(one) for name, one in value.items()}
    return [copied(one) for one in value] if isinstance(value, list) else value


def places(value: Any) -> Iterator[Place]:
    """Each place of a document: the table or array, and the name or number in it."""
    names = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for name in names:
        yield value, name
        yield from places(value[name])


def edit(document: dict[str, Any], raw: Bytes) -> bool:
    """One edit of one place. False: there is nothing left to edit."""
    found = list(places(document))
    if not found or len(found) > NODES_MAX:
        return False
    where, name = found[raw.number(2) % len(found)]
    kind = raw.number() % (len(_VALUES) + 4)
    if kind < len(_VALUES):
        where[name] = _VALUES[kind](raw, where[name])
    elif kind == len(_VALUES):
        del where[name]
    elif kind == len(_VALUES) + 1:
        other, its_name = found[raw.number(2) % len(found)]
        where[name] = copied(other[its_name])
    elif isinstance(where, dict):  # another name for it, one of the document's or any
        names = [its_name for _, its_name in found if isinstance(its_name, str)]
        new = names[raw.number(2) % len(names)] if kind == len(_VALUES) + 2 else raw.text()
        where[new] = where.pop(name)
    else:
        where.insert(name, copied(where[name]))
    return True


def edited(document: dict[str, Any], raw: Bytes) -> dict[str, Any]:
    """The document with up to EDITS_MAX edits, as many as the input has bytes for."""
    found: dict[str, Any] = copied(document)
    for _ in range(EDITS_MAX):
        if not raw.left() or not edit(found, raw):
            break
    return found


@lru_cache(maxsize=64)
def _read(document: str) -> dict[str, Any]:
    return _loads(document)


def behind(parser: Parser, prefix: int = 0) -> Parser:
    """The parser with its documents edited instead of its bytes. `prefix`: bytes of its inputs before the document."""
    seeds = [seed for seed in parser.seeds() if _is_toml(seed[prefix:])]

    def read(raw: bytes) -> object:
        program = Bytes(raw)
        seed = seeds[program.number() % len(seeds)]
        meant = seed[prefix:].decode()
        document = edited(_read(meant), program)

        def loads(asked: str) -> dict[str, Any]:
            return document if asked == meant else copied(_read(asked))

        tomllib.loads = loads  # type: ignore[assignment]
        try:
            return parser.read(seed)
        finally:
            tomllib.loads = _loads

    untouched = [bytes((nth,)) for nth in range(len(seeds))]
    return Parser(f"{parser.name}-tables", read, parser.errors, lambda: untouched, 256)


def _is_toml(raw: bytes) -> bool:
    try:
        return bool(_loads(raw.decode()))
    except ValueError:
        return False
