"""What the office may sign: each kind of file read and checked as a device will do it, and packed."""

from datetime import date
from typing import NamedTuple

from config.durable import zipped
from config.signing.contents import Kind
from config.store import load_pack_files
from terminal import packs


class Offered(NamedTuple):
    """A file to be signed. `suffix` of its name."""

    version: str
    in_force_from: date
    suffix: str
    raw: bytes


def offered(kind: Kind, place: str, version: str, today: date) -> Offered:
    """The file that `place` becomes. Raises ConfigError with all that is wrong."""
    files = load_pack_files(place)
    pack = packs.parsed(files, place)
    return Offered(pack.version, pack.in_force_from, ".zip", zipped(files))
