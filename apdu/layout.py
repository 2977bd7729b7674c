"""Fixed records, declared once and used in both directions: `build(parse(raw)) == raw` for every record that parses.

A layout is data (a card profile's table): name, form and length of each field; the fields fill the record.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from apdu.errors import Malformed
from apdu.limits import RECORD_BYTES_MAX


class Field(NamedTuple):
    """One field: its name, its form (a key of FORMS) and its length in bytes."""

    name: str
    form: str
    size: int


def _digits(raw: bytes) -> str:
    text = raw.hex()
    if not text.isdecimal():
        raise Malformed("not BCD digits", raw)
    return text


def _date(raw: bytes) -> date | None:
    text = _digits(raw)
    if not any(raw):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as wrong:
        raise Malformed("not a date", raw) from wrong


def _moment(raw: bytes) -> datetime | None:
    text = _digits(raw)
    if not any(raw):
        return None
    try:
        return datetime.fromisoformat(f"{text[:8]}T{text[8:]}")
    except ValueError as wrong:
        raise Malformed("not a date and time", raw) from wrong


def _ascii(raw: bytes) -> str:
    text = raw.rstrip(b"\x00").decode("latin-1")
    if not text.isascii() or not text.isprintable():
        raise Malformed("not printable ASCII, zero-padded on the right", raw)
    return text


def _date_bytes(value: date) -> bytes:
    return bytes.fromhex(value.isoformat().replace("-", " "))


def _moment_bytes(value: datetime) -> bytes:
    return bytes.fromhex(value.isoformat(" ", "seconds").replace("-", " ").replace(":", " "))


def _direction(raw: bytes) -> int | None:
    if raw not in _DIRECTIONS:
        raise Malformed("direction is neither up (AB) nor down (BA)", raw)
    return _DIRECTIONS[raw]


_DIRECTIONS: Mapping[bytes, int | None] = {b"\xab": 0, b"\xba": 1, b"\x00": None}


def _from_digits(value: str, size: int) -> bytes:
    return bytes.fromhex(value.zfill(2 * size))


FORMS: Mapping[str, tuple[Callable[[bytes], Any], Callable[[Any, int], bytes]]] = {
    "hex": (lambda raw: raw.hex().upper(), lambda value, _size: bytes.fromhex(value)),
    "uint": (lambda raw: int.from_bytes(raw, "big"), lambda value, size: int(value).to_bytes(size, "big")),
    "digits": (_digits, _from_digits),
    "number": (lambda raw: _digits(raw).lstrip("0") or "0", _from_digits),
    "date": (_date, lambda value, size: _date_bytes(value) if value else bytes(size)),
    "moment": (_moment, lambda value, size: _moment_bytes(value) if value else bytes(size)),
    "ab_ba": (_direction, lambda value, _size: b"\xba" if value else b"\xab"),
    "ascii": (_ascii, lambda value, size: value.encode("ascii").ljust(size, b"\x00")),
}
"""Form to (parse, build). digits: BCD with its leading zeros; number: BCD without them; date 4 and moment 7 bytes BCD,
None for all zeros; ab_ba: AB up 0, BA down 1, 00 None; ascii: zero-padded on the right."""


class Layout:
    """A record of `size` bytes."""

    def __init__(self, name: str, fields: Sequence[Field]) -> None:
        self.name = name
        self.fields = tuple(fields)
        self.size = sum(field.size for field in fields)
        if self.size > RECORD_BYTES_MAX or any(field.size < 1 for field in fields):
            raise ValueError(f"layout {name}: a field without a byte, or more than {RECORD_BYTES_MAX} bytes together")
        self.forms = frozenset((field.name, field.form) for field in fields)
        self._plan: list[tuple[str, slice, Callable[[bytes], Any]]] = []
        self._parts: list[tuple[str, int, Callable[[Any, int], bytes], bytes]] = []
        self._sizes = [field.size for field in fields]
        at = 0
        for field in fields:
            if field.form not in FORMS:
                raise ValueError(f"layout {name}: field {field.name} has the unknown form {field.form}")
            parse, build = FORMS[field.form]
            self._plan.append((field.name, slice(at, at + field.size), parse))
            self._parts.append((field.name, field.size, build, bytes(field.size)))
            at += field.size

    def parse(self, raw: bytes) -> dict[str, Any]:
        """Values by field name. Raises Malformed when the length or a field does not fit."""
        if len(raw) != self.size:
            raise Malformed(f"{self.name} has {len(raw)} bytes, not {self.size}", raw)
        try:
            return {name: parse(raw[part]) for name, part, parse in self._plan}
        except Malformed as wrong:
            raise Malformed(f"{self.name}: {wrong.what}", raw) from wrong

    def parse_leniently(self, raw: bytes) -> dict[str, Any]:
        """Like `parse`, but a field that does not parse is None: other cities write what they like into shared records.

        Raises Malformed when the length does not fit.
        """
        try:
            return self.parse(raw)
        except Malformed:
            if len(raw) != self.size:
                raise
        values: dict[str, Any] = {}
        for name, part, parse in self._plan:
            try:
                values[name] = parse(raw[part])
            except Malformed:
                values[name] = None
        return values

    def build(self, values: Mapping[str, Any]) -> bytes:
        """The record's bytes; a field that `values` does not name, or names as None, is zero. Values must fit."""
        value_of = values.get
        parts = [
            zeros if (value := value_of(name)) is None else build(value, size)
            for name, size, build, zeros in self._parts
        ]
        assert [*map(len, parts)] == self._sizes, f"{self.name}: a value does not fit its field"
        return b"".join(parts)
