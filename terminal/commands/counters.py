"""A counter at work on its pages, and the same as a training without hardware."""

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from terminal.commands.say import configuration_file, speaking

if TYPE_CHECKING:
    from terminal.counters.build import Built


@click.command(short_help="Serve a counter's pages: library, hospital, market, top-up.")
@configuration_file
@speaking
def counter(configuration: str) -> None:
    """Open the pages of a counter on this machine: which ones is what the configuration says that it is.

    A library's desk ([library] branch), a hospital's ([hospital] reader), a market's till ([market] stall), a top-up
    counter ([topup] place), or several in one. Open the address in a browser; accounts: smk clerk add. Ctrl-C ends it.
    """
    from config.store import load_configuration
    from terminal.counters.build import build, checked, real

    loaded = checked(load_configuration(Path(configuration)).value)
    built = build(loaded, real(loaded))
    try:
        _serve(built)
    finally:
        built.close()


@click.command(short_help="Try everything without hardware: simulated cards on the pages.")
@click.argument("folder", default=".state/training", type=click.Path(file_okay=False, path_type=Path))
@click.option("--port", default=8460, show_default=True, help="Where the pages are, on 127.0.0.1.")
@click.option("--scanner", default="", help="A real barcode scanner's serial port, to be tried: /dev/ttyACM0.")
@click.option("--fast", is_flag=True, help="Chips without the delays of real ones.")
@speaking
def training(folder: Path, port: int, scanner: str, fast: bool) -> None:
    """培训: the counters' own pages over simulated chips, a tray of cards on the screen that is clicked.

    Everything is marked 培训 TRAINING. The journal lies in FOLDER, never leaves this machine, and no backend would take
    it; FOLDER must be new, empty, or a training's: a live data directory is refused.
    """
    from apdu.virtual.timing import ESTIMATES, NO_DELAY
    from terminal.training.build import PASSWORD, PEOPLE, start

    began = start(folder, port, NO_DELAY if fast else ESTIMATES, scanner)
    try:
        for role, name in PEOPLE.items():
            click.echo(f"  {role.value:10} 工号 {name}  密码 password {PASSWORD}")
        _serve(began.built)
    finally:
        began.close()


def _serve(built: "Built") -> None:
    """Until Ctrl-C or SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    while not built.face.ready.wait(0.2) and not stop.is_set():
        pass
    click.echo(f"请用浏览器打开 · open in a browser: {built.address}  （Ctrl-C 结束 ends）")
    stop.wait()
