"""The unit smk.service as systemd sees it: which program it starts, and whether that one serves."""

import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from terminal.mode import Mode

SYSTEMD = Path("/run/systemd/system")
UNIT = "smk.service"
PROOF_S = 90.0
"""The unit itself gives a start 60 s."""
LOOK_S = 0.3
CRASHES = 3
"""So many starts that ended by themselves are proof enough."""
_PATH = re.compile(r"path=(\S+)")


class Unit(NamedTuple):
    """`pid` 0: no process. `mode` is the device's as it told systemd, "" before it said that it is up."""

    pid: int
    program: str
    restarts: int
    mode: str


def ask() -> Unit | None:
    """How the unit stands now; None where systemd does not run, or does not know it or does not answer."""
    if not SYSTEMD.is_dir():
        return None
    names = ("MainPID", "ExecStart", "NRestarts", "ActiveState", "StatusText")
    command = ["systemctl", "show", UNIT, *(f"--property={name}" for name in names)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PROOF_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse(done.stdout)


def parse(shown: str) -> Unit | None:
    """What `systemctl show` says of a unit; None when it has no such unit."""
    told = dict(line.partition("=")[::2] for line in shown.splitlines())
    program = _PATH.search(told.get("ExecStart", ""))
    if program is None:
        return None
    up = told.get("ActiveState") == "active"
    mode = told.get("StatusText", "").partition(":")[0] if up else ""
    return Unit(int(told.get("MainPID") or 0), program[1], int(told.get("NRestarts") or 0), mode)


def proven(
    before: Unit,
    look: Callable[[], Unit | None] = ask,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Wait until another process than `before` serves as that one did; False when it does not, or ends again and again.

    A device that was closed (its PSAM is out) need not serve now either, but must be up.
    """
    good = {Mode.READY.value, Mode.SERVING.value} | {before.mode} - {"", Mode.STARTING.value}
    deadline = now() + PROOF_S
    while now() < deadline:
        unit = look()
        if unit is not None:
            if unit.restarts - before.restarts > CRASHES:
                return False
            if unit.pid not in (0, before.pid) and unit.mode in good:
                return True
        sleep(LOOK_S)
    return False
