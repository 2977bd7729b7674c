"""A signed pack of a megabyte: verified, put on the shelf and switched; beside it bare hash, signature and write."""

import os
import time
from collections.abc import Iterator
from datetime import date
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from apdu.profile import Profile
from config.durable import zipped
from config.model import Configuration
from config.signing.contents import Entry
from tariffs.pack import parse_pack
from terminal import box, packs, signed
from tests.bench.figures import Figure, median, p99
from tests.signing.offices import NOW, OfficeRoom, device, pack_of

MEGABYTE = 1_000_000
ROUNDS = 7
LIMIT_MS = 1_000.0
TODAY = NOW.date()


def load_and_switch(folder: Path) -> Iterator[Figure]:
    """What `smk pack load` does after its imports, and the running device's turn."""
    office = OfficeRoom(folder / "office")
    bus = device(folder)
    signed.trust_of(bus).enrol(office.root)
    profiles = box.load_profiles(bus.cards.profiles)
    loads, switches, floors, parses = [], [], [], []
    for nth in range(ROUNDS):
        raw = zipped(large_pack(f"big-{nth}"))
        office.office().publish("bus", "all", Entry("tariff", f"big-{nth}", TODAY, f"big-{nth}.zip"), raw)
        stick = str(office.stick(f"usb{nth}"))
        began = time.perf_counter()
        assert not signed.load(bus, stick, NOW).refused
        loaded = time.perf_counter()
        _turn(bus, profiles)
        switched = time.perf_counter()
        active = packs.shelf_of(bus).state().active
        assert active is not None and active.version == f"big-{nth}"
        loads.append((loaded - began) * 1000)
        switches.append((switched - loaded) * 1000)
        floors.append(_floor_ms(folder, raw))
        parses.append(_parse_ms(f"big-{nth}"))
    both = [load + switch for load, switch in zip(loads, switches, strict=True)]
    yield Figure("signed pack of 1 MB: verified and switched", median(both), "ms", LIMIT_MS, p99(both), median(floors))
    yield Figure("  its tables read once", median(parses), "ms", note="the pack is read twice on the way")
    yield Figure("  verified, checked, on the shelf", median(loads), "ms", None, p99(loads))
    yield Figure("  checked again and switched", median(switches), "ms", None, p99(switches))


def large_pack(version: str) -> dict[str, bytes]:
    """The shipped pack with thousands of routes: a megabyte of tables."""
    files = pack_of(version, date(2022, 1, 1))
    line = files["routes.txt"].decode().splitlines()[1].partition(",")[2]
    numbers = range(100, 100 + (MEGABYTE - sum(map(len, files.values()))) // (len(line) + 15))
    routes = "".join(f"{number},{line}\n" for number in numbers)
    networks = "".join(f"city,{number}\n" for number in numbers)
    return {
        **files,
        "routes.txt": files["routes.txt"] + routes.encode(),
        "route_networks.txt": files["route_networks.txt"] + networks.encode(),
    }


def _turn(bus: Configuration, profiles: tuple[Profile, ...]) -> None:
    def fail(what: str, why: str) -> None:
        raise AssertionError(f"{what}: {why}")

    packs.Turn(bus, profiles, lambda: None, lambda switch: switch(), fail).take(TODAY)


def _floor_ms(folder: Path, raw: bytes) -> float:
    """Read, hash, check one signature, write, sync: what nobody can do without."""
    source, target = folder / "floor", folder / "floor.out"
    source.write_bytes(raw)
    key = Ed25519PrivateKey.generate()
    signature = key.sign(sha256(raw).digest())
    began = time.perf_counter()
    read = source.read_bytes()
    key.public_key().verify(signature, sha256(read).digest())
    with target.open("wb") as file:
        file.write(read)
        file.flush()
        os.fsync(file.fileno())
    return (time.perf_counter() - began) * 1000


def _parse_ms(version: str) -> float:
    files = large_pack(version)
    began = time.perf_counter()
    parse_pack(files)
    return (time.perf_counter() - began) * 1000
