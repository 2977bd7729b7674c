"""The entitlement store with a city's insured: one person looked up, and the daily delta applied."""

import random
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

from sync.entitlements import Entitlements, Person, build_delta, place
from sync.vault import Vault
from tests.bench.figures import Figure, median, p99

INSURED = 870_000
CHANGED = 45_000
"""Persons in a daily delta: those with a settlement on that day (a twentieth), and changes of employer and scheme."""
VALUE_BYTES = 400
LOOKUPS = 2_000


def store(folder: Path, insured: int = INSURED, changed: int = CHANGED) -> Iterator[Figure]:
    """Fill a store, look persons up at random, apply a day's delta."""
    vault = Vault({"bench": bytes(32)})
    value = random.Random(1).randbytes(VALUE_BYTES)
    at = "2026-11-24T02:00:00+08:00"
    refs = [vault.ref("person", str(number)) for number in range(insured)]

    def persons(some: list[str], version: int) -> Iterator[Person]:
        for ref in some:
            sealed = vault.seal(value, place(ref, version))
            yield Person(ref, version, sealed.key, b64encode(sealed.data).decode("ascii"))

    opened = Entitlements(folder / "entitlements.db", vault)
    try:
        whole = build_delta("insured", 0, 1, at, persons(refs, 1))
        began = time.perf_counter()
        opened.apply(whole)
        filling = time.perf_counter() - began
        del whole
        chance = random.Random(2)
        times = []
        for ref in chance.choices(refs, k=LOOKUPS):
            began = time.perf_counter()
            assert opened.find(ref) == value
            times.append(time.perf_counter() - began)
        name = f"an entitlement of {insured:,} looked up and opened"
        yield Figure(name, median(times) * 1e3, "ms", limit=1.0, p99=p99(times) * 1e3)
        delta = build_delta("insured", 1, 2, at, persons(chance.sample(refs, changed), 2))
        began = time.perf_counter()
        opened.apply(delta)
        note = f"{len(delta) / 1e6:.0f} MB; the whole list takes {filling:.0f} s"
        yield Figure(f"a daily delta of {changed:,} persons", time.perf_counter() - began, "s", limit=10.0, note=note)
    finally:
        opened.close()
