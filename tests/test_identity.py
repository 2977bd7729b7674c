"""Enrolment with a code, certificates over real TLS, renewal, expiry, revocation, a copied device."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.backend.operator import TOKEN
from sync.chain import Identity
from sync.journal import Journal
from sync.link import HttpAnswer, Link, LinkDown
from sync.session import State
from sync.worker import Worker, enrol
from terminal.credential import Credential, NotCertified
from tests.authorities import NUMBER, City
from tests.serving import alarms, counts
from tests.test_worker import taps

BATCHES = f"/v1/terminals/{NUMBER}/batches"


@pytest.fixture
def city(tmp_path: Path) -> City:
    return City(tmp_path)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal.open(tmp_path / "journal.db", Identity(NUMBER, 1, 1), "boot")
    yield journal
    journal.close()


def worker(journal: Journal, link: Link, credential: Credential) -> Worker:
    def renew(link: Link) -> str:
        credential.renew(link)
        return ""

    return Worker(journal, link, lambda versions: None, lambda what, detail: None, renew=renew)


def ask(sync: Worker) -> None:
    """One exchange, whatever the session waits for."""
    if sync.session.state is State.CALM:
        sync.session.woken()
    elif sync.session.state is not State.ASKING:
        sync.session.due()
    sync.ask()


def refused(answer: HttpAnswer, problem: str) -> bool:
    return answer.status == 403 and f'"problem":"{problem}"'.encode() in answer.body


def test_a_device_enrols_with_a_code_and_its_rows_arrive_over_tls(city: City, journal: Journal) -> None:
    taps(journal, 3)
    with city.serving() as backend:
        credential = city.device("one")
        link = city.link(credential)
        assert enrol(link, NUMBER) == Identity(NUMBER, 1, 1)
        worker(journal, link, credential).ask()
        link.close()
        assert journal.acknowledged == journal.last_seq == 6
        assert counts(backend) == {"done": 3} and alarms(backend) == []
    key = city.folder / "one" / "credential" / "current.pem"
    assert key.stat().st_mode & 0o777 == 0o600 and key.parent.stat().st_mode & 0o777 == 0o700


def test_nobody_without_a_certificate_is_heard(city: City) -> None:
    with city.serving():
        credential = city.device("one")
        bare = Link(city.address, trust=credential.context())  # TLS with its certificate, no signature
        assert refused(bare.post(BATCHES, b""), "not_signed")
        for path in ("/v1/report", "/v1/terminals", "/v1/xf", "/v1/lock-report"):
            assert bare.get(path).status == 401
        assert bare.post("/v1/loads", b"[]").status == 401
        assert bare.get("/v1/health").status == 200
        bare.close()
        token = (city.folder / "served" / TOKEN).read_text().strip()
        office = Link(city.address, trust=credential.context(), token=token)
        assert office.get("/v1/report").status == 200
        assert refused(office.post(BATCHES, b""), "not_signed")
        office.close()


def test_a_terminal_speaks_for_itself_alone(city: City) -> None:
    with city.serving():
        link = city.link(city.device("one"))
        assert refused(link.post("/v1/terminals/00330402/batches", b""), "not_yours")
        assert link.post(BATCHES, b"").status == 400  # it passes, and is no batch
        link.close()


def test_tls_must_show_the_certificate_that_signs(city: City) -> None:
    with city.serving():
        one, other = city.device("one"), city.device("two", "00330402")

        class Mixed(Credential):
            def context(self):  # type: ignore[no-untyped-def]
                return other.context()

        link = city.link(Mixed(city.folder / "one", "", NUMBER))
        assert refused(link.post(BATCHES, b""), "not_yours")
        link.close()
        link = city.link(one)
        assert link.post(BATCHES, b"").status == 400
        link.close()


def test_a_device_does_not_speak_to_a_backend_of_another_root(city: City, tmp_path: Path) -> None:
    stranger = City(tmp_path / "stranger")
    with city.serving(), stranger.serving():
        credential = city.device("one")
        with pytest.raises(LinkDown, match="CERTIFICATE_VERIFY_FAILED"):
            stranger.link(credential).post(BATCHES, b"")
        with pytest.raises(NotCertified, match="not the backend that made the code"):
            Credential(tmp_path / "new", "", NUMBER).enrol(stranger.address, city.code())


def test_a_certificate_is_renewed_from_half_of_its_life_on(city: City, journal: Journal) -> None:
    with city.serving():
        credential = city.device("one")
        link = city.link(credential)
        enrol(link, NUMBER)
        sync = worker(journal, link, credential)
        first = credential.certificate()
        city.later(44)
        ask(sync)
        assert credential.certificate() == first
        city.later(2)
        ask(sync)  # is told, and renews
        second = credential.certificate()
        assert second != first and second.public_key() != first.public_key()
        taps(journal, 1)
        ask(sync)
        assert journal.acknowledged == 2
        link.close()
    assert sorted(kept.state for kept in city.registry.of(NUMBER)) == ["current", "superseded"]


def test_an_expired_certificate_still_uploads_and_renews_and_does_nothing_else(city: City, journal: Journal) -> None:
    with city.serving():
        credential = city.device("one")
        link = city.link(credential)
        enrol(link, NUMBER)
        taps(journal, 2)
        city.later(400)
        assert refused(link.post(f"/v1/terminals/{NUMBER}/enrol", b""), "expired")
        sync = worker(journal, link, credential)
        ask(sync)
        assert journal.acknowledged == 4
        assert credential.certificate().not_valid_after_utc > city.now
        assert link.post(f"/v1/terminals/{NUMBER}/enrol", b"").status == 200
        link.close()


def test_a_renewal_whose_answer_was_lost_is_the_same_renewal(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    with city.serving():
        credential = city.device("one")
        link = city.link(credential)
        post = link.post

        def lost(path: str, body: bytes, encoding: str = "") -> HttpAnswer:
            post(path, body, encoding)
            raise LinkDown("lost")

        monkeypatch.setattr(link, "post", lost)
        with pytest.raises(LinkDown):
            credential.renew(link)
        monkeypatch.undo()
        assert link.post(BATCHES, b"").status == 400  # the one before still counts
        credential.renew(link)
        assert link.post(BATCHES, b"").status == 400
        link.close()
    assert sorted(kept.state for kept in city.registry.of(NUMBER)) == ["current", "superseded"]


def test_a_revoked_certificate_is_refused_at_once_and_a_new_code_lets_the_terminal_in(city: City) -> None:
    with city.serving():
        credential = city.device("one")
        link = city.link(credential)
        assert city.registry.revoke(NUMBER) == 1
        assert refused(link.post(BATCHES, b""), "not_enrolled")
        credential.enrol(city.address, city.code())
        assert link.post(BATCHES, b"").status == 400
        link.close()


def copy_of(city: City, name: str) -> Credential:
    shutil.copytree(city.folder / name, city.folder / f"copy of {name}")
    return Credential(city.folder / f"copy of {name}", "", NUMBER)


def test_two_devices_with_one_identity_are_noticed_and_one_is_stopped(city: City, journal: Journal) -> None:
    with city.serving() as backend:
        credential = city.device("one")
        link = city.link(credential)
        enrol(link, NUMBER)
        sync = worker(journal, link, credential)
        ask(sync)
        copy = city.link(copy_of(city, "one"))
        assert copy.post(BATCHES, b"").standing == "in_service"  # a restart would look the same
        assert alarms(backend) == []
        ask(sync)  # the first one comes back: now they are two; it is told to take a new certificate
        assert alarms(backend) == ["two_devices"]
        answer = copy.post(BATCHES, b"")
        assert refused(answer, "not_enrolled") and answer.standing == "stopped"
        ask(sync)
        taps(journal, 1)
        ask(sync)
        assert journal.acknowledged == 2
        restarted = city.link(Credential(city.folder / "copy of one", "", NUMBER))
        assert restarted.post(BATCHES, b"").standing == "stopped"
        for each in (link, copy, restarted):
            each.close()


def test_a_copy_that_slept_over_a_renewal_is_stopped_at_its_first_word(city: City) -> None:
    with city.serving() as backend:
        credential = city.device("one")
        copy = city.link(copy_of(city, "one"))
        link = city.link(credential)
        credential.renew(link)
        assert link.post(BATCHES, b"").standing == "in_service"
        assert copy.post(BATCHES, b"").standing == "stopped"
        assert alarms(backend) == ["two_devices"]
        assert link.post(BATCHES, b"").standing == "in_service"
        copy.close()
        link.close()


def test_a_device_that_restarts_often_is_one_device(city: City) -> None:
    with city.serving() as backend:
        city.device("one")
        for _ in range(10):
            link = city.link(Credential(city.folder / "one", "", NUMBER))
            for _ in range(2):
                assert link.post(BATCHES, b"").standing == "in_service"
            link.close()
        assert alarms(backend) == []


def test_a_backend_whose_certificate_ended_before_the_device_s_own_began_is_refused(city: City) -> None:
    with city.serving():
        credential = city.device("one")
    city.later(826)  # the collector's lived 825 days
    with city.serving(renewed=False):
        link = city.link(credential)
        credential.renew(link)  # until now nothing that the device knows says what day it is
        with pytest.raises(LinkDown, match="certificate ended on"):
            link.post(BATCHES, b"")
        link.close()
    with city.serving():
        link = city.link(credential)
        assert link.post(BATCHES, b"").status == 400
        link.close()
