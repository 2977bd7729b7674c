"""A city's collector end to end, beside psycopg's bare COPY and ON CONFLICT with the same rows and batches."""

import pickle
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from itertools import repeat
from pathlib import Path

import psycopg

from sync.backend.postgres.bookkeeper import Bookkeeper
from sync.backend.postgres.service import City
from sync.batch import heads
from sync.chain import Identity
from sync.record import GENESIS, decode
from tests.bench.city_rows import debits
from tests.bench.figures import Figure, median
from tests.fleet_wire import Wire, packed
from tests.serving import KEYS, NOW
from tests.stores import city_database
from tests.test_city import city

ROWS_EACH = 200
TERMINALS, BATCHES, ROUNDS = 64, 1, 5
SHARE_MIN = 0.60

CITY_ROWS, CATCH_UP_SECONDS = 4_500_000, 180.0
BOOKS_SECONDS = 600.0
CITY_TERMINALS = 2_000
WIRE_BYTES_MAX = 5_200

_COPY = "copy coming (terminal, epoch, seq, kind, raw, head) from stdin (format binary)"
_INSERT = "insert into bare select coming.*, current_date from coming on conflict do nothing"

Rows = dict[str, list[bytes]]
"""Rows, or batches of them, by terminal."""


def collectors(folder: Path) -> Iterator[Figure]:
    """What a batch weighs, a collector's rate, and a city that catches up, by a sample."""
    yield from on_the_wire()
    yield from beside_bare_copy(folder)
    yield from catching_up(folder, CITY_TERMINALS // 10, 4)


def whole_city(folder: Path) -> Iterator[Figure]:
    """All rows of three days of outage."""
    yield from catching_up(folder, CITY_TERMINALS, CITY_ROWS // CITY_TERMINALS // ROWS_EACH)


def on_the_wire() -> Iterator[Figure]:
    """The bytes of 200 rows."""
    who = Identity("31400001", 1, 1)
    for what, record in (("with the composite record", True), ("without it", False)):
        rows = list(debits(who, random.Random(1), ROWS_EACH, record))
        size = len(packed(who, rows).batches[0])
        note = f"{sum(map(len, rows))} bytes of rows"
        yield Figure(f"200 rows on the wire, {what}", size, "B", WIRE_BYTES_MAX, note=note)


def beside_bare_copy(folder: Path) -> Iterator[Figure]:
    """One collector and one bare writer in turn, on the same server; the load is another process."""
    with city_database() as line, city(line, folder, "--no-books", "--workers", "1") as (address, _):
        chance = random.Random(1)
        bare_rates, rates = [], []
        for _ in range(ROUNDS):
            terminals = enrolled(address, TERMINALS)
            rows = {name: list(debits(who, chance, BATCHES * ROWS_EACH)) for name, who in terminals.items()}
            total = sum(map(len, rows.values()))
            batches = {name: packed(who, rows[name]).batches for name, who in terminals.items()}
            rates.append(total / through_http(address, folder / "load", batches))
            bare_rates.append(total / bare(line, rows, terminals))
        ratio = median([floor / ours for ours, floor in zip(rates, bare_rates, strict=True)])
        note = f"{median(rates):.0f} rows/s, bare {median(bare_rates):.0f}"
        yield Figure("bare COPY's rate over a collector's", ratio, "x", 1 / SHARE_MIN, note=note)


def catching_up(folder: Path, terminals: int, batches: int) -> Iterator[Figure]:
    """Seconds for the city's 4.5 million rows through two collectors, by so many terminals with so many batches; then
    for the books to follow."""
    with city_database() as line:
        with city(line, folder, "--no-books", "--workers", "2") as (address, _):
            known = enrolled(address, terminals)
            with ProcessPoolExecutor() as makers:
                made = makers.map(batches_of, known.values(), repeat(batches), chunksize=10)
                sent = dict(zip(known, made, strict=True))
            total = terminals * batches * ROWS_EACH
            took = through_http(address, folder / "load", sent)
        note = f"{total} rows in {took:.1f} s"
        yield Figure("a city catches up 4.5 million rows", took * CITY_ROWS / total, "s", CATCH_UP_SECONDS, note=note)
        took = books_following(line, total)
        note = f"{total / took:.0f} rows/s"
        yield Figure("  and its books follow", took * CITY_ROWS / total, "s", BOOKS_SECONDS, note=note)


def batches_of(who: Identity, batches: int) -> list[bytes]:
    """So many full batches of a bus, the same for the same identity."""
    return packed(who, list(debits(who, random.Random(who.terminal), batches * ROWS_EACH, proven=True))).batches


def books_following(line: str, rows: int) -> float:
    """Seconds until all rows are in the books, every TAC computed anew."""
    made = City(line, lambda: NOW)
    try:
        started = time.perf_counter()
        assert Bookkeeper(made, KEYS, lambda: NOW).catch_up() == rows
        took = time.perf_counter() - started
        with made.question() as database:
            assert database.table("charge").count_where("state = 'done' and proven = 1") == rows // 2
        return took
    finally:
        made.close()


def enrolled(address: str, terminals: int) -> dict[str, Identity]:
    """New epochs of so many terminals."""
    names = [f"{number:08d}" for number in range(terminals)]
    with closing(Wire(address)) as wire:
        told = [wire.post(f"/v1/terminals/{name}/enrol", b"")[1] for name in names]
    return {one["terminal"]: Identity(one["terminal"], one["epoch"], one["first_serial"]) for one in told}


def through_http(address: str, file: Path, batches: Rows) -> float:
    """Seconds until all rows of each terminal's batches are acknowledged."""
    file.write_bytes(pickle.dumps(batches))
    command = [sys.executable, "-m", "tests.bench.city_load", address, str(file)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True, timeout=1_800).stdout)


def bare(line: str, rows: Rows, terminals: dict[str, Identity]) -> float:
    """Seconds that psycopg takes for the same rows in a table of the same shape, a commit for each batch."""
    with psycopg.connect(line) as link:
        link.execute("drop table if exists bare")
        link.execute("create table bare (like fresh_row including all) partition by hash (terminal)")
        for part in range(8):
            sql = f"create table bare_{part} partition of bare for values with (modulus 8, remainder {part})"
            link.execute(sql.encode())
        link.execute("create temporary table coming (like bare) on commit delete rows")
        link.execute("alter table coming drop column taken")
        link.commit()
        batches = []
        for name, of_one in rows.items():
            found = [
                (name, terminals[name].epoch, seq, decode(raw).event.__struct_config__.tag, raw, head)
                for seq, (raw, head) in enumerate(zip(of_one, heads(GENESIS, of_one), strict=True), 1)
            ]
            batches += [found[low : low + ROWS_EACH] for low in range(0, len(found), ROWS_EACH)]
        started = time.perf_counter()
        for batch in batches:
            with link.cursor() as cursor:
                with cursor.copy(_COPY) as copy:
                    copy.set_types(["text", "int8", "int8", "text", "bytea", "bytea"])
                    for row in batch:
                        copy.write_row(row)
                cursor.execute(_INSERT)
            link.commit()
        return time.perf_counter() - started
