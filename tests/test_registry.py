"""The registry over both of its stores, and by two collectors at once."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import msgspec
import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from sync.backend.custody import Custody
from sync.backend.hospital import Hospital
from sync.backend.postgres import schema
from sync.backend.registry import Registry
from sync.backend.sql import open_sql
from sync.chain import Identity
from sync.journal import Journal
from sync.limits import UNAVAILABLE_SECONDS
from sync.session import State
from sync.worker import enrol
from tests import stores
from tests.authorities import NUMBER, City
from tests.counters import VAULT, policy
from tests.postgres import cluster
from tests.serving import Terminal, alarms, counts, wait_until
from tests.test_custody import PSAM, paid, started
from tests.test_identity import ask, worker
from tests.test_worker import taps

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


def test_terminals_wait_while_the_database_is_away_and_go_on_when_it_is_back(tmp_path: Path) -> None:
    with cluster() as server, closing(Journal.open(tmp_path / "journal.db", Identity(NUMBER, 1, 1), "boot")) as journal:
        with psycopg.connect(server.line("postgres")) as tables:
            schema.create(tables)
        city = City(tmp_path, line=server.line("postgres"))
        with city.serving() as backend:
            credential = city.device("one")
            link = city.link(credential)
            assert enrol(link, NUMBER) == Identity(NUMBER, 1, 1)
            taps(journal, 1)
            sync = worker(journal, link, credential)
            ask(sync)
            assert journal.acknowledged == 2
            server.kill()
            taps(journal, 1)
            for path in (BATCHES, f"/v1/terminals/{NUMBER}/certificate", "/v1/hospital/insured"):
                answer = link.post(path, b"")
                assert (answer.status, answer.retry_after) == (503, str(UNAVAILABLE_SECONDS)), path
                assert b'"problem":"unavailable"' in answer.body
            ask(sync)
            assert journal.acknowledged == 2 and sync.session.state is State.WAITING
            server.start()
            deadline = time.monotonic() + 60
            while journal.acknowledged < 4:
                assert time.monotonic() < deadline
                ask(sync)
            link.close()
            wait_until(lambda: counts(backend) == {"done": 2}, 60)
        city.registry.sql.close()


def test_a_key_that_another_device_took_the_place_of_gets_a_certificate_that_holds(city: City) -> None:
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NUMBER)])
    first, second = (x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, SHA256()) for key in keys)
    given = []
    for request in (first, first, second, first):
        made = city.authority.certify(request, NUMBER, city.now)
        given.append(x509.load_der_x509_certificate(city.registry.enrol(NUMBER, made, False)).serial_number)
    states = {kept.serial: kept.state for kept in city.registry.of(NUMBER)}
    assert given[0] == given[1] and len(set(given)) == 3
    assert [states[f"{serial:x}"] for serial in given[1:]] == ["superseded", "superseded", "current"]


def test_a_terminal_is_told_of_its_own_bills_alone(tmp_path: Path) -> None:
    city = City(tmp_path)
    with city.serving() as backend:
        backend.hospital = Hospital(VAULT, policy())
        link = city.link(city.device("one"))
        for number, status in ((NUMBER, 200), ("00330402", 403)):
            asked: list[tuple[str, dict[str, object]]] = [
                ("verdict", {"operation": f"{number}000100000001"}),
                ("statement", {"terminal": number, "day": "20240506"}),
                ("corrections", {"terminal": number}),
            ]
            for name, question in asked:
                assert link.post(f"/v1/hospital/{name}", msgspec.json.encode(question)).status == status, (name, number)
        assert link.post("/v1/hospital/insured", msgspec.json.encode({"person": "0" * 32})).status == 200
        link.close()
    city.registry.sql.close()


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
