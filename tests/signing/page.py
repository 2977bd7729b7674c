"""Runs the commands of docs/signing.md and puts what they print below them.

`python -m tests.signing.page` writes the page anew.
"""

import hashlib
import re
import tempfile
from collections.abc import Iterator
from contextlib import chdir
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from config.signing import keys
from terminal.commands import office, packs, signed
from terminal.drivers.clock import CHINA
from tests.signing.offices import PASSPHRASE
from tests.technician import run_line

PAGE = Path(__file__).parents[2] / "docs" / "signing.md"
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
DAY = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
SETTINGS = """[terminal]
number = "00000001"
merchant = "000000000000001"
data = "data"
[psam]
reader = "SAM"
[tariff]
pack = "builtin:jiaxing"
[hot_list]
file = "hot.map"
[packs]
operator = "bus"
"""


def printed(text: str) -> str:
    """The page with what its commands print now: the same keys and the same day each time."""
    numbers = count()

    def key() -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"page %d" % next(numbers)).digest())

    same = SimpleNamespace(generate=key, from_private_bytes=Ed25519PrivateKey.from_private_bytes)
    with (
        tempfile.TemporaryDirectory() as room,
        chdir(room),
        patch.object(keys, "Ed25519PrivateKey", same),
        patch.object(keys, "SCRYPT_LOG_N", 10),
        patch.object(office, "now", lambda: DAY),
        patch.object(signed, "now", lambda: DAY.astimezone(CHINA)),
        patch.object(packs, "today", lambda: DAY.astimezone(CHINA).date()),
    ):
        Path("terminal.toml").write_text(SETTINGS, "utf-8")
        Path("pass").write_text(f"{PASSPHRASE}\n", "utf-8")
        Path("usb").mkdir()
        page = BLOCK.sub(lambda found: f"```console\n{''.join(_played(found[1]))}```", text)
        return page.replace(f"{Path.cwd()}/", "")


def _played(block: str) -> Iterator[str]:
    """A block of commands, each with its output; a command goes on behind a backslash."""
    for command in re.findall(r"^\$ ((?:[^\n]*\\\n)*[^\n]*)$", block, re.MULTILINE):
        joined = re.sub(r"\\\n\s*", "", command)
        yield f"$ {command}\n{run_line(joined)}"


if __name__ == "__main__":
    PAGE.write_text(printed(PAGE.read_text("utf-8")), "utf-8")
