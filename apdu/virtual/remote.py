"""The client of the simulated chips' process, and `start`, which runs it: for the demo, the tests, the benchmark.

The contract. `start()` gives a `Virtual`: connect nfcpy to `virtual.udp_path` and pyscard to vpcd's slot, and play
with `virtual.remote`. Cards have names (`add` returns it; by default the 20-digit number). Each method is one command
and returns when it has taken effect; a command that makes no sense raises `RemoteError`.

* A card in the field stays until `leave`, another `enter`, or an armed tear. After a tear `in_field()` is None:
  `enter` it again.
* Instructions are hex text of the INS byte ("54" DEBIT, "50" INIT, "DC" cache update, "70" and "72" of the PSAM);
  `nth` counts from the moment of arming; `chip` is "card" or "psam".
* `moment` is YYYYMMDDhhmmss. Money is fen.
* `memory()["cards"][name]` has number20, balance_fen, counter, load_counter, locked (0, 1 temporary, 2 for ever), log
  (newest first), records by SFI ("17": composite, "1A", "1E"), last_type, last_counter, last_tac; `memory()["psam"]`
  has terminal and sequence.
* `counts()` tells APDUs by instruction and frames since the start (or the last `counts(reset=True)`).
"""

import contextlib
import json
import os
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apdu.virtual.social import SocialSpec
from apdu.virtual.spec import CardSpec
from apdu.virtual.timing import Timing

START_SECONDS = 15.0
STOP_SECONDS = 5.0


class RemoteError(RuntimeError):
    """The simulated chips refused a command, or their process is gone or did not start."""


class Remote:
    """A connection to the control socket at `path`. Safe to use from several threads."""

    def __init__(self, path: Path | str) -> None:
        self._lock = threading.Lock()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise RemoteError(f"no simulated chips at {path}: {error}") from error
        self._lines = self._socket.makefile("rb")

    def close(self) -> None:
        """Hang up; the process goes on."""
        self._lines.close()
        self._socket.close()

    def _do(self, name: str, **arguments: Any) -> Any:
        with self._lock:
            try:
                self._socket.sendall(json.dumps({"do": name} | arguments).encode() + b"\n")
                line = self._lines.readline()
            except (OSError, ValueError) as error:
                raise RemoteError(f"{name}: the simulated chips are gone: {error}") from error
        if not line:
            raise RemoteError(f"{name}: the simulated chips are gone")
        answer = json.loads(line)
        if "error" in answer:
            raise RemoteError(f"{name}: {answer['error']}")
        return answer["ok"]

    def add(self, spec: CardSpec, card: str = "") -> str:
        """Issue a card and return its name."""
        return str(self._do("add", spec=spec.to_json(), card=card))

    def cards(self) -> list[str]:
        """The names of all cards."""
        return list(self._do("cards"))

    def enter(self, card: str) -> None:
        """Put a card into the field."""
        self._do("enter", card=card)

    def leave(self, notice: bool = True) -> None:
        """Take it out; without `notice` the reader meets silence."""
        self._do("leave", notice=notice)

    def in_field(self) -> str | None:
        """The name of the card in the field, or None."""
        name = self._do("in_field")
        return None if name is None else str(name)

    def credit(self, card: str, fen: int, moment: str) -> dict[str, Any]:
        """A counter elsewhere loads money; returns the deal."""
        return dict(self._do("credit", card=card, fen=fen, moment=moment))

    def purchase_elsewhere(
        self, card: str, amount_fen: int, moment: str, kind: str = "06", records: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Another bus takes a fare with its own PSAM; `records` are whole 80DC commands as hex (kind "09").

        Returns number20, serial, counter (of INIT), balance_before_fen, amount_fen, type, moment, terminal,
        terminal_sequence, tac, key_version, algorithm, random and mac1.
        """
        asked = {"card": card, "amount_fen": amount_fen, "moment": moment, "kind": kind, "records": list(records)}
        return dict(self._do("purchase_elsewhere", **asked))

    def block(self, card: str, permanent: bool = False) -> None:
        """The issuer locks the card's application."""
        self._do("block", card=card, permanent=permanent)

    def unblock(self, card: str) -> None:
        """The issuer unlocks it."""
        self._do("unblock", card=card)

    def tear(
        self,
        side: str,
        ins: str | None = None,
        nth: int = 1,
        unit: str = "apdu",
        notice: bool = False,
        chip: str = "card",
    ) -> None:
        """Arm a tear "before" or "after" an event; `unit` "apdu" or "frame". On the PSAM: it is pulled out."""
        self._do("tear", side=side, ins=ins, nth=nth, unit=unit, notice=notice, chip=chip)

    def answer_status(
        self, sw: str, ins: str | None = None, nth: int = 1, times: int = 1, execute: bool = False, chip: str = "card"
    ) -> None:
        """The chip answers `sw` (hex) instead; with `execute` after doing its work."""
        self._do("answer_status", sw=sw, ins=ins, nth=nth, times=times, execute=execute, chip=chip)

    def answer_bytes(
        self,
        answer: str,
        ins: str | None = None,
        nth: int = 1,
        times: int = 1,
        execute: bool = False,
        chip: str = "card",
    ) -> None:
        """The chip answers these bytes (hex) instead, the status word included, whatever they mean."""
        self._do("answer_bytes", answer=answer, ins=ins, nth=nth, times=times, execute=execute, chip=chip)

    def wtx(self, multiplier: int, ins: str | None = None, nth: int = 1) -> None:
        """The card asks for more time before an answer."""
        self._do("wtx", multiplier=multiplier, ins=ins, nth=nth)

    def silent(self, on: bool = True) -> None:
        """The card answers nothing from now on, until one enters again."""
        self._do("silent", on=on)

    def damage(self, how: str, times: int = 1) -> None:
        """Damage anticollision answers: "bcc", "short", "empty", "collision"."""
        self._do("damage", how=how, times=times)

    def garble(self, times: int = 1, noticed: bool = True) -> None:
        """Damage the card's I-blocks; `noticed`: the reader sees a transmission error."""
        self._do("garble", times=times, noticed=noticed)

    def lose(self, times: int = 1) -> None:
        """The reader's next I-blocks do not reach the card, which stays silent."""
        self._do("lose", times=times)

    def clear_faults(self) -> None:
        """Disarm everything."""
        self._do("clear_faults")

    def armed(self) -> int:
        """How many faults have not happened yet."""
        return int(self._do("armed"))

    def timing(self, profile: Timing | None) -> None:
        """Slow the chips down; None: no delay."""
        self._do("timing", profile=None if profile is None else profile.to_json())

    def psam_unplug(self) -> None:
        """Pull the PSAM out of its slot."""
        self._do("psam_unplug")

    def psam_plug(self, seconds: float = 20.0) -> bool:
        """Put it back and wait until pcscd has seen it."""
        return bool(self._do("psam_plug", seconds=seconds))

    def psam_reset(self) -> None:
        """The PSAM forgets its session and its DF, unseen."""
        self._do("psam_reset")

    def social_add(self, spec: SocialSpec, card: str) -> None:
        """Issue a card with a contact chip."""
        self._do("social_add", spec=spec.to_json(), card=card)

    def social_insert(self, card: str, seconds: float = 20.0) -> bool:
        """Put it into the counter's slot and wait until pcscd has seen it."""
        return bool(self._do("social_insert", card=card, seconds=seconds))

    def social_withdraw(self) -> None:
        """Take it out."""
        self._do("social_withdraw")

    def counts(self, reset: bool = False) -> dict[str, Any]:
        """{"card": {INS: n}, "psam": {INS: n}, "frames": n, "psam_exchanges": n}."""
        return dict(self._do("counts", reset=reset))

    def frames(self) -> int:
        """Frames that cards in the field have received."""
        return int(self.counts()["frames"])

    def trace(self, on: bool = True) -> list[list[Any]]:
        """Start or go on with a trace and return what it held: [seconds, "frame" | "apdu" | "answer" | "torn", hex]."""
        return list(self._do("trace", on=on))

    def wait_idle(self, quiet_ms: int = 100, seconds: float = 10.0) -> bool:
        """Wait until no card has executed an APDU for `quiet_ms`."""
        return bool(self._do("wait_idle", quiet_ms=quiet_ms, seconds=seconds))

    def memory(self) -> dict[str, Any]:
        """The permanent memory of all chips."""
        return dict(self._do("memory"))

    def shutdown(self) -> None:
        """End the process; it saves its memory first."""
        self._do("shutdown")


@dataclass
class Virtual:
    """A running process of simulated chips."""

    process: subprocess.Popen[bytes]
    remote: Remote
    udp_port: int
    control: Path
    directory: Path | None = None

    @property
    def udp_path(self) -> str:
        """nfcpy's device path."""
        return f"udp:127.0.0.1:{self.udp_port}"

    def stop(self) -> None:
        """End the process (its memory is saved) and wait for it. Raises RemoteError when it had complaints."""
        with contextlib.suppress(RemoteError):
            self.remote.shutdown()
        self.remote.close()
        told = _end(self.process)
        if self.directory is not None:
            shutil.rmtree(self.directory, ignore_errors=True)
        if told:
            raise RemoteError(f"the simulated chips complained: {told}")

    def __enter__(self) -> "Virtual":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start(
    *,
    udp_port: int = 0,
    vpcd_port: int = 35964,
    vpcd_wait: float = 5.0,
    seed: int = 0,
    memory: Path | None = None,
    cards: Path | None = None,
    control: Path | None = None,
    safe_code: bool = False,
    social_port: int = 0,
) -> Virtual:
    """Run the simulated chips in a process that ends with this one. Raises RemoteError with the process's own words."""
    directory = Path(tempfile.mkdtemp(prefix="chips-")) if control is None else None
    control = control or Path(str(directory)) / "control"
    command = [sys.executable, "-m", "apdu.virtual", "--with-parent", "--control", str(control)]
    command += ["--udp-port", str(udp_port), "--vpcd-port", str(vpcd_port), "--vpcd-wait", str(vpcd_wait)]
    command += ["--seed", str(seed), "--social-port", str(social_port)]
    command += ["--memory", str(memory)] if memory else []
    command += ["--cards", str(cards)] if cards else []
    command += ["--safe-code"] if safe_code else []
    root = str(Path(__file__).resolve().parents[2])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))}
    pipe = subprocess.PIPE
    # A session of its own: Ctrl-C is for the program that started us, and its end closes our standard input.
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, start_new_session=True)
    line = _first_line(process, START_SECONDS + vpcd_wait)
    if not line.startswith(b"ready "):
        told = _end(process)
        raise RemoteError(told or "the simulated chips did not start in time")
    return Virtual(process, Remote(control), int(line.split()[1]), control, directory)


def _first_line(process: subprocess.Popen[bytes], seconds: float) -> bytes:
    """The process's first line, or what there is of it when it ends or the time is over."""
    assert process.stdout is not None
    deadline, line = time.monotonic() + seconds, b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while not line.endswith(b"\n") and selector.select(max(0.0, deadline - time.monotonic())):
            part = os.read(process.stdout.fileno(), 256)
            if not part:
                break
            line += part
    return line


def _end(process: subprocess.Popen[bytes]) -> str:
    """Close its standard input, wait for it, and return what it said on standard error."""
    try:
        _, told = process.communicate(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        _, told = process.communicate()
    return told.decode(errors="replace").strip()
