"""The registry over both of its stores, and by two collectors at once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sync.backend.custody import Custody
from sync.backend.registry import Registry
from sync.backend.sql import open_sql
from sync.worker import enrol
from tests import stores
from tests.authorities import NUMBER, City
from tests.serving import Terminal, alarms, counts
from tests.test_custody import PSAM, paid, started

BATCHES = f"/v1/terminals/{NUMBER}/batches"


@pytest.fixture
def city(tmp_path: Path, city_line: str) -> Iterator[City]:
    made = City(tmp_path, line=stores.empty(city_line))
    for table in ("certificate", "code", "standing", "psam"):
        made.registry.sql.query(f"delete from {table}")
    yield made
    made.registry.sql.close()


def test_a_city_knows_its_terminals_as_one_counter_does(city: City) -> None:
    with city.serving() as backend:
        credential = city.device("one")
        link = city.link(credential)
        assert enrol(link, NUMBER).terminal == NUMBER  # type: ignore[union-attr]
        city.later(50)
        assert link.post(BATCHES, b"").renew
        credential.renew(link)
        assert link.post(BATCHES, b"").standing == "in_service"
        assert city.registry.revoke(NUMBER) == 1
        assert link.post(BATCHES, b"").status == 403
        link.close()
        other = Terminal(backend, "00330499")
        other.add(started(PSAM))
        other.send()
        assert alarms(backend) == []  # whoever looks has the books kept
        assert [bound.psam for bound in Custody(city.registry).of("00330499")] == [PSAM]
        Custody(city.registry).report_psam(PSAM, "20240506")
        paid(other, "20240506000000", 1)
        assert other.send(2).quarantined == [2, 3]
        assert counts(backend) == {} and alarms(backend) == ["quarantined", "quarantined"]


@pytest.mark.parametrize("store", ["file", "database"])
def test_of_many_at_once_one_key_gets_the_code(store: str, city: City, tmp_path: Path) -> None:
    place = city.line if store == "database" else str(tmp_path / "shared.db")
    registries = [Registry(open_sql(place)) for _ in range(4)]
    code = registries[0].new_code(NUMBER, city.root, city.now.replace(year=city.now.year + 1), lambda size: bytes(size))
    with ThreadPoolExecutor(4) as pool:
        tries = [pool.submit(each.use_code, NUMBER, code, f"key {n}", city.now) for n, each in enumerate(registries)]
        assert sorted(one.result() == "" for one in tries) == [False, False, False, True]
    for each in registries:
        each.sql.close()
