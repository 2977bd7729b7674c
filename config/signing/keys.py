"""The office's signing keys: Ed25519, one file each, sealed with a passphrase (scrypt, AES-256-GCM)."""

import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from securesystemslib.signer import CryptoSigner, Key, SSlibKey

from config.durable import sync_folder, telling
from config.errors import ConfigError
from config.files import read_file
from config.limits import PASSPHRASE_MIN

HOLDER = "x-smk-holder"
"""Field of a public key in metadata: who holds it, so that a technician reads a name and not a number."""

SUFFIX = ".key"
SCRYPT_LOG_N = 15
"""A tenth of a second and 32 MiB for each guess."""

SCRYPT_LOG_N_MAX = 17
"""What a key file may ask of this computer: 128 MiB."""

KEY_FILE_BYTES_MAX = 4_096
Salt = Annotated[str, msgspec.Meta(max_length=64)]


class Sealed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key file (JSON). `public` 32 bytes in hex, bound to the seal; `sealed` nonce and sealed seed, base64."""

    name: str
    holder: str
    public: str
    log_n: Annotated[int, msgspec.Meta(ge=10, le=SCRYPT_LOG_N_MAX)]
    salt: Salt
    sealed: Annotated[str, msgspec.Meta(max_length=200)]


_decoder = msgspec.json.Decoder(Sealed)


def make_key(folder: Path, name: str, holder: str, passphrase: str) -> SSlibKey:
    """A new key in FOLDER/NAME.key; never over one that is there. Raises ConfigError."""
    if len(passphrase) < PASSPHRASE_MIN:
        zh, en = f"口令至少 {PASSPHRASE_MIN} 个字符", f"a passphrase has at least {PASSPHRASE_MIN} characters"
        raise ConfigError(name, zh, en, "换一个更长的口令", "choose a longer one")
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    salt, nonce = os.urandom(16), os.urandom(12)
    sealed = _cipher(passphrase, salt, SCRYPT_LOG_N).encrypt(nonce, key.private_bytes_raw(), public)
    encoded = (b64encode(part).decode() for part in (salt, nonce + sealed))
    file = Sealed(name, holder, public.hex(), SCRYPT_LOG_N, *encoded)
    path = folder / f"{name}{SUFFIX}"
    with telling(path, "密钥未能写入", "the key could not be written"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(handle, "wb") as out:
            out.write(msgspec.json.format(msgspec.json.encode(file)))
            out.flush()
            os.fsync(out.fileno())
        sync_folder(folder)
    return _public(file)


def holder_of(key: Key) -> str:
    """Who holds it, else the beginning of its id."""
    return str(key.unrecognized_fields.get(HOLDER) or key.keyid[:8])


class KeyRing:
    """The key files of some folders: each opened when it is first needed, by a passphrase that `ask` gives."""

    def __init__(self, folders: Sequence[Path], ask: Callable[[str], str]) -> None:
        self._files = {}
        self._ask = ask
        self._open: dict[str, CryptoSigner] = {}
        for path in sorted(path for folder in folders for path in folder.glob(f"*{SUFFIX}")):
            file = _read(path)
            self._files[_public(file).keyid] = (path, file)

    def __contains__(self, keyid: str) -> bool:
        return keyid in self._files

    def names(self) -> dict[str, str]:
        """Key id to file name, of the keys that are here."""
        return {keyid: str(path) for keyid, (path, _) in self._files.items()}

    def signer(self, keyid: str) -> CryptoSigner | None:
        """None when the key is not here. Raises ConfigError on a wrong passphrase or a damaged file."""
        if keyid in self._files and keyid not in self._open:
            path, file = self._files[keyid]
            self._open[keyid] = _opened(path, file, self._ask(file.name))
        return self._open.get(keyid)


def _read(path: Path) -> Sealed:
    try:
        file = _decoder.decode(read_file(path, KEY_FILE_BYTES_MAX))
        _public(file)
        return file
    except ValueError as wrong:  # msgspec's own errors among them
        raise _damaged(path, str(wrong)) from wrong


def _public(file: Sealed) -> SSlibKey:
    key = SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(bytes.fromhex(file.public)))
    key.unrecognized_fields[HOLDER] = file.holder
    return key


def _opened(path: Path, file: Sealed, passphrase: str) -> CryptoSigner:
    try:
        salt, sealed = b64decode(file.salt), b64decode(file.sealed)
        seed = _cipher(passphrase, salt, file.log_n).decrypt(sealed[:12], sealed[12:], bytes.fromhex(file.public))
        return CryptoSigner(Ed25519PrivateKey.from_private_bytes(seed), _public(file))
    except InvalidTag:
        zh, en = "口令不对，或密钥文件被改动", "the passphrase is wrong, or the key file was altered"
        raise ConfigError(str(path), zh, en, "再输入一次", "try again") from None
    except ValueError as wrong:
        raise _damaged(path, str(wrong)) from wrong


def _cipher(passphrase: str, salt: bytes, log_n: int) -> AESGCM:
    return AESGCM(Scrypt(salt=salt, length=32, n=1 << log_n, r=8, p=1).derive(passphrase.encode()))


def _damaged(path: Path, why: str) -> ConfigError:
    return ConfigError(str(path), f"密钥文件损坏：{why}", f"a damaged key file: {why}", "用备份", "take the backup")
