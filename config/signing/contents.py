"""What an operator offers a place: the list that lies beside its files, itself signed like each of them. Pure.

    OPERATOR/PLACE/contents.json        this list
    OPERATOR/PLACE/KIND/FILE            what it names

An operator's keys count for OPERATOR/… only, a place's for OPERATOR/PLACE/… only (docs/signing.md, "Who may sign").
"""

from datetime import date
from typing import Annotated, Literal, get_args

import msgspec

from config.faults import Fault, Faults
from config.limits import SIGNED_ENTRIES_MAX

Kind = Literal["tariff", "policy", "hotlist", "hotlist-delta", "profiles", "settings", "issuers", "software"]
KINDS: tuple[Kind, ...] = get_args(Kind)

CITY = "city"
"""The operator whose offers are for every device of the network: the card centre."""

EVERYWHERE = "all"
"""The place that stands for all places of an operator."""

OPERATOR_SHAPE = r"[a-z][a-z0-9-]{0,31}"
File = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._+-]{0,99}\Z")]
Version = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._+-]{0,63}\Z")]
Note = Annotated[str, msgspec.Meta(pattern=r"\A[^\x00-\x1f\x7f-\x9f]*\Z", max_length=200)]


class Entry(msgspec.Struct, frozen=True):
    """One file. `in_force_from`: the day from which the office wants it to hold. `note`: what changes, in words.

    `before`: of a delta, the version that it leads from.
    """

    kind: Kind
    version: Version
    in_force_from: date
    file: File
    note: Note = ""
    before: Annotated[str, msgspec.Meta(max_length=64)] = ""


class Contents(msgspec.Struct, frozen=True):
    """All that an operator offers a place."""

    entries: Annotated[tuple[Entry, ...], msgspec.Meta(max_length=SIGNED_ENTRIES_MAX)] = ()


class ContentsFaults(Faults):
    """A list that was not accepted."""


_decoder = msgspec.json.Decoder(Contents)


def parse(raw: bytes) -> Contents:
    """Read a list (JSON). Raises ContentsFaults."""
    try:
        read = _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        zh, en = "不是内容清单", f"this is no list of contents: {wrong}"
        raise ContentsFaults([Fault("contents.json", zh, en)]) from wrong
    named = [(entry.kind, entry.version) for entry in read.entries]
    files = [(entry.kind, entry.file) for entry in read.entries]
    if len(set(named)) < len(named) or len(set(files)) < len(files):
        raise ContentsFaults([Fault("contents.json", "版本或文件重复", "a version or a file stands twice")])
    return read


def build(contents: Contents) -> bytes:
    """Write a list."""
    return msgspec.json.format(msgspec.json.encode(contents), indent=1)


def list_path(operator: str, place: str) -> str:
    """Where a place's list lies."""
    return f"{operator}/{place}/contents.json"


def path(operator: str, place: str, entry: Entry) -> str:
    """Where an entry's file lies."""
    return f"{operator}/{place}/{entry.kind}/{entry.file}"
