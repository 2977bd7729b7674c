"""One parser as the fuzzer sees it."""

from collections.abc import Callable
from typing import NamedTuple


class Parser(NamedTuple):
    """`read` takes any bytes and gives a value or raises one of `errors`; `seeds` are inputs that it accepts.

    `bytes_max`: the longest input that is tried. Longer ones only repeat what a shorter one can say.
    """

    name: str
    read: Callable[[bytes], object]
    errors: tuple[type[Exception], ...]
    seeds: Callable[[], list[bytes]]
    bytes_max: int = 4_096

    def accepts(self, raw: bytes) -> bool:
        """Whether `raw` gave a value; False: the parser's own error. Anything else is raised as it came: a defect."""
        try:
            self.read(raw)
        except self.errors:
            return False
        return True


def text(raw: bytes) -> str:
    """Bytes as the text that a reader of UTF-8 would hand on; what is not UTF-8 is refused before these parsers."""
    return raw.decode("utf-8", "replace")


HOSTILE = (
    b"",
    b"[" * 3_000,
    b"a=" + b"[" * 2_000,
    b"a=" + b"{b=" * 1_300,
    b"a." * 2_000 + b"a=1",
    b'{"a":' * 700,
    b"9" * 4_090,
    b"a=" + b"9" * 4_090,
    b'{"terminal":"00330401","epoch":1e999,"first_serial":1}',
    b'{"terminal":"00330401","epoch":NaN,"first_serial":1}',
    b"\xff\xfe\x00\xd8",
    b'"\\ud800"',
    "٣".encode() * 20,
    b"\x00" * 4_096,
    b"\xff" * 4_096,
)
"""Bytes that have broken a parser somewhere: depth, digits, numbers that are none, text that is none."""
