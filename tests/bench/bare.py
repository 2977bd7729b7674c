"""The floor: a script that sends the same APDUs through the same nfcpy and pyscard and makes the same commits.

It decides nothing, checks nothing and parses nothing but what the next command needs; the product is not imported.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
import nfc
import nfc.clf
import nfc.tag
import smartcard.scard as scard

WAL_ROWS, WAL_ROW_BYTES = 64, 65_536
"""Rows that give the WAL its length before anything is measured: 4 MiB, as the journal's."""


@dataclass(frozen=True, slots=True)
class Script:
    """A tap to send again. `apdus`: what a tap of this card sent, hex; INIT's answer, time and MACs are put in anew.

    `type` of the purchase; `factors` the card's key factors (16 bytes as hex); `rows` the sizes of the two rows in
    bytes; `psam_select`: the PSAM's SELECT before each tap, hex, "" where the DF stays.
    """

    apdus: tuple[str, ...]
    type: str
    factors: str
    rows: tuple[int, int]
    psam_select: str = ""


class Database:
    """A table in SQLite, WAL and FULL: each commit costs one fdatasync in a WAL that need not grow."""

    def __init__(self, path: Path) -> None:
        self._connection = apsw.Connection(str(path))
        for setting in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=0"):
            self._connection.execute(f"PRAGMA {setting}")
        self._connection.execute("CREATE TABLE row(seq INTEGER PRIMARY KEY, raw BLOB) STRICT")
        for _ in range(WAL_ROWS):
            self.commit(WAL_ROW_BYTES)
        self.checkpoint()

    def commit(self, size: int) -> None:
        """One durable row."""
        self._connection.execute("INSERT INTO row(raw) VALUES(?)", (bytes(size),))

    def checkpoint(self) -> None:
        """Copy the WAL back and begin it anew."""
        self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)

    def close(self) -> None:
        """Give the file back."""
        self._connection.close(force=True)


class Bare:
    """The bare script on open devices: nfcpy's frontend, and pyscard's handle and header of the PSAM."""

    def __init__(self, frontend: Any, psam: tuple[Any, Any], database: Database) -> None:
        self._frontend = frontend
        self._handle, self._header = psam
        self._database = database
        self._target = nfc.clf.RemoteTarget("106A")

    def poll(self) -> Any:
        """Look once for a card and activate it, RATS included; None: nobody there."""
        target = self._frontend.sense(self._target, iterations=1)
        return target and nfc.tag.activate(self._frontend, target)

    def psam(self, command: str) -> bytes:
        """One PSAM command (hex) with its GET RESPONSE."""
        _, answer = scard.SCardTransmit(self._handle, self._header, list(bytes.fromhex(command)))
        if answer[-2] == 0x61:
            _, answer = scard.SCardTransmit(self._handle, self._header, [0x00, 0xC0, 0x00, 0x00, answer[-1]])
        return bytes(answer)

    def serve(self, tag: Any, script: Script) -> None:
        """The tap. Raises AssertionError when a chip does not take part."""
        send, when, signed = tag.transceive, time.strftime("%Y%m%d%H%M%S"), ""
        for command in script.apdus:
            ins = command[2:4]
            if ins == "54":
                self._database.commit(script.rows[0])
                paid = send(bytes.fromhex(f"{command[:10]}{signed[:8]}{when}{signed[8:]}{command[-2:]}"))
                assert paid[-2:] == b"\x90\x00", paid.hex()
                assert self.psam(f"8072000004{paid[4:8].hex()}") == b"\x90\x00"
                self._database.commit(script.rows[1])
            else:
                answer = send(bytes.fromhex(command))
                if ins == "50":
                    signed = self._authorised(command, answer.hex(), when, script)

    def idle(self) -> None:
        """Nobody is in the field: copy the WAL back."""
        self._database.checkpoint()

    def close(self) -> None:
        """Give the database back."""
        self._database.close()

    def _authorised(self, init: str, opened: str, when: str, script: Script) -> str:
        """8070: the terminal's sequence number and MAC1, 16 hex digits."""
        if script.psam_select:
            self.psam(script.psam_select)
        data = f"{opened[22:30]}{opened[8:12]}{init[12:20]}{script.type}{when}{opened[18:22]}{script.factors}"
        return self.psam(f"8070000024{data}")[:8].hex()


def open_devices(path: str, reader_part: str) -> tuple[Any, tuple[Any, Any]]:
    """nfcpy's frontend at `path`, and the chip in the PC/SC reader whose name contains `reader_part`, exclusively."""
    frontend = nfc.ContactlessFrontend(path)
    _, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    _, names = scard.SCardListReaders(context, [])
    name = next(name for name in names if reader_part in name)
    result, handle, _ = scard.SCardConnect(context, name, scard.SCARD_SHARE_EXCLUSIVE, scard.SCARD_PROTOCOL_T0)
    if result:
        raise RuntimeError(f"{name}: {scard.SCardGetErrorMessage(result)}")
    return frontend, (handle, scard.SCARD_PCI_T0)
