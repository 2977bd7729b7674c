"""The office's repository: a folder of signed metadata and of the files that it names, for a stick or a web server.

    metadata/N.root.json N.targets.json N.OPERATOR.json N.OPERATOR.PLACE.json N.snapshot.json timestamp.json
    targets/OPERATOR/PLACE/KIND/SHA256.FILE

A file is durable before anything names it and `timestamp.json` is replaced last: whoever reads meanwhile, and a power
cut at any instant, sees the old state or the new one.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from securesystemslib.signer import SSlibKey
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.repository import Repository

from config.durable import replace_durably, telling
from config.errors import ConfigError
from config.files import read_file
from config.limits import SIGNED_LIST_BYTES_MAX, TRUST_BYTES_MAX
from config.signing import contents
from config.signing.contents import EVERYWHERE, OPERATOR_SHAPE, Contents, Entry, Kind
from config.signing.keys import KeyRing, holder_of

SIGNED_AT = "x-smk-signed-at"
"""Field of all metadata: when it was signed (ISO 8601, UTC). A device's clock cannot be earlier."""

ROOT_KEYS, ROOT_THRESHOLD = 3, 2
NEW: dict[str, type[Any]] = {"root": Root, "snapshot": Snapshot, "timestamp": Timestamp}
NETWORK_DAYS, STICK_DAYS = 30, 300
DAYS = {"root": 1_095, "snapshot": 400, "timestamp": NETWORK_DAYS}
TARGETS_DAYS = 400
_NAME = re.compile(OPERATOR_SHAPE)


class Standing(NamedTuple):
    """A role as it stands: its keys' ids with their holders, how many must sign, and when it ends."""

    role: str
    version: int
    threshold: int
    keys: tuple[tuple[str, str], ...]
    expires: datetime


class Office(Repository):
    """The repository in `folder`, signed with the keys of `ring` at the time `now`."""

    def __init__(self, folder: Path, ring: KeyRing, now: datetime) -> None:
        self.folder, self._ring, self._now = folder, ring, now.astimezone(UTC).replace(microsecond=0)
        self._metadata, self._targets = folder / "metadata", folder / "targets"
        self.timestamp_days = NETWORK_DAYS

    # python-tuf's two ways in

    def open(self, role: str) -> Metadata[Any]:
        """The newest metadata of a role; without any the first."""
        path = self._newest(role)
        if path is None:
            return Metadata(NEW.get(role, Targets)())
        try:
            return Metadata.from_bytes(read_file(path, TRUST_BYTES_MAX))
        except RepositoryError as wrong:
            raise ConfigError(str(path), f"损坏：{wrong}", f"damaged: {wrong}", "用备份", "take the backup") from wrong

    def close(self, role: str, md: Metadata[Any]) -> None:
        """Sign the next version and write it. Raises ConfigError when keys are missing: nothing is written."""
        signed = md.signed
        signed.version = signed.version + 1 if self._newest(role) else 1
        days = self.timestamp_days if role == "timestamp" else DAYS.get(role, TARGETS_DAYS)
        signed.expires = self._now + timedelta(days=days)
        signed.unrecognized_fields[SIGNED_AT] = self._now.isoformat()
        md.signatures.clear()
        delegators = [md] if role == "root" and signed.version == 1 else [self._delegator(role)]
        if role == "root" and signed.version > 1:
            delegators.append(md)  # those who trust the old root and those who will trust the new
        for delegator in delegators:
            self._sign(delegator.signed, role, md)
        self._write(f"{role}.json" if role == "timestamp" else f"{signed.version}.{role}.json", md.to_bytes())

    @property
    def targets_infos(self) -> dict[str, MetaFile]:
        """Every targets role with its version."""
        return {f"{role}.json": MetaFile(self.targets(role).version) for role in self.roles()}

    @property
    def snapshot_info(self) -> MetaFile:
        """The snapshot's version."""
        return MetaFile(self.snapshot().version)

    # the office's acts

    def found(self, keys: dict[str, list[SSlibKey]]) -> None:
        """Begin: `keys` of root, targets, snapshot and timestamp. Raises ConfigError when there is a repository."""
        if self._newest("root") is not None:
            zh, en = "已有签名库", "there is a repository already"
            raise ConfigError(str(self.folder), zh, en, "换一个文件夹", "choose another folder")
        with self.edit_root() as root:
            for role, holders in keys.items():
                for key in holders:
                    root.add_key(key, role)
            root.roles["root"].threshold = ROOT_THRESHOLD
        with self.edit_targets():
            pass
        self._seal()

    def delegate(self, operator: str, place: str, key: SSlibKey, kinds: Iterable[Kind]) -> str:
        """Let `key` sign for an operator, or with `place` for that place alone; it takes the place of an older key.

        The city signs for operators, an operator for its places. Gives the role's name. Raises ConfigError.
        """
        role = role_name(operator, place)
        if place:
            self._role_for(operator, "")
        if key.keyid not in self._ring:
            raise ConfigError(role, "新密钥不在此", "the new key is not here", *_WHERE)
        within = f"{operator}/{place or '*'}"
        paths = [f"{within}/contents.json", *(f"{within}/{kind}/*" for kind in kinds)]
        with self.edit_targets(_parent(role)) as parent:
            if parent.delegations is None:
                parent.delegations = Delegations({}, {})
            roles = parent.delegations.roles
            assert roles is not None, "this office delegates by names, not by hash bins"
            for old in roles[role].keyids if role in roles else ():
                parent.revoke_key(old, role)
            roles[role] = DelegatedRole(role, [], 1, True, paths=paths)
            parent.add_key(key, role)
        with self.edit_targets(role):
            pass
        self._seal()
        return role

    def publish(self, operator: str, place: str, entry: Entry, raw: bytes) -> str:
        """Sign a file and offer it. Gives the role that signed it. Raises ConfigError: nothing has changed.

        The same once more is fine; a version never names two contents.
        """
        role = self._role_for(operator, place)
        path = contents.path(operator, place, entry)
        file = TargetFile.from_data(path, raw, ["sha256"])
        with self.edit_targets(role) as targets:
            offered = self.contents(operator, place).entries
            named = [one.file for one in offered if (one.kind, one.version) == (entry.kind, entry.version)]
            if named not in ([], [entry.file]):
                raise _named_twice(entry)
            known = targets.targets.get(path)
            if known is not None and known.hashes != file.hashes:
                raise _named_twice(entry)
            kept = tuple(one for one in offered if one.file != entry.file or one.kind != entry.kind)
            self._put(targets, file, raw)
            self._list(targets, operator, place, Contents((*kept, entry)))
        self._seal()
        return role

    def withdraw(self, operator: str, place: str, kind: Kind, version: str) -> None:
        """Offer a file no longer. Raises ConfigError."""
        offered = self.contents(operator, place).entries
        gone = [one for one in offered if (one.kind, one.version) == (kind, version)]
        if not gone:
            zh, en = f"没有 {kind} {version}", f"there is no {kind} {version}"
            zh_do, en_do = "用 smk office list 查看", "smk office list shows what there is"
            raise ConfigError(f"{operator}/{place}", zh, en, zh_do, en_do)
        with self.edit_targets(self._role_for(operator, place)) as targets:
            del targets.targets[contents.path(operator, place, gone[0])]
            self._list(targets, operator, place, Contents(tuple(one for one in offered if one not in gone)))
        self._seal()

    def rotate(self, replaced: dict[str, tuple[str, SSlibKey]]) -> None:
        """A new root: old key ids give way to new keys, in the role named with them. Raises ConfigError.

        Signed by the old root's keys and by the new one's, enough of each; the others' metadata is signed again.
        """
        with self.edit_root() as root:
            for old, (role, key) in replaced.items():
                root.revoke_key(old, role)
                root.add_key(key, role)
        if any(role == "targets" for role, _ in replaced.values()):
            with self.edit_targets():
                pass
        self._seal(force=True)

    def refresh(self) -> None:
        """Sign the timestamp again, so that devices on the network know that nothing newer was kept from them."""
        self._seal()

    # what there is

    def roles(self) -> list[str]:
        """The targets roles: "targets", then operators, each before its places."""
        return ["targets", *self._below("targets")]

    def standings(self) -> list[Standing]:
        """Every role."""
        return [self._standing(role) for role in ("root", "snapshot", "timestamp", *self.roles())]

    def contents(self, operator: str, place: str) -> Contents:
        """What is offered now. Raises ConfigError."""
        listed = contents.list_path(operator, place)
        file = self.targets(self._role_for(operator, place)).targets.get(listed)
        if file is None:
            return Contents()
        return contents.parse(read_file(self._file(file), SIGNED_LIST_BYTES_MAX))

    def places(self) -> list[tuple[str, str]]:
        """(operator, place) for which something is or was offered."""
        paths = {path for role in self.roles() for path in self.targets(role).targets}
        return sorted({(path.split("/")[0], path.split("/")[1]) for path in paths})

    def files(self) -> Iterator[str]:
        """Every file that a reader needs, by its relative name; `timestamp.json` last."""
        roots = sorted(self._metadata.glob("*.root.json"))
        newest = [self._newest(role) for role in ("snapshot", *self.roles())]
        yield from (str(path.relative_to(self.folder)) for path in (*roots, *newest) if path)
        for role in self.roles():
            yield from (str(self._file(file).relative_to(self.folder)) for file in self.targets(role).targets.values())
        yield "metadata/timestamp.json"

    def _below(self, role: str) -> Iterator[str]:
        delegations = self.targets(role).delegations
        for name in (delegations.roles or {}) if delegations else {}:
            yield name
            yield from self._below(name)

    def _standing(self, role: str) -> Standing:
        delegator = self._delegator(role).signed
        keys = [delegator.get_key(keyid) for keyid in delegator.get_delegated_role(role).keyids]
        holders = tuple((key.keyid, holder_of(key)) for key in keys)
        signed = self.open(role).signed
        return Standing(role, signed.version, delegator.get_delegated_role(role).threshold, holders, signed.expires)

    def _role_for(self, operator: str, place: str) -> str:
        """A place's own role, if it was delegated to, else the operator's. Raises ConfigError."""
        known = self.roles()
        for role in (f"{operator}.{place}", operator):
            if role in known:
                return role
        zh, en = f"没有运营方 {operator}", f"there is no operator {operator}"
        raise ConfigError(operator, zh, en, "先用 smk office delegate 授权", "delegate first: smk office delegate")

    def _delegator(self, role: str) -> Metadata[Any]:
        top = role in ("root", "targets", "snapshot", "timestamp")
        return self.open("root" if top else _parent(role))

    def _sign(self, delegator: Root | Targets, role: str, md: Metadata[Any]) -> None:
        named = delegator.get_delegated_role(role)
        signers = [signer for keyid in named.keyids if (signer := self._ring.signer(keyid))]
        if len(signers) < named.threshold:
            wanted = [holder_of(delegator.get_key(keyid)) for keyid in named.keyids]
            zh = f"{role} 需要 {named.threshold} 把密钥，现有 {len(signers)} 把；持有人：{'、'.join(wanted)}"
            en = f"{role} wants {named.threshold} keys, {len(signers)} are here; holders: {', '.join(wanted)}"
            raise ConfigError(role, zh, en, *_WHERE)
        for signer in signers:
            md.sign(signer, append=True)

    def _seal(self, force: bool = False) -> None:
        self.do_snapshot(force)
        self.do_timestamp(force=True)

    def _put(self, targets: Targets, file: TargetFile, raw: bytes) -> None:
        path = self._file(file)
        if not path.exists():
            with telling(path, "未能写入", "it could not be written"):
                path.parent.mkdir(parents=True, exist_ok=True)
                replace_durably(path, raw)
        targets.targets[file.path] = file

    def _list(self, targets: Targets, operator: str, place: str, listed: Contents) -> None:
        raw = contents.build(listed)
        contents.parse(raw)
        self._put(targets, TargetFile.from_data(contents.list_path(operator, place), raw, ["sha256"]), raw)

    def _file(self, file: TargetFile) -> Path:
        folder, _, name = file.path.rpartition("/")
        return self._targets / folder / f"{file.hashes['sha256']}.{name}"

    def _newest(self, role: str) -> Path | None:
        if role == "timestamp":
            path = self._metadata / "timestamp.json"
            return path if path.exists() else None
        found = [path.name.split(".", 1) for path in self._metadata.glob(f"*.{role}.json")]
        numbered = [
            (int(number), self._metadata / f"{number}.{rest}") for number, rest in found if rest == f"{role}.json"
        ]
        return max(numbered)[1] if numbered else None

    def _write(self, name: str, raw: bytes) -> None:
        with telling(self._metadata, "签名库无法写入", "the repository cannot be written"):
            self._metadata.mkdir(parents=True, exist_ok=True)
            replace_durably(self._metadata / name, raw)


_WHERE = ("用 --keys 指明密钥所在文件夹", "name the folders of the keys with --keys")


def role_name(operator: str, place: str) -> str:
    """The role that signs for an operator, or with `place` for that alone. Raises ConfigError."""
    shaped = _NAME.fullmatch(operator) and (not place or _NAME.fullmatch(place))
    if not shaped or operator in ("root", "targets", "snapshot", "timestamp") or place == EVERYWHERE:
        name = ascii(f"{operator}.{place}" if place else operator)[:80]
        zh, en = f"不能用作名称：{name}", f"not a name for an operator or place: {name}"
        raise ConfigError("name", zh, en, "用小写字母、数字和 -", "use lower-case letters, digits and -")
    return f"{operator}.{place}" if place else operator


def _parent(role: str) -> str:
    return role.partition(".")[0] if "." in role else "targets"


def _named_twice(entry: Entry) -> ConfigError:
    named = f"{entry.kind} {entry.version}"
    zh, en = f"{named} 已用于另一份内容", f"{named} names other content already"
    return ConfigError(entry.file, zh, en, "换一个新的版本号", "give it a new version")
