"""The backend's side of the fleet: a real PostgreSQL, real collectors, the office that gives out packs and lists."""

import subprocess
import sys
import time
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import psycopg

from config import hotdelta, hotmap
from config.hotlist import City as Listed
from config.hotlist import HotList, Version
from sync.backend.postgres import schema
from tariffs.pack import parse_pack
from tests.fleet.device import Releases
from tests.postgres import Cluster
from tests.serving import MASTER
from tests.test_pack import pack_files

BOOKS_SECONDS = 3_600
DAY = date(2026, 11, 23)
NEW_PACK = "jiaxing-flat-2"


def released(folder: Path, listed: Iterable[str]) -> Releases:
    """Two tariffs, and a hot list with the delta by which `listed` cards come onto it."""
    files = pack_files("jiaxing-flat")
    dearer = {
        "pack.toml": files["pack.toml"].replace(b"jiaxing-flat-1", NEW_PACK.encode()),
        "fare_products.txt": files["fare_products.txt"].replace(b"card,1.00", b"card,1.20"),
    }
    packs = [parse_pack(files), parse_pack(files | dearer)]
    before = _list({16 * serial: 0 for serial in range(10**6, 10**6 + 2_000)}, 0)
    cards = {int(number[4:]): 0 for number in listed} | {16 * serial: 0 for serial in range(10**6, 10**6 + 2_000)}
    after = _list(cards, 1)
    delta = folder / "day.delta"
    delta.write_bytes(hotdelta.build_delta(before, after, hotmap.build(after)[-hotmap.DIGEST_BYTES :]))
    return Releases({pack.version: pack for pack in packs}, hotmap.build(before), delta, after.version)


def _list(cards: dict[int, int], revision: int) -> HotList:
    return HotList.of(Version(DAY, revision), {"3140": Listed.of(cards.items())})


_ALARMS = "select terminal, what, detail from alarm order by 1, 2"


class City:
    """One database server, and two collectors with the bookkeeper over it."""

    def __init__(self, folder: Path, keys: str = f'[tac]\nmohurd = "{MASTER.hex()}"\n', *more: str) -> None:
        """`keys`: the text of the key file; `more`: further options of the backend."""
        self._keys = folder / "keys.toml"
        self._keys.write_text(keys)
        self._more = more
        self._versions: dict[str, str] = {}
        self._port = 0
        self._backend: subprocess.Popen[str] | None = None
        self._backup: Cluster | None = None
        self._cluster = Cluster()
        self._cluster.create()
        self._cluster.start()
        with psycopg.connect(self._cluster.line("postgres"), autocommit=True) as link:
            link.execute("create database city")
        with psycopg.connect(self.line) as link:
            schema.create(link)
        self.open()

    @property
    def line(self) -> str:
        """The database's connection string."""
        return self._cluster.line("city")

    @property
    def address(self) -> str:
        """The collectors' address, the same all the time."""
        return f"http://127.0.0.1:{self._port}"

    def open(self) -> None:
        """Start the collectors."""
        told = [part for name, value in self._versions.items() for part in ("--version", f"{name}={value}")]
        command = [sys.executable, "-m", "sync.backend", "--database", self.line, "--keys", str(self._keys), *told]
        more = ["--port", str(self._port), "--workers", "2", *self._more]
        pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
        self._backend = subprocess.Popen([*command, *more], stdout=pipe, stderr=nothing, text=True)
        assert self._backend.stdout is not None
        said = self._backend.stdout.readline()
        assert said.startswith("backend ready"), said
        self._port = int(said.rsplit(":", 1)[1])

    def shut(self) -> None:
        """Stop them."""
        if self._backend is not None:
            self._backend.terminate()
            self._backend.wait(60)
            self._backend = None

    def publish(self, name: str, version: str) -> None:
        """From now on every answer tells this version."""
        self._versions[name] = version
        self.shut()
        self.open()

    def back_up(self) -> None:
        """A copy of the database as it is now."""
        self._backup = Cluster()
        self._backup.copy(self._cluster, "yesterday")

    def restore(self) -> None:
        """The server is lost; yesterday's copy takes its place."""
        assert self._backup is not None
        self.shut()
        self._cluster.remove()
        self._cluster, self._backup = self._backup, None
        self._cluster.settings["primary_conninfo"] = ""
        self._cluster.start()
        self._cluster.promote()
        self.open()

    def acknowledged(self) -> int:
        """Rows that are committed, of all terminals."""
        with psycopg.connect(self.line) as link:
            found = link.execute("select coalesce(sum(ack), 0) from stream").fetchone()
        assert found is not None
        return int(found[0])

    def wait_for_the_books(self) -> None:
        """Until the bookkeeper has entered every committed row."""
        deadline = time.monotonic() + BOOKS_SECONDS
        query = "select count(*) from stream left join entered using (terminal, epoch) where ack > coalesce(seq, 0)"
        with psycopg.connect(self.line, autocommit=True) as link:
            while (link.execute(query.replace("(seq", "(entered.seq").encode()).fetchone() or [0])[0]:
                assert time.monotonic() < deadline, "the books do not come to an end"
                time.sleep(0.2)

    def booked_fen(self) -> int:
        """What the books have taken from cards, less what they have loaded."""
        paid, loaded = "select coalesce(sum(paid_fen), 0) from charge", "select coalesce(sum(amount_fen), 0) from load"
        query = f"select ({paid}) - ({loaded})"
        with psycopg.connect(self.line) as link:
            found = link.execute(query.encode()).fetchone()
        assert found is not None
        return int(found[0])

    def told_alarms(self) -> list[str]:
        """The books' alarms, each in words."""
        with psycopg.connect(self.line) as link:
            return [f"{name}: alarm {what} {told}" for name, what, told in link.execute(_ALARMS)]

    def end(self) -> None:
        """Take everything away."""
        self.shut()
        for cluster in (self._cluster, self._backup):
            if cluster is not None:
                cluster.remove()
