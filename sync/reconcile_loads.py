"""The loads of a reconciliation: what the tills' journals say of each, and what the backend made of it. Pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sync.chain import Identity, Stored
from sync.events import LoadDone, LoadGrey, LoadHeld, LoadVoid
from sync.loading import State
from sync.record import BadRow, decode

TAKEN = (State.CAPTURING.value, State.CAPTURED.value)
"""The backend holds that the card has the money."""


class BackendLoad(NamedTuple):
    """One load in the backend's book; `terminal`, `epoch` and `seq` name its LOAD_HELD row."""

    terminal: str
    epoch: int
    seq: int
    card: str
    amount_fen: int
    state: str


class _Load(NamedTuple):
    where: str
    held: LoadHeld
    said: str


def load_faults(
    journals: Iterable[tuple[Identity, Iterable[Stored]]], booked: Mapping[str, BackendLoad]
) -> list[tuple[str, str, str]]:
    """What does not agree: where, in Chinese, in English. A load whose card was not seen again yet is named too."""
    loads: dict[str, _Load] = {}
    terminals = set()
    for identity, rows in journals:
        terminals.add((identity.terminal, identity.epoch))
        loads |= _loads(identity, rows)
    faults = []
    for operation in sorted(loads.keys() | booked.keys()):
        load, there = loads.get(operation), booked.get(operation)
        if load is None and there is not None and (there.terminal, there.epoch) in terminals:
            where = f"{there.terminal}/{there.epoch}/{there.seq}"
            faults.append((where, "日志没有这笔充值", "no journal has this load"))
        elif load is not None and there is None:
            faults.append((load.where, "后台没有这笔充值", "the backend does not have this load"))
        elif load is not None and there is not None:
            faults += [(load.where, zh, en) for zh, en in _differences(load, there)]
    return faults


def _loads(identity: Identity, rows: Iterable[Stored]) -> dict[str, _Load]:
    found: dict[int, _Load] = {}
    for stored in rows:
        try:
            event = decode(stored.raw).event
        except BadRow:
            continue  # named by the chain already, or by the comparison of bytes
        if isinstance(event, LoadHeld):
            found[stored.seq] = _Load(f"{identity.terminal}/{identity.epoch}/{stored.seq}", event, "open")
        elif isinstance(event, LoadDone | LoadVoid | LoadGrey) and event.held in found:
            said = type(event).__name__.removeprefix("Load").lower()
            found[event.held] = found[event.held]._replace(said=said)
    return {load.held.operation: load for load in found.values()}


def _differences(load: _Load, there: BackendLoad) -> list[tuple[str, str]]:
    found = []
    if (load.held.card, load.held.amount) != (there.card, there.amount_fen):
        found.append(("卡号或金额与后台不同", "card or amount differ from the backend's"))
    taken = there.state in TAKEN
    if (load.said == "done" and not taken) or (load.said == "void" and taken):
        told = f"日志 {load.said}，后台 {there.state}", f"{load.said} by the journal, {there.state} at the backend"
        found.append(told)
    elif there.state in (State.RESERVED.value, State.UNKNOWN.value):
        found.append(("充值待卡片再次出现", "this load waits for its card to be seen again"))
    return found
