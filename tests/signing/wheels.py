"""Wheels of this program as it is now, and as a later version that keeps its journal in another schema."""

import subprocess
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).parent.parent.parent
ROOMS = ("apdu/", "config/", "sync/", "tariffs/", "terminal/")
TABLES = "sync/tables.py"

NEXT_SCHEMA = (
    ("SCHEMA_VERSION = 2\n", "SCHEMA_VERSION = 3\n"),
    ("UP = {1: _to_2}", 'UP = {1: _to_2, 2: lambda c: c.execute("CREATE INDEX row_at ON row(seq, raw)")}'),
    (
        "DOWN = {2: (_to_1, KINDS_1)}",
        'DOWN = {2: (_to_1, KINDS_1), 3: (lambda c: c.execute("DROP INDEX row_at"), KINDS_1)}',
    ),
)
BROKEN_STEP = (NEXT_SCHEMA[0], ("UP = {1: _to_2}", 'UP = {1: _to_2, 2: lambda c: c.execute("SELECT 1 FROM nowhere")}'))


DUMB = {"terminal/loop.py": (("        self.mode = Mode.STARTING\n", "        raise ArithmeticError\n"),)}
"""It passes its trial, which opens journal and tables, and then no device comes up."""


def sources() -> list[str]:
    """The project's files, those that git does not know yet among them."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def wheel(
    folder: Path,
    version: str,
    changes: tuple[tuple[str, str], ...] = (),
    others: Mapping[str, tuple[tuple[str, str], ...]] = MappingProxyType({}),
) -> Path:
    """A wheel of the rooms, with the journal's tables changed, and `others`."""
    files = {name: (ROOT / name).read_bytes() for name in sources() if name.startswith(ROOMS)}
    for name, wanted in {TABLES: changes, **others}.items():
        text = files[name].decode()
        for before, after in wanted:
            assert before in text, before
            text = text.replace(before, after)
        files[name] = text.encode()
    about = f"citizen_card_terminal-{version}.dist-info"
    files[f"{about}/METADATA"] = f"Metadata-Version: 2.1\nName: citizen-card-terminal\nVersion: {version}\n".encode()
    files[f"{about}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = [f"{name},sha256={_digest(raw)},{len(raw)}" for name, raw in files.items()]
    files[f"{about}/RECORD"] = "\n".join([*record, f"{about}/RECORD,,", ""]).encode()
    path = folder / f"citizen_card_terminal-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, raw in files.items():
            archive.writestr(name, raw)
    return path


def _digest(raw: bytes) -> str:
    return urlsafe_b64encode(sha256(raw).digest()).rstrip(b"=").decode()
