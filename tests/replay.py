"""Recorded conversations, replayed strictly: each command must be the recorded one, in its order, to the last byte."""

import json
from pathlib import Path
from typing import Any

from apdu.errors import LinkLost
from apdu.script import Script, Slot, run

DUMPS = Path(__file__).parent / "dumps"


class Replay:
    """Both wires of one recording. A command that was not recorded at this place fails the test."""

    def __init__(self, name: str) -> None:
        self.steps: list[dict[str, str]] = json.loads((DUMPS / name).read_text("utf-8"))["steps"]
        self.at = 0

    def wire(self, to: str) -> "Wire":
        """The wire to "card" or "psam"."""
        return Wire(self, to)

    def play(self, script: Script[Any], held: list[Any]) -> Any:
        """Run `script` against the recording."""
        return run(script, {Slot.CARD: self.wire("card"), Slot.PSAM: self.wire("psam")}, held.append)

    def finish(self) -> None:
        """Every recorded step was used."""
        assert self.at == len(self.steps), f"recorded but not sent: {self.steps[self.at]}"


class Wire:
    """One wire of a recording."""

    def __init__(self, replay: Replay, to: str) -> None:
        self.replay = replay
        self.to = to
        self.t0 = to == "psam"

    def transmit(self, raw: bytes) -> bytes:
        """The recorded answer; "lost" is a lost wire."""
        assert self.replay.at < len(self.replay.steps), f"not recorded: {self.to} {raw.hex().upper()}"
        step = self.replay.steps[self.replay.at]
        assert (self.to, raw.hex().upper()) == (step["to"], step["c"]), f"step {self.replay.at + 1}"
        self.replay.at += 1
        if step["r"] == "lost":
            raise LinkLost("as recorded")
        return bytes.fromhex(step["r"])
