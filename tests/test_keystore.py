"""Keys in a token: the device's own and the TAC masters never leave it, and everything works as with files."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from pkcs11 import Attribute, ObjectClass
from pkcs11.exceptions import AttributeSensitive

from apdu import crypto
from sync.backend.keys import BadKeys, KeyFile, Masters, UnknownScheme
from sync.backend.masters import bring_in, check_values, read_masters, seal
from sync.backend.service import Backend
from sync.chain import Identity
from sync.keystore import KeyTrouble, Token, TokenKey, read_key, session_on, token_of, write_new
from sync.link import LinkDown
from sync.settlement import tac_data
from sync.worker import enrol
from terminal.credential import Credential
from tests.authorities import NUMBER, City
from tests.rows import done
from tests.serving import NOW, Terminal, alarms, counts
from tests.tokens import LABEL, softhsm, tpm

BATCHES = f"/v1/terminals/{NUMBER}/batches"


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield softhsm(tmp_path_factory.mktemp("hsm"))


def test_a_token_s_key_signs_and_never_leaves_it(uri: str) -> None:
    key = TokenKey.make(token_of(uri), "one")
    signature = key.sign(b"data", ec.ECDSA(SHA256()))
    TokenKey(token_of(uri), "one").public_key().verify(signature, b"data", ec.ECDSA(SHA256()))
    for take in (key.private_numbers, key.private_bytes):
        with pytest.raises(KeyTrouble):
            take()
    with session_on(token_of(uri)) as session:
        private = session.get_key(object_class=ObjectClass.PRIVATE_KEY, label="one")
        assert private[Attribute.SENSITIVE] and not private[Attribute.EXTRACTABLE]
    key.remove()
    with pytest.raises(KeyTrouble, match="NoSuchKey"):
        TokenKey(token_of(uri), "one")


def served_from_a_token(uri: str, folder: Path) -> None:
    """Enrol, upload, renew, restart, with the device's key in that token."""
    city = City(folder)
    with city.serving():
        credential = city.device("one", store=uri)
        kept = (folder / "one" / "credential" / "current.pem").read_bytes()
        assert b"PRIVATE" not in kept and kept.startswith(b"# key smk-")
        link = city.link(credential)
        assert enrol(link, NUMBER) == Identity(NUMBER, 1, 1)
        city.later(50)
        assert link.post(BATCHES, b"").renew
        credential.renew(link)
        assert link.post(BATCHES, b"").standing == "in_service"
        link.close()
        again = city.link(Credential(folder / "one", uri, NUMBER))
        assert again.post(BATCHES, b"").standing == "in_service"
        again.close()
        old = kept.split(b"\n")[0].removeprefix(b"# key ").decode()
        with pytest.raises(KeyTrouble):  # the key before is gone from the token
            TokenKey(token_of(uri), old)


def test_a_device_with_its_key_in_a_token_enrols_uploads_and_renews(uri: str, tmp_path: Path) -> None:
    served_from_a_token(uri, tmp_path)


@pytest.mark.drill
def test_a_device_with_its_key_in_a_tpm_enrols_uploads_and_renews(tmp_path: Path) -> None:
    with tpm(tmp_path / "tpm") as uri:
        served_from_a_token(uri, tmp_path)


def test_a_device_that_lost_its_token_says_so_and_never_dies(uri: str, tmp_path: Path) -> None:
    city = City(tmp_path)
    with city.serving():
        city.device("one", store=uri)
        other = uri.replace("smk%20test", "another")
        with pytest.raises(LinkDown, match="PKCS#11 token 'another'"):
            city.link(Credential(tmp_path / "one", other, NUMBER)).post(BATCHES, b"")


def test_a_token_s_place_is_written_one_way(uri: str) -> None:
    assert token_of(uri) == Token(token_of(uri).module, LABEL, token_of(uri).pin_file)
    for wrong in ("", "pkcs11:", "pkcs11:token=x", "file:x", uri + "&more=1", uri.replace("token=", "slot=")):
        with pytest.raises(KeyTrouble):
            token_of(wrong)


def test_a_key_file_is_never_overwritten(tmp_path: Path) -> None:
    write_new(tmp_path / "key", b"one", 0o600)
    with pytest.raises(FileExistsError):
        write_new(tmp_path / "key", b"two", 0o600)
    with pytest.raises(KeyTrouble):
        read_key(b"one", "key")


PLAIN = '[tac]\nmohurd = "606162636465666768696A6B6C6D6E6F"\n[load]\nmohurd = "707172737475767778797A7B7C7D7E7F"\n'
FACTORS = [(bytes(8), bytes(8)), (bytes(range(8)), bytes(range(8, 16))), (b"\xff" * 8, b"\x3a" * 8)]


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    path = tmp_path / "keys.toml"
    path.write_text(PLAIN)
    return path


def same(one: Masters, other: Masters) -> bool:
    assert one.loads == other.loads
    # The parity bits of a DES key mean nothing; a module may set them.
    return all(
        crypto.encrypt(one.dtk("mohurd", *each), bytes(8)) == crypto.encrypt(other.dtk("mohurd", *each), bytes(8))
        and crypto.encrypt(one.dlk("mohurd", *each), bytes(8)) == crypto.encrypt(other.dlk("mohurd", *each), bytes(8))
        for each in FACTORS
    )


def test_sealed_masters_are_the_same_masters(plain: Path, tmp_path: Path) -> None:
    phrase, sealed = tmp_path / "phrase", tmp_path / "sealed.toml"
    phrase.write_text("a passphrase of a test\n")
    sealed.write_text(seal(plain, phrase))
    assert "6061" not in sealed.read_text() and same(read_masters(sealed), read_masters(plain))
    assert seal(plain, phrase) != sealed.read_text()
    phrase.write_text("another passphrase\n")
    with pytest.raises(BadKeys, match="passphrase is not the one"):
        read_masters(sealed)


def test_altered_sealed_masters_are_refused(plain: Path, tmp_path: Path) -> None:
    phrase, sealed = tmp_path / "phrase", tmp_path / "sealed.toml"
    phrase.write_text("a passphrase of a test\n")
    text = seal(plain, phrase)
    for line in ("salt", "nonce", "data"):
        at = text.index(f'{line} = "') + len(line) + 6
        sealed.write_text(text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :])
        with pytest.raises(BadKeys):
            read_masters(sealed)
    for wrong in ("[sealed]\n", "sealed = 1\n", text.replace("phrase", "nowhere")):
        sealed.write_text(wrong)
        with pytest.raises(BadKeys):
            read_masters(sealed)


def test_masters_in_a_module_are_the_same_masters_and_stay_there(uri: str, plain: Path, tmp_path: Path) -> None:
    named = tmp_path / "token.toml"
    named.write_text(bring_in(KeyFile.read(plain), uri))
    assert same(read_masters(named), read_masters(plain))
    assert check_values(read_masters(named)) == check_values(read_masters(plain))
    with pytest.raises(UnknownScheme):
        read_masters(named).dtk("tunion", bytes(8), bytes(8))
    with pytest.raises(KeyTrouble, match="already"):
        bring_in(KeyFile.read(plain), uri)
    with session_on(token_of(uri)) as session:
        master = session.get_key(label="tac-mohurd")
        with pytest.raises(AttributeSensitive):
            master[Attribute.VALUE]
    named.write_text(named.read_text().replace("mohurd", "tunion"))
    with pytest.raises(BadKeys, match="NoSuchKey"):
        read_masters(named)


def test_a_backend_whose_masters_lie_in_a_module_proves_every_debit(uri: str, plain: Path, tmp_path: Path) -> None:
    plain.write_text(f'[tac]\nother = "{"60" * 16}"\n')
    named = tmp_path / "token.toml"
    named.write_text(bring_in(KeyFile.read(plain), uri))
    backend = Backend(tmp_path / "served", read_masters(named), lambda: NOW)
    terminal = Terminal(backend)
    held = terminal.debit(scheme="other")
    issuer, serial = bytes.fromhex(held.issuer_factor), bytes.fromhex(held.serial_factor)
    tac = crypto.tac(KeyFile.read(plain).dtk("other", issuer, serial), tac_data(held)).hex().upper()
    terminal.add(done(1, tac))
    terminal.send()
    assert counts(backend) == {"done": 1} and alarms(backend) == []
    backend.close()
