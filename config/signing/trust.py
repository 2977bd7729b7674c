"""What a device trusts, and what comes of a stick or an address held against it (docs/signing.md).

    trust/root.json       the root that the technician enrolled: where trust begins
    trust/metadata.zip    all metadata that was verified since, as one file: nothing older is taken again

python-tuf works in a temporary copy; what it verified is kept in one durable step, so that a power cut leaves all of
the old or all of the new. Of several loaders one works at a time (trust/lock): the slower would keep what it knew
before, and forget what the other has seen.
"""

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from tuf.api import exceptions as tuf
from tuf.api.metadata import Metadata, Root, TargetFile, Targets
from tuf.ngclient import Updater, UpdaterConfig

from config.durable import alone, replace_durably, telling, zipped
from config.errors import ConfigError
from config.files import read_file, unzipped
from config.limits import ROOT_BYTES_MAX, SIGNED_BYTES_MAX, SIGNED_LIST_BYTES_MAX, TRUST_BYTES_MAX, TRUST_LOCK_S
from config.signing import contents
from config.signing.contents import Entry
from config.signing.fetch import Fetcher
from config.signing.keys import holder_of
from config.signing.office import SIGNED_AT

_BOUNDS = UpdaterConfig(
    max_root_rotations=64,
    root_max_length=ROOT_BYTES_MAX,
    timestamp_max_length=16 * 1024,
    snapshot_max_length=256 * 1024,
    targets_max_length=1024 * 1024,
)


class Signature(NamedTuple):
    """Who vouches for a file: the role, its version, the holders of the keys, until when."""

    role: str
    version: int
    holders: tuple[str, ...]
    expires: datetime

    def text(self) -> str:
        """In one line, as an edition keeps it."""
        return f"{self.role} v{self.version}: {', '.join(self.holders)}"


class Offer(NamedTuple):
    """A signed file that is there for this device. `length` in bytes."""

    entry: Entry
    path: str
    length: int
    signature: Signature


class Standing(NamedTuple):
    """How far the trust reaches: the root's version and end, and until when the timestamp calls its contents fresh."""

    root: int
    root_expires: datetime
    fresh_until: datetime | None
    signed_at: datetime | None


class Trust:
    """A device's trust, in the folder `trust` of its data directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._root, self._kept = folder / "root.json", folder / "metadata.zip"

    def enrol(self, raw: bytes, again: bool = False) -> str:
        """Trust this root from now on; gives its fingerprint. Another one only `again`. Raises ConfigError."""
        fingerprint = fingerprint_of(raw)
        if self._root.exists() and not again and read_file(self._root, ROOT_BYTES_MAX) != raw:
            zh, en = "本机已信任另一个根", "this device trusts another root already"
            zh_do = "轮换由介质携带，无需此步；确要更换加 --again"
            en_do = "a rotation comes with the stick and needs no such step; to begin anew add --again"
            raise ConfigError(str(self._root), zh, en, zh_do, en_do)
        with telling(self.folder, "未能保存信任根", "the root could not be kept"):
            self.folder.mkdir(parents=True, exist_ok=True)
        with self._alone(), telling(self.folder, "未能保存信任根", "the root could not be kept"):
            if again:
                self._kept.unlink(missing_ok=True)
            replace_durably(self._root, raw)
        return fingerprint

    def standing(self) -> Standing | None:
        """None while no root is enrolled. Raises ConfigError."""
        if not self._root.exists():
            return None
        with _speaking(str(self.folder)), self._room() as room:
            return _standing(room, self._bootstrap())

    @contextmanager
    def opened(
        self, fetcher: Fetcher, at: datetime, operators: Sequence[str], places: Sequence[str], keep: bool
    ) -> Iterator["Opened"]:
        """What a stick or address offers to this device, verified at the time `at`; with `keep` that is remembered.

        Raises ConfigError, with what to do: it is altered, older than what was seen, expired, or not whole; or another
        program is loading.
        """
        self._bootstrap()
        with _speaking(fetcher.base), self._alone() if keep else nullcontext(), self._room() as room:
            updater = Updater(
                str(room),
                f"{fetcher.base}metadata/",
                target_base_url=f"{fetcher.base}targets/",
                fetcher=fetcher,
                config=_BOUNDS,
                bootstrap=self._bootstrap(),
            )
            _tell_time(updater, at)
            try:
                updater.refresh()
                opened = Opened(updater, room, operators, places)
            finally:  # what was verified counts, also when what came after it was not: a revoked key stays revoked
                if keep:
                    self._keep(room)
            yield opened

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with ExitStack() as held:
            try:
                held.enter_context(alone(self.folder / "lock", TRUST_LOCK_S, "another program is loading"))
            except OSError as wrong:
                zh, en = f"现在不能装入：{wrong.strerror}", f"nothing can be loaded now: {wrong.strerror}"
                zh_do, en_do = "等另一次装入结束后再试", "wait until the other one has ended, and try again"
                raise ConfigError(str(self.folder), zh, en, zh_do, en_do) from wrong
            yield

    def _bootstrap(self) -> bytes:
        if not self._root.exists():
            zh, en = "本机尚未信任任何根", "this device trusts no root yet"
            zh_do, en_do = "用 smk pack trust 装入办公室给的 root.json", "enrol the office's root.json: smk pack trust"
            raise ConfigError(str(self._root), zh, en, zh_do, en_do)
        return read_file(self._root, ROOT_BYTES_MAX)

    @contextmanager
    def _room(self) -> Iterator[Path]:
        """A temporary folder with the metadata that is kept."""
        with tempfile.TemporaryDirectory(prefix="smk-trust-") as name:
            room = Path(name)
            for inside, raw in self._verified().items():
                (room / inside).parent.mkdir(exist_ok=True)
                (room / inside).write_bytes(raw)
            yield room

    def _verified(self) -> dict[str, bytes]:
        if not self._kept.exists():
            return {}
        raw = read_file(self._kept, TRUST_BYTES_MAX)
        try:
            return unzipped(raw, str(self._kept), TRUST_BYTES_MAX, TRUST_BYTES_MAX)
        except ConfigError as wrong:
            zh_do, en_do = "用 smk pack trust --again 重新开始", "begin anew: smk pack trust --again"
            raise ConfigError(wrong.place, wrong.zh, wrong.en, zh_do, en_do) from wrong

    def _keep(self, room: Path) -> None:
        found = (path for path in room.rglob("*.json") if path.is_file() and not path.is_symlink())
        fresh = {str(path.relative_to(room)): path.read_bytes() for path in found}
        if fresh != self._verified():
            with telling(self.folder, "未能保存已核实的签名", "what was verified could not be kept"):
                replace_durably(self._kept, zipped(fresh))


class Opened:
    """A stick or address whose metadata is verified. `offers`: what there is for this device."""

    def __init__(self, updater: Updater, room: Path, operators: Sequence[str], places: Sequence[str]) -> None:
        self._updater, self._room = updater, room
        found = [offer for operator in operators for place in places for offer in self._listed(operator, place)]
        self.offers: tuple[Offer, ...] = tuple(found)
        self.standing = _standing(room, b"")

    def bytes_of(self, offer: Offer, bytes_max: int) -> bytes:
        """The file's bytes, as they were signed. Raises ConfigError."""
        if offer.length > bytes_max:
            zh, en = f"过大，至多 {bytes_max} 字节", f"too large: at most {bytes_max} bytes"
            raise ConfigError(offer.path, zh, en, "请办公室检查", "have the office look at it")
        fresh = self._room / "target"
        self.fetch(offer, fresh)
        return fresh.read_bytes()

    def fetch(self, offer: Offer, to: Path) -> None:
        """Write the file to `to`, whole and as it was signed. Raises ConfigError: nothing is there."""
        with _speaking(offer.path):
            found = self._target(offer.path, SIGNED_BYTES_MAX)
            if found is None:
                raise _unentitled(offer.path)
            self._updater.download_target(found, str(to))

    def _listed(self, operator: str, place: str) -> Iterator[Offer]:
        listed = self._target(contents.list_path(operator, place), SIGNED_LIST_BYTES_MAX)
        if listed is None:
            return
        fresh = self._room / "contents"
        self._updater.download_target(listed, str(fresh))
        try:
            entries = contents.parse(fresh.read_bytes()).entries
        except ValueError as wrong:
            raise ConfigError.refused(listed.path, wrong) from wrong
        for entry in entries:
            path = contents.path(operator, place, entry)
            found = self._target(path, SIGNED_BYTES_MAX)
            if found is None:
                raise _unentitled(path)
            yield Offer(entry, path, found.length, self._signature(path))

    def _target(self, path: str, bytes_max: int) -> TargetFile | None:
        found = self._updater.get_targetinfo(path)
        if found is not None and not 0 <= found.length <= bytes_max:
            raise tuf.DownloadLengthMismatchError(f"{path}: {found.length} bytes are signed, {bytes_max} are allowed")
        return found

    def _signature(self, path: str) -> Signature:
        """Whose word it is: the same walk as the updater's, over what it verified."""
        waiting: list[tuple[str, Metadata[Any]]] = [("targets", _read(self._room / "root.json"))]
        while waiting:
            role, parent = waiting.pop()
            verified = _read(self._room / f"{role}.json")
            targets = verified.signed
            assert isinstance(targets, Targets)
            if path in targets.targets:
                signed = parent.signed.get_verification_result(role, verified.signed_bytes, verified.signatures).signed
                holders = tuple(map(holder_of, signed.values()))
                return Signature(role, targets.version, holders, targets.expires)
            below = targets.delegations.get_roles_for_target(path) if targets.delegations else ()
            waiting += reversed([(name, verified) for name, _ in below])
        raise AssertionError("the updater found it in one of these roles")


def fingerprint_of(raw: bytes) -> str:
    """A root's fingerprint, to be compared with what the office says: 32 hex digits in groups. Raises ConfigError.

    It must be signed by enough of its own keys.
    """
    with _speaking("root.json"):
        root = Metadata[Root].from_bytes(raw)
        if not isinstance(root.signed, Root):
            raise tuf.RepositoryError("this is no root")
        root.signed.verify_delegate("root", root.signed_bytes, root.signatures)
    digits = hashlib.sha256(raw).hexdigest()[:32]
    return " ".join(digits[place : place + 4] for place in range(0, 32, 4))


def _read(path: Path) -> Metadata[Any]:
    return Metadata.from_bytes(read_file(path, TRUST_BYTES_MAX))


def _standing(room: Path, bootstrap: bytes) -> Standing:
    """Of the metadata in `room`, which was verified."""
    history = sorted((room / "root_history").glob("*.root.json"), key=lambda path: int(path.name.split(".")[0]))
    root = _read(history[-1]).signed if history else Metadata[Root].from_bytes(bootstrap).signed
    stamp = room / "timestamp.json"
    fresh_until = _read(stamp).signed.expires if stamp.exists() else None
    # The timestamp's and the snapshot's keys lie on a machine with a network: their word about the time is not taken.
    offline = [root, *(_read(path).signed for path in room.glob("*.json") if path.stem not in ONLINE)]
    return Standing(root.version, root.expires, fresh_until, max(filter(None, map(_signed_at, offline)), default=None))


ONLINE = ("root", "snapshot", "timestamp")
"""Metadata whose time of signing is not looked at here: the root's is, from its history."""


def _signed_at(signed: Any) -> datetime | None:
    """When it was signed, if it says so; never beyond its own end."""
    try:
        at = datetime.fromisoformat(signed.unrecognized_fields[SIGNED_AT])
    except (KeyError, TypeError, ValueError):
        return None
    return min(at, signed.expires) if at.tzinfo else None


def _tell_time(updater: Updater, at: datetime) -> None:
    """python-tuf reads the clock once and has no way to be told (issue 2359): the one private name that is used."""
    trusted = updater._trusted_set
    assert isinstance(trusted.reference_time, datetime), "another python-tuf: look where it keeps its time"
    trusted.reference_time = at.astimezone(UTC)


@contextmanager
def _speaking(place: str) -> Iterator[None]:
    """What python-tuf refuses becomes a ConfigError that says so in words, and what to do."""
    try:
        yield
    except (tuf.RepositoryError, tuf.DownloadError) as wrong:
        zh, en, *remedy = next((words for kind, words in _REFUSALS if isinstance(wrong, kind)), _DAMAGED)
        zh_do, en_do = _LINE if tuple(remedy) == _COPY and "://" in place else remedy
        raise ConfigError(place, zh, f"{en} ({_short(wrong)})", zh_do, en_do) from wrong
    except OSError as wrong:
        raise ConfigError(place, f"无法读写：{wrong}", f"cannot be read or written: {wrong}", *_COPY) from wrong


def _short(wrong: Exception) -> str:
    text = f"{type(wrong).__name__}: {wrong}"
    return "".join(letter if letter.isprintable() else "�" for letter in text[:200])


_COPY = ("重新制作介质后再试", "make the stick again and try once more")
_LINE = ("检查网络和网址；一再如此请报告办公室", "check the network and the address; if it stays so, tell the office")
_OFFICE = ("不要使用；报告办公室", "do not use it; tell the office")
_DAMAGED = ("签名数据损坏", "the signed metadata is damaged", *_COPY)
_REFUSALS: tuple[tuple[type[Exception], tuple[str, str, str, str]], ...] = (
    (
        tuf.ExpiredMetadataError,
        ("已过期，现行内容继续有效", "it is out of date; what is in force stays", "取一份新的", "get a fresh one"),
    ),
    (
        tuf.BadVersionNumberError,
        ("比本机已接受的旧，或各部分不属于同一份", "older than what was taken here, or not of one piece", *_COPY),
    ),
    (tuf.UnsignedMetadataError, ("签名不足或不受信任", "not signed by enough of the keys that are trusted", *_OFFICE)),
    (tuf.LengthOrHashMismatchError, ("内容与签名不符", "its content is not what was signed", *_OFFICE)),
    (tuf.DownloadLengthMismatchError, ("超过允许的长度", "longer than it may be", *_OFFICE)),
    (tuf.DownloadHTTPError, ("不完整，缺少文件", "not whole: a file is missing", *_COPY)),
    (tuf.DownloadError, ("读取失败", "it could not be read", *_COPY)),
)


def _unentitled(path: str) -> ConfigError:
    zh, en = "无人有权为此签名", "nobody who may sign for this place and kind has signed it"
    return ConfigError(path, zh, en, *_OFFICE)
