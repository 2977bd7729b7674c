"""A batch on a stick travels with the terminal's signature, and a backend with an authority takes no other."""

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from config.store import sample
from sync.backend.service import Backend
from sync.batch import path_of
from sync.chain import Identity
from sync.journal import Journal
from sync.proof import HEADER
from terminal import cli, identity
from tests.authorities import City
from tests.serving import KEYS, NOW, counts
from tests.test_worker import taps

NUMBER = "00000001"
FIRST, SECOND = "1-1-4", "1-5-6"


class Round:
    """A terminal's stick and the city's office; the terminal has a certificate unless it is told otherwise."""

    def __init__(self, folder: Path, certified: bool = True) -> None:
        self.city = City(folder)
        self.usb = folder / "usb"
        self.usb.mkdir()
        self.folder = self.usb / "smk-sync" / NUMBER
        Path("terminal.toml").write_text(sample().replace('"/var/lib/smk"', '"data"'), "utf-8")
        identity.keep(Path("data"), Identity(NUMBER, 1, 1))
        with closing(Journal.open(Path("data/journal.db"), Identity(NUMBER, 1, 1), "boot")) as journal:
            taps(journal, 3)
        if certified:
            with self.city.serving():
                self.device = self.city.device("data", NUMBER)

    def smk(self, *words: object, status: int = 0) -> str:
        result = CliRunner().invoke(cli.main, list(map(str, words)))
        assert result.exit_code == status, (result.output, result.exception)
        return result.output

    def export(self) -> None:
        self.smk("sync", "export", "terminal.toml", self.usb)

    def office(self, status: int = 0) -> str:
        with self.city.serving(tls=False):
            where = "--data", "served", "--backend", self.city.address
            return self.smk("backend", "import", self.usb, *where, "--enrol", status=status)

    def proof(self, of: str) -> Path:
        return self.folder / f"{of}.proof"

    def booked(self) -> dict[str, int]:
        with closing(Backend(Path("served"), KEYS, lambda: NOW)) as backend:
            return counts(backend)


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two batches, of four rows and of two."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sync.stick.BATCH_ROWS_MAX", 4)
    return tmp_path


@pytest.fixture
def trip(in_folder: Path) -> Round:
    return Round(in_folder)


def test_each_batch_bears_its_proof_and_is_taken(trip: Round) -> None:
    trip.export()
    names = sorted(one.name for one in trip.folder.iterdir())
    assert names == [f"{FIRST}.batch", f"{FIRST}.proof", f"{SECOND}.batch", f"{SECOND}.proof"]
    assert "6 rows answered" in trip.office()
    assert trip.booked() == {"done": 3}


def test_a_terminal_with_a_certificate_is_not_believed_without_a_proof(trip: Round) -> None:
    trip.export()
    trip.proof(SECOND).unlink()
    said = trip.office(status=1)
    assert "4 rows answered" in said and f"{NUMBER}/{SECOND}.batch" in said and "smk sync export again" in said
    assert not (trip.folder / f"{SECOND}.answer").exists() and trip.booked() == {"done": 2}


def _altered(trip: Round) -> str:
    text = trip.proof(SECOND).read_text("ascii")
    return text[:-4] + ("AAAA" if not text.endswith("AAAA") else "BBBB")


def _of_another_batch(trip: Round) -> str:
    return trip.proof(FIRST).read_text("ascii")


def _of_another_terminal(trip: Round) -> str:
    with trip.city.serving():
        other = trip.city.device("other", "00000002")
    return other.headers(path_of(NUMBER), (trip.folder / f"{SECOND}.batch").read_bytes())[HEADER]


def _for_another_way(trip: Round) -> str:
    return trip.device.headers("/v1/hospital/verdict", (trip.folder / f"{SECOND}.batch").read_bytes())[HEADER]


@pytest.mark.parametrize("forged", [_altered, _of_another_batch, _of_another_terminal, _for_another_way])
def test_a_proof_that_is_not_of_this_batch_by_this_terminal_is_refused(
    trip: Round, forged: Callable[[Round], str]
) -> None:
    trip.export()
    trip.proof(SECOND).write_text(forged(trip), "ascii")
    assert "4 rows answered" in trip.office(status=1)
    assert trip.booked() == {"done": 2}


@pytest.mark.parametrize("raw", [b"", b"a.b.c\r\nX: y", b"a&enrol=yes", b"\xff" * 10, b"a" * 100_000, "link", "pipe"])
def test_a_file_that_is_no_proof_is_refused_by_name_and_the_others_are_taken(trip: Round, raw: bytes | str) -> None:
    trip.export()
    place = trip.proof(SECOND)
    if isinstance(raw, bytes):
        place.write_bytes(raw)
    else:
        place.unlink()
        os.mkfifo(place) if raw == "pipe" else place.symlink_to(trip.proof(FIRST))
    assert f"{NUMBER}/{SECOND}.batch" in trip.office(status=1)
    assert trip.booked() == {"done": 2}


def test_a_revoked_certificate_s_batches_are_refused(trip: Round) -> None:
    trip.export()
    trip.city.registry.revoke(NUMBER)
    assert "was revoked" in trip.office(status=1)
    assert not list(trip.folder.glob("*.answer"))


def test_a_stick_that_is_older_than_a_renewal_is_taken(trip: Round) -> None:
    trip.export()
    with trip.city.serving():
        link = trip.city.link(trip.device)
        trip.device.renew(link)
        link.post(path_of(NUMBER), b"")
        link.close()
    assert "6 rows answered" in trip.office()


def test_a_terminal_that_never_had_a_certificate_is_taken_on_the_operator_s_word(in_folder: Path) -> None:
    trip = Round(in_folder, certified=False)
    trip.export()
    assert not list(trip.folder.glob("*.proof"))
    assert "6 rows answered" in trip.office()


def test_proofs_go_with_their_batches_when_they_need_not_travel_any_more(trip: Round) -> None:
    trip.export()
    with closing(Journal.open(Path("data/journal.db"), Identity(NUMBER, 1, 1), "boot")) as journal:
        journal.acknowledge(4)
    trip.export()
    assert sorted(one.name for one in trip.folder.iterdir()) == [f"{SECOND}.batch", f"{SECOND}.proof"]


def test_a_key_that_cannot_be_used_is_said_and_no_unsigned_batch_is_written(trip: Round) -> None:
    Path("data/credential/current.pem").write_text("no key\n")
    said = trip.smk("sync", "export", "terminal.toml", trip.usb, status=1)
    assert "the device's key cannot be used" in said and not list(trip.folder.glob("*.batch"))
