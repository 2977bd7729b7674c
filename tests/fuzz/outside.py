"""Parsers of files that people and other programs bring: configuration, lists, packs, keys, the device's own state."""

from collections.abc import Callable
from functools import cache, reduce
from hashlib import sha256
from operator import xor
from pathlib import Path
from tempfile import TemporaryDirectory

from config import blacklist, hotdelta, hotmap, parse
from config.blacklist import HotListFaults
from config.durable import zipped
from config.errors import ConfigError
from config.files import unzipped
from config.shelf import Shelf
from sync.backend.keys import BadKeys, KeyFile
from sync.vault import BadVault, Vault, new_key_file
from tariffs.faults import PackFaults
from tariffs.money import BadAmount, fen_from_text
from tariffs.pack import parse_pack
from terminal import identity
from terminal.drivers.gps import read_sentence
from terminal.signal import BadSignalTable, Signals
from tests import memory
from tests.fuzz.network import WHO
from tests.fuzz.parser import Parser, text
from tests.fuzz.shipped import CONFIGURATION, SIGNALS
from tests.test_pack import pack_files

FLAT = pack_files("jiaxing-flat")
TABLES = sorted(FLAT)
BLACK = b"20261101000002\r\n3140000000000000000101\r\n3140000000000000000203\r\n"
ASKED = ("31400000000000000001", "31400000000000000002", "31400000000000000003", "99990000000000000000")
ROOM = 64 * 1024
"""Bytes that a zip may unpack to here: the product's bounds are parameters."""


@cache
def folder() -> "TemporaryDirectory[str]":
    """For parsers that open their file themselves; it goes with the process."""
    return memory.folder()


def at(name: str, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    """The parser of a file by its path, as one of bytes."""

    def of_bytes(raw: bytes) -> object:
        path = Path(folder().name) / name
        path.write_bytes(raw)
        return read(path)

    return of_bytes


def configuration(raw: bytes) -> object:
    """A configuration that is accepted is written and read back the same."""
    found = parse.parse(text(raw))
    assert parse.parse(parse.build(found)) == found
    return found


def hot_list(raw: bytes) -> object:
    """A list that is accepted is written and read back the same."""
    found = blacklist.parse(raw)
    assert blacklist.parse(blacklist.build(found)) == found
    return found


def hot_map(raw: bytes) -> object:
    """The form that is mapped into memory, under a right checksum; then it is asked, as a tap would."""
    view = memoryview(raw + sha256(raw).digest())
    hotmap.verify(view)
    found = hotmap.open_map(view)
    return [found.level(number) for number in ASKED]


def hot_maps() -> list[bytes]:
    """A small list, without its checksum."""
    return [hotmap.build(blacklist.parse(BLACK))[: -hotmap.DIGEST_BYTES]]


def hot_deltas() -> list[bytes]:
    """From the list to one with other cards."""
    before, after = (blacklist.parse(raw) for raw in (BLACK, BLACK.replace(b"203", b"303")))
    return [hotdelta.build_delta(before, after, bytes(32))]


def pack(raw: bytes) -> object:
    """The first byte chooses a table of the flat pack; the rest is what stands in it."""
    name, table = TABLES[raw[0] % len(TABLES)] if raw else TABLES[0], raw[1:]
    return parse_pack(FLAT | {name: table})


def sentence(raw: bytes) -> object:
    """A GPS receiver's sentence under a right checksum; any other is no place either."""
    read_sentence(raw)
    return read_sentence(b"$%b*%02X" % (raw, reduce(xor, raw, 0)))


def tables() -> list[bytes]:
    """Each table as it ships."""
    return [bytes((nth,)) + FLAT[name] for nth, name in enumerate(TABLES)]


def state(path: Path) -> object:
    """The shelf of packs that has this file as its state."""
    return Shelf(path.parent).state()


def own_identity(path: Path) -> object:
    """The device's, from its data directory."""
    return identity.kept(path.parent, "00330401")


RMC = b"GPRMC,092751.000,A,3045.2400,N,12045.6000,E,0.06,31.66,280511,,,A"
GGA = b"GNGGA,092750.000,3045.2400,N,12045.6000,E,1,8,1.03,61.7,M,55.2,M,,"
EDITION = b'{"version":"v1","in_force_from":"2026-11-01","sha256":"00"}'
PARSERS = (
    Parser("configuration", configuration, (parse.ConfigFaults,), lambda: [CONFIGURATION.encode()], 16_384),
    Parser("hot-list", hot_list, (HotListFaults,), lambda: [BLACK]),
    Parser("hot-map", hot_map, (HotListFaults,), hot_maps, 1_024),
    Parser("hot-delta", hotdelta.parse_delta, (HotListFaults,), hot_deltas),
    Parser("pack", pack, (PackFaults,), tables),
    Parser(
        "zip",
        lambda raw: unzipped(raw, "fuzzed", ROOM, ROOM),
        (ConfigError,),
        lambda: [zipped({"a.txt": b"1", "b/c.txt": b"2"})],
    ),
    Parser("shelf", at("state.json", state), (ConfigError,), lambda: [b'{"active":' + EDITION + b',"waiting":[]}']),
    Parser("identity", at(identity.FILE, own_identity), (ConfigError,), lambda: [WHO]),
    Parser("signals", lambda raw: Signals(text(raw)), (BadSignalTable,), lambda: [SIGNALS.encode()], 20_000),
    Parser("tac-keys", at("tac.toml", KeyFile.read), (BadKeys,), lambda: [b'[tac]\nmohurd = "' + b"0f" * 16 + b'"\n']),
    Parser("vault-keys", at("vault.toml", Vault.read), (BadVault,), lambda: [new_key_file("20261101").encode()]),
    Parser("nmea", sentence, (), lambda: [RMC, GGA], 120),
    Parser("amount", lambda raw: fen_from_text(text(raw)), (BadAmount,), lambda: [b"1.50", b"-0.05"], 64),
)
