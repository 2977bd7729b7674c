"""All simulated chips of one device as a process of their own: `python -m apdu.virtual --help`.

Prints "ready <udp port>" when the field answers and pcscd has seen the PSAM. Exit codes: 0 told to stop, 2 wrong
options or files, 3 no vpcd.
"""

import argparse
import gc
import json
import os
import signal
import sys
import threading
from pathlib import Path

from apdu.virtual.control import Control
from apdu.virtual.simulation import Simulation

NO_VPCD = 3
SAVE_SECONDS = 0.5


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m apdu.virtual", description="Simulated cards, PSAM and their readers.")
    parser.add_argument("--udp-port", type=int, default=0, help="port of nfcpy's udp:127.0.0.1:PORT (0: a free one)")
    parser.add_argument("--vpcd-port", type=int, default=35964, help="vpcd's port: 35963 or 35964 (0: no PSAM)")
    parser.add_argument("--social-port", type=int, default=0, help="vpcd's port of a counter's slot (0: none)")
    parser.add_argument("--vpcd-wait", type=float, default=5.0, metavar="SECONDS", help="how long to wait for pcscd")
    parser.add_argument("--control", type=Path, required=True, help="path of the Unix socket for commands")
    parser.add_argument("--memory", type=Path, help="file of the chips' permanent memory; read if it is there")
    parser.add_argument("--cards", type=Path, help="JSON list of card descriptions to issue at the start")
    parser.add_argument("--seed", type=int, default=0, help="fixes every random number of the chips")
    parser.add_argument("--safe-code", action="store_true", help="the PSAM wants the card's 80CA code first")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input closes")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run until told to stop."""
    options = _options(arguments)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    try:
        ports = {"udp_port": options.udp_port, "vpcd_port": options.vpcd_port, "social_port": options.social_port}
        simulation = Simulation(seed=options.seed, safe_code=options.safe_code, **ports)
        if options.memory is not None and options.memory.exists():
            simulation.load_memory(options.memory)
        if options.cards is not None:
            for spec in json.loads(options.cards.read_text(encoding="utf-8")):
                simulation.add(spec)
        control = Control(simulation, options.control, stopping.set)
    except (OSError, ValueError, TypeError) as error:
        print(f"simulated chips cannot start: {error}", file=sys.stderr)
        return 2
    if options.with_parent:
        threading.Thread(target=_until_closed, args=(stopping,), daemon=True).start()
    simulation.start()
    control.start()
    try:
        face = simulation.slot_face
        if face is not None and not face.wait_seen(options.vpcd_wait):
            print(
                f"no vpcd: no pcscd with vsmartcard's vpcd talks on 127.0.0.1:{options.vpcd_port}. "
                "Is pcscd running, and is no other chip in that slot?",
                file=sys.stderr,
            )
            return NO_VPCD
        print(f"ready {simulation.field_face.port}", flush=True)
        gc.collect()
        gc.freeze()
        _keep(simulation, options.memory, stopping)
    finally:
        control.stop()
        simulation.stop()
    return 0


def _keep(simulation: Simulation, memory: Path | None, stopping: threading.Event) -> None:
    """Save the chips' memory when it has changed and things are quiet, and at the end."""
    saved, seen = -1, -1
    while not stopping.wait(SAVE_SECONDS):
        now = simulation.changes()
        if memory is not None and now == seen != saved:
            simulation.save_memory(memory)
            saved = now
        seen = now
    if memory is not None:
        simulation.save_memory(memory)


def _until_closed(stopping: threading.Event) -> None:
    # Not sys.stdin: its buffer's lock, held by a waiting thread, aborts the interpreter at its end.
    while os.read(0, 1):
        pass
    stopping.set()


if __name__ == "__main__":
    sys.exit(main())
