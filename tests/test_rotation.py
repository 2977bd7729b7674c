"""The authority's root is changed: old and new are believed for a time, and terminals learn the new over the old."""

import os
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from sync.backend.authority import FORMER_KEY, Authority, BadAuthority, read_root
from sync.backend.rotation import behind, end, rotate
from sync.link import LinkDown
from terminal.cli import main
from terminal.credential import Credential, NotCertified
from terminal.trust import learned
from tests.authorities import NUMBER, City
from tests.serving import NOW

BATCHES = f"/v1/terminals/{NUMBER}/batches"
OTHER = "00330402"
PASSPHRASE = b"a passphrase of a test"


@pytest.fixture
def city(tmp_path: Path) -> City:
    (tmp_path / "pass").write_bytes(PASSPHRASE + b"\n")
    return City(tmp_path)


def changed(city: City) -> None:
    """The root is changed, and the backend about to be started again."""
    rotate(city.folder / "authority", city.folder / "pass", city.now)
    city.reread()


def believed(credential: Credential, city: City, name: str) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates((city.folder / name / "credential" / "root.pem").read_bytes())


def test_a_terminal_learns_the_new_root_over_the_old_and_goes_on_when_that_is_ended(city: City) -> None:
    old = city.authority.root
    with city.serving():
        one, late = city.device("one"), city.device("late", OTHER)
        assert city.link(one).post(BATCHES, b"").renew is False
    changed(city)
    new = city.authority.root
    with city.serving():  # with a new certificate of the collector
        assert behind(city.folder / "authority", city.registry) == [NUMBER, OTHER]
        link = city.link(one)
        assert link.post(BATCHES, b"").renew, "it knows the old root alone, and is heard"
        one.renew(link)
        assert believed(one, city, "one") == [new, old]
        assert link.post(BATCHES, b"").renew is False
        link.close()
        assert behind(city.folder / "authority", city.registry) == [OTHER]
        fresh = city.device("fresh", "00330403")
        assert believed(fresh, city, "fresh") == [new]
    end(city.folder / "authority")
    city.reread()
    assert not (city.folder / "authority" / FORMER_KEY).exists()
    with city.serving():
        link = city.link(one)
        assert link.post(BATCHES, b"").status == 400, "heard: no batch, but signed by who may"
        city.later(50)
        one.renew(link)
        assert believed(one, city, "one") == [new]
        link.close()
        with pytest.raises(LinkDown):
            city.link(late).post(f"/v1/terminals/{OTHER}/batches", b"")


def test_a_collector_with_its_old_certificate_is_reached_by_who_has_learned_the_new_root(city: City) -> None:
    pair = city.folder / "collector.pem"
    with city.serving():
        one, before = city.device("one"), pair.read_bytes()
    changed(city)
    with city.serving():
        one.renew(city.link(one))
        assert pair.read_bytes().count(b"BEGIN CERTIFICATE") == 2, "its own and the link"
    pair.write_bytes(before)
    with city.serving(renewed=False):
        assert city.link(one).post(BATCHES, b"").status == 400


def test_a_code_of_before_the_change_is_void(city: City) -> None:
    code = city.code()
    changed(city)
    with city.serving(), pytest.raises(NotCertified, match="not the backend that made the code"):
        Credential(city.folder / "one", "", NUMBER).enrol(city.address, code)


def made(folder: Path, name: str = "Test") -> Authority:
    return Authority.create(folder, PASSPHRASE, name, datetime.fromisoformat(NOW))


def test_a_root_is_believed_only_when_a_known_one_vouches_for_it(tmp_path: Path) -> None:
    old, new, stranger = (made(tmp_path / name) for name in ("old", "new", "stranger"))
    named_otherwise = made(tmp_path / "other", "Other")
    request = x509.CertificateSigningRequestBuilder().subject_name(old.root.subject)
    key = ec.generate_private_key(ec.SECP256R1())
    device = old.certify(request.sign(key, SHA256()), NUMBER, datetime.fromisoformat(NOW))
    link = old.vouch(new.root)
    assert learned([old.root], new.root, old.root, link) == [new.root, old.root]
    assert learned([old.root], new.root, None, link) == [new.root]
    assert learned([new.root, old.root], new.root) == [new.root]
    assert learned([new.root], new.root, old.root, link) == [new.root], "none is learned as the former one"
    for root, vouched in (
        (new.root, None),
        (new.root, stranger.vouch(new.root)),
        (stranger.root, link),
        (stranger.root, stranger.root),
        (device, device),
        (named_otherwise.root, old.vouch(named_otherwise.root)),
    ):
        assert learned([old.root], root, old.root, vouched) == [old.root]


@pytest.mark.parametrize("steps", range(3))
def test_a_change_that_is_cut_off_goes_on_with_the_same_command(
    city: City, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, old, left = city.folder / "authority", city.authority.root, [steps]

    def replace(source: Path, target: Path) -> None:
        if not left[0]:
            raise OSError("the power is gone")
        left[0] -= 1
        os.rename(source, target)

    with monkeypatch.context() as patched:
        patched.setattr("sync.backend.rotation.os.replace", replace)
        with pytest.raises(OSError, match="the power"):
            rotate(folder, city.folder / "pass", city.now)
    rotate(folder, city.folder / "pass", city.now)
    again = Authority.read(folder, city.folder / "pass")
    assert again.overlap is not None and again.overlap.former == old != again.root == read_root(folder)
    assert learned([old], again.root, old, again.overlap.link) == [again.root, old]
    with pytest.raises(BadAuthority, match="still believed"):
        rotate(folder, city.folder / "pass", city.now)


def test_the_commands_say_who_is_behind_and_end_the_former_root_only_then_or_anyway(city: City) -> None:
    place, store = ["--authority", str(city.folder / "authority")], ["--registry", str(city.folder / "registry.db")]

    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(main, ["authority", *arguments, *place])
        return done.exit_code, done.output

    with city.serving():
        city.device("one")
    assert "no former root" in run("former", *store)[1]
    status, told = run("rotate", "--passphrase-file", str(city.folder / "pass"))
    assert status == 0 and "根证书已更换" in told and "smk authority collector" in told
    status, told = run("former", "--end", *store)
    assert status == 1 and f"behind: {NUMBER}" in told and (city.folder / "authority" / FORMER_KEY).exists()
    status, told = run("former", "--end", "--anyway", *store)
    assert status == 0 and "ended" in told and not (city.folder / "authority" / FORMER_KEY).exists()
    assert read_root(city.folder / "authority") != city.authority.root
