"""A stick between terminal and backend: batches go out as files, signed answers come back beside them.

`smk-sync/TERMINAL/EPOCH-FIRST-LAST.batch` is a batch exactly as it would be posted, `….proof` the proof that would go
with it (sync/proof.py) where the terminal has a certificate, `….answer` what the backend said about it
(sync/carried.py). A stick may be torn out at any moment and may hold anything: files are written whole or not
at all, and read only when they are plain files of a bounded size.
"""

import contextlib
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from sync.batch import BadBatch, Batch, batch_of, pack, unpack
from sync.carried import BadCarried, unseal
from sync.chain import Identity, Stored
from sync.limits import (
    BATCH_BYTES_MAX,
    BATCH_GZIP_BYTES_MAX,
    BATCH_ROWS_MAX,
    CARRIED_BYTES_MAX,
    PROOF_CHARS_MAX,
    STICK_BATCHES_MAX,
    STICK_TERMINALS_MAX,
)
from sync.session import Accepted, Ahead, NotEnrolled, Reply, understand

FOLDER = "smk-sync"
_NAME = re.compile(r"([1-9][0-9]{0,9})-([1-9][0-9]{0,15})-([1-9][0-9]{0,15})\.batch", re.ASCII)
_PROOF = re.compile("[0-9A-Za-z_.-]+", re.ASCII)
_TERMINAL = re.compile("[0-9A-Za-z_-]{1,16}", re.ASCII)


class StickTrouble(Exception):
    """The stick cannot be read or written. The message says how."""


class Parcel(NamedTuple):
    """One batch's file of `terminal`: epoch, first and last row as its name says."""

    folder: Path
    epoch: int
    first: int
    last: int

    @property
    def file(self) -> Path:
        """Where the batch lies."""
        return self.folder / f"{self.epoch}-{self.first}-{self.last}.batch"

    @property
    def answer(self) -> Path:
        """Where its answer lies, once there is one."""
        return self.file.with_suffix(".answer")

    @property
    def proof(self) -> Path:
        """Where the terminal's signature of it lies, if it has a key."""
        return self.file.with_suffix(".proof")

    @property
    def terminal(self) -> str:
        """Whose rows it holds."""
        return self.folder.name


def terminals(stick: Path) -> list[Path]:
    """The folders of terminals on a stick, by name. Raises StickTrouble."""
    with _telling(stick):
        root = stick / FOLDER
        if not root.is_dir() or root.is_symlink():
            return []
        found = sorted(one for one in root.iterdir() if _TERMINAL.fullmatch(one.name) and _is_folder(one))
    if len(found) > STICK_TERMINALS_MAX:
        raise StickTrouble(f"{root}: {len(found)} terminals on one stick")
    return found


def parcels(folder: Path) -> list[Parcel]:
    """A terminal's batches on a stick, in order of epoch and row. Raises StickTrouble."""
    with _telling(folder):
        if not _is_folder(folder):
            return []
        names = (_NAME.fullmatch(entry.name) for entry in folder.iterdir())
        found = sorted(Parcel(folder, *map(int, name.groups())) for name in names if name)
    if len(found) > STICK_BATCHES_MAX:
        raise StickTrouble(f"{folder}: {len(found)} batches")
    return found


def read_batch(parcel: Parcel) -> tuple[bytes, Batch]:
    """A batch, as its bytes and parsed. Raises BadBatch (torn, or not what its name says), StickTrouble."""
    raw = read(parcel.file, BATCH_GZIP_BYTES_MAX)
    batch = unpack(raw)
    if (batch.terminal, batch.epoch, batch.first, batch.last) != (parcel.terminal, *parcel[1:]):
        raise BadBatch(f"its name says otherwise: {batch.terminal}, {batch.epoch}-{batch.first}-{batch.last}")
    return raw, batch


def read_proof(parcel: Parcel) -> str:
    """The proof beside a batch, "" for none; what it is worth is the backend's to say. Raises StickTrouble."""
    if not os.path.lexists(parcel.proof):
        return ""
    text = read(parcel.proof, PROOF_CHARS_MAX).decode("latin-1")
    if not _PROOF.fullmatch(text):
        raise StickTrouble(f"{parcel.proof.name}: not a proof")
    return text


class Exported(NamedTuple):
    """What an export left on the stick: batches, rows and bytes of them; files of earlier trips that were removed."""

    batches: int
    rows: int
    size: int
    removed: int


def export(
    stick: Path,
    identity: Identity,
    acknowledged: int,
    prev_head: bytes,
    rows: Iterable[Stored],
    prove: Callable[[bytes], str] = lambda raw: "",
) -> Iterator[Exported]:
    """Write the `rows` after number `acknowledged` as batches; tells after each how far it is. `prev_head`: the chain's
    head before them; `prove` gives the proof of a batch's bytes, "" from a terminal without a certificate. Files of
    this terminal that need not travel any more are removed. Raises StickTrouble.

    Done twice it leaves the same batches.
    """
    folder = stick / FOLDER / identity.terminal
    with _telling(stick):
        folder.mkdir(parents=True, exist_ok=True)
        if folder.is_symlink() or folder.parent.is_symlink():
            raise StickTrouble(f"{folder} is a link")
    told = Exported(0, 0, 0, 0)
    written: set[str] = set()
    for batch in _cut(identity, acknowledged, prev_head, rows):
        raw = pack(batch)
        parcel = Parcel(folder, batch.epoch, batch.first, batch.last)
        if proof := prove(raw):
            write(parcel.proof, proof.encode("ascii"))
        write(parcel.file, raw)
        written |= {parcel.file.name, parcel.answer.name}
        told = Exported(told.batches + 1, told.rows + len(batch.rows), told.size + len(raw), 0)
        yield told
    removed = 0
    with _telling(stick):
        for parcel in parcels(folder):
            if parcel.file.name not in written:
                parcel.answer.unlink(missing_ok=True)
                parcel.proof.unlink(missing_ok=True)
                parcel.file.unlink()
                removed += 1
    yield told._replace(removed=removed)


def _cut(identity: Identity, after: int, prev_head: bytes, rows: Iterable[Stored]) -> Iterator[Batch]:
    part: list[Stored] = []
    size = 0
    for row in rows:
        if part and (len(part) == BATCH_ROWS_MAX or size + len(row.raw) > BATCH_BYTES_MAX):
            yield batch_of(identity, after, prev_head, part)
            after, prev_head, part, size = part[-1].seq, part[-1].head, [], 0
        part.append(row)
        size += len(row.raw)
    if part:
        yield batch_of(identity, after, prev_head, part)


class Taken(NamedTuple):
    """What the answer to one batch says: a reply of the session, or why its file is refused."""

    parcel: Parcel
    reply: Reply | str


def take(
    stick: Path, identity: Identity, last_seq: int, public: bytes, head_at: Callable[[int], bytes]
) -> list[Taken]:
    """What the answers for this journal say, in order; batches without one are left out. `public`: the backend's key;
    `head_at`: the journal's own chain, since another device may bear this one's name.

    Raises StickTrouble when the stick cannot be read at all.
    """
    found = []
    for parcel in parcels(stick / FOLDER / identity.terminal):
        if parcel.epoch != identity.epoch or not parcel.answer.exists():
            continue
        reply: Reply | str
        try:
            raw, batch = read_batch(parcel)
            if batch.last > last_seq or batch.head != head_at(batch.last):
                raise BadBatch("rows that are not this journal's: another device bears its name, or it is an old copy")
            status, body = unseal(public, raw, read(parcel.answer, CARRIED_BYTES_MAX))
            reply = understand(identity, last_seq, batch.last, status, "", body)
        except (BadBatch, BadCarried, StickTrouble) as wrong:
            reply = str(wrong)
        found.append(Taken(parcel, reply))
    return found


def acknowledged(before: int, taken: list[Taken]) -> int:
    """Up to which row the backend has them all, as these answers leave it; `before`: as far as was known.

    Answers of earlier trips change nothing. A backend that wants rows again is followed when it says so about the rows
    that come next: its word about older ones is from before.
    """
    now = before
    for one in taken:
        if isinstance(one.reply, Accepted):
            said = one.reply.acknowledged
            if said > now or (one.parcel.first == before + 1 and said < before):
                now = said
    return now


def copy_answers(stick: Path, terminal: str, to: Path) -> None:
    """Copy a terminal's answered batches to another folder, laid out as on the stick. Raises StickTrouble."""
    target = to / FOLDER / terminal
    with _telling(to):
        target.mkdir(parents=True)
    for parcel in parcels(stick / FOLDER / terminal):
        if parcel.answer.exists():
            copied = parcel._replace(folder=target)
            write(copied.file, read(parcel.file, BATCH_GZIP_BYTES_MAX))
            write(copied.answer, read(parcel.answer, CARRIED_BYTES_MAX))


def troubles(taken: list[Taken]) -> list[str]:
    """What a person must see to."""
    said = []
    for one in taken:
        name = one.parcel.file.name
        match one.reply:
            case str():
                said.append(f"{name}: {one.reply}")
            case Accepted(quarantined=rows) if rows:
                said.append(f"{name}: quarantined rows {', '.join(map(str, rows))}")
            case Ahead(ack):
                said.append(f"{name}: the backend has {ack} rows: this journal is an old copy; enrol anew")
            case NotEnrolled(detail):
                said.append(f"{name}: not enrolled: {detail}")
            case Accepted():
                pass
            case _:
                said.append(f"{name}: {one.reply}")
    return said


def read(path: Path, most: int) -> bytes:
    """A plain file's bytes, `most` of them at most. Raises StickTrouble."""
    with _telling(path):
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise StickTrouble(f"{path.name}: not a plain file")
            raw = file.read(most + 1)
    if len(raw) > most:
        raise StickTrouble(f"{path.name}: more than {most} bytes")
    return raw


def write(path: Path, raw: bytes) -> None:
    """Make `raw` the file's content, whole and durable, or leave the old one. Raises StickTrouble."""
    fresh = path.with_name(path.name + ".new")
    with _telling(path):
        fresh.unlink(missing_ok=True)
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(handle)
        fresh.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


@contextlib.contextmanager
def _telling(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as wrong:
        raise StickTrouble(f"{path}: {wrong.strerror or wrong}") from wrong
