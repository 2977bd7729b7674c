"""The floor: a script that sends the same APDUs through the same nfcpy and pyscard and makes the same commits.

It parses nothing but what the next command needs, decides nothing, checks nothing. nfcpy's own tag and exchange are
used on the open frontend, and pyscard's SCardTransmit on the open PSAM: both are held exclusively by one process.
"""

import time
from pathlib import Path
from typing import Any

import apsw
import nfc
import nfc.clf
import nfc.tag
import smartcard.scard as scard

from tests.bench.stage import Stage

HELD_BYTES, DONE_BYTES = 1050, 230
MOHURD_FACTOR = "3140FF0000000000"
RIDE = "092E0001" + "00" * 44


class Bare:
    """The bare script on the stage's open devices, with a database of its own beside the journal."""

    def __init__(self, stage: Stage, database: Path) -> None:
        self.stage = stage
        reader: Any = stage.device.reader
        wire: Any = stage.device.psam_wire
        self.frontend = reader._frontend
        self.handle, self.header = wire._handle, wire._header
        self.target = nfc.clf.RemoteTarget("106A")
        self.database = apsw.Connection(str(database))
        for setting in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL"):
            self.database.execute(f"PRAGMA {setting}")
        self.database.execute("CREATE TABLE row(seq INTEGER PRIMARY KEY, raw BLOB) STRICT")
        self.psam("00A40000021001")

    def close(self) -> None:
        """Give the database back, and the PSAM's DF to the device, which must select it anew."""
        self.database.close()
        self.stage.device.desk.psam.df = b""

    def psam(self, command: str) -> bytes:
        """One PSAM command with its GET RESPONSE."""
        _, answer = scard.SCardTransmit(self.handle, self.header, list(bytes.fromhex(command)))
        if answer[-2] == 0x61:
            _, answer = scard.SCardTransmit(self.handle, self.header, [0x00, 0xC0, 0x00, 0x00, answer[-1]])
        return bytes(answer)

    def commit(self, size: int) -> None:
        """One durable row."""
        self.database.execute("INSERT INTO row(raw) VALUES(?)", (bytes(size),))

    def tap(self, name: str, serial: str, composite: bool) -> float:
        """The same tap; milliseconds from card found to durable."""
        self.stage.chips.enter(name)
        target = None
        while target is None:
            target = self.frontend.sense(self.target, iterations=1)
        tag = nfc.tag.activate(self.frontend, target)
        started = time.perf_counter()
        self._serve(tag, serial, composite)
        elapsed_ms = (time.perf_counter() - started) * 1000
        self.stage.chips.leave()
        return elapsed_ms

    def _serve(self, tag: Any, serial: str, composite: bool) -> None:
        send = tag.transceive
        when = time.strftime("%Y%m%d%H%M%S")
        kind, init = ("09", "03") if composite else ("06", "01")
        number = self.stage.device.desk.psam.number
        send(bytes.fromhex("00A4040009A00000000386980701"))
        if composite:
            send(bytes.fromhex("00B201BC00"))
        opened = send(bytes.fromhex(f"8050{init}020B0100000064{number}0F"))
        random, counter = opened[11:15].hex(), opened[4:6].hex()
        data = f"{random}{counter}00000064{kind}{when}{opened[9:11].hex()}{serial}{MOHURD_FACTOR}"
        signed = self.psam(f"8070000024{data}")
        if composite:
            send(bytes.fromhex(f"80DC09B830{RIDE}"))
        self.commit(HELD_BYTES)
        paid = send(bytes.fromhex(f"805401000F{signed[:4].hex()}{when}{signed[4:8].hex()}08"))
        assert paid[-2:] == b"\x90\x00", paid.hex()
        assert self.psam(f"8072000004{paid[4:8].hex()}") == b"\x90\x00"
        self.commit(DONE_BYTES)
