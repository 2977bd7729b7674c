"""Some of the terminals in a process of their own, hour by hour as the run tells them."""

import contextlib
import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from tests.fleet.device import Device, Releases, Unsynced

TALKERS = 8
"""Terminals of one crew that speak with the backend at the same time."""


class Hour(NamedTuple):
    """One hour's orders: the time it begins, taps of each terminal (0: only talk), who has no network."""

    at: datetime
    taps: int
    away: frozenset[str]


class Said(NamedTuple):
    """A crew's terminals after an hour, together."""

    refused: int
    unsent: int
    sent: int
    received: int
    on_pack: int
    on_list: int


class Whole(NamedTuple):
    """One terminal at the end, for the checks."""

    name: str
    epoch: int
    rows: int
    head: bytes
    debits: int
    fen: int
    alarms: tuple[str, ...]


class Crew:
    """The parent's end of a crew."""

    def __init__(self, folder: Path, names: list[str], address: str, releases: Releases) -> None:
        context = get_context("fork")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, folder, names, address, releases), daemon=True)
        self._process.start()
        theirs.close()

    def tell(self, order: Hour | None) -> None:
        """Give an order; None asks for the end."""
        self._pipe.send(order)

    def answer(self) -> Any:
        """Wait for what the order gave: Said of an hour, a list of Whole at the end. Raises RuntimeError."""
        try:
            found = self._pipe.recv()
        except EOFError:
            raise RuntimeError("a crew died; its words are above") from None
        return found

    def end(self) -> None:
        """Whatever it does."""
        self._process.terminate()
        self._process.join(10)


def _work(pipe: Connection, folder: Path, names: list[str], address: str, releases: Releases) -> None:
    packs, vfs = list(releases.packs), Unsynced()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with _devices(folder, names, address, releases) as devices, ThreadPoolExecutor(TALKERS) as talkers:
        pipe.send(None)
        while (order := pipe.recv()) is not None:
            for device in devices:
                device.link.up = device.name not in order.away
                if order.taps:
                    device.hour(order.at, order.taps)
            list(talkers.map(Device.sync, devices))
            pipe.send(
                Said(
                    sum(device.refused for device in devices),
                    sum(device.unsent for device in devices),
                    sum(device.link.sent for device in devices),
                    sum(device.link.received for device in devices),
                    sum(device.pack.version == packs[-1] for device in devices),
                    sum(device.hot_list.version == releases.list_after for device in devices),
                )
            )
        pipe.send([_whole(device) for device in devices])
    vfs.unregister()


def _whole(device: Device) -> Whole:
    journal = device.journal
    return Whole(
        device.name,
        journal.identity.epoch,
        journal.last_seq,
        journal.head,
        device.debits,
        device.fen,
        tuple(device.alarms),
    )


@contextlib.contextmanager
def _devices(folder: Path, names: list[str], address: str, releases: Releases) -> Iterator[list[Device]]:
    devices = [Device(folder / name, name, address, releases) for name in names]
    try:
        yield devices
    finally:
        for device in devices:
            device.close()
