"""Commands with simulated chips: demo (the main job in a minute) and virtual (a card in the field by hand)."""

import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import click

from terminal.commands.say import fail, speaking

NO_READER = """没有虚拟读卡器或卡槽被占用：请运行 .ci/pcscd start，或先结束另一个 smk virtual / demo / 测试
No virtual reader, or its slot is taken: run .ci/pcscd start, or end the other smk virtual, demo or test first."""


class Played(Protocol):
    """What a demo came to."""

    @property
    def good(self) -> bool:
        """All ended as it had to, and the books agree."""
        ...

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        ...


def _played(folder: Path | None, as_json: bool, play: Callable[[Path], Played]) -> None:
    """Play a demo in `folder`, or in one that is thrown away; exit status 1 when it did not end well."""
    from apdu.virtual.remote import RemoteError

    if folder is not None and folder.exists():
        fail(f"{folder} 已存在 · exists already: name a new folder")
    place = folder or Path(tempfile.mkdtemp(prefix="smk-demo-"))
    try:
        result = play(place / "stage")
    except RemoteError as trouble:
        fail(f"{trouble}\n{NO_READER}", 3)
    finally:
        if folder is None:
            shutil.rmtree(place, ignore_errors=True)
    if as_json:
        click.echo(json.dumps(result.as_dict(), ensure_ascii=False, indent=2))
    if not result.good:
        sys.exit(1)


@click.command(short_help="The main job in a minute.")
@click.option("--seed", type=int, default=1, show_default=True, help="Draws balances, riders and faults.")
@click.option("--riders", type=click.IntRange(0, 200), default=6, show_default=True, help="Riders besides the cast.")
@click.option("--folder", type=click.Path(path_type=Path), help="Keep the three books here.  [default: thrown away]")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON, for programs.")
@speaking
def demo(seed: int, riders: int, folder: Path | None, as_json: bool) -> None:
    """A service trip on routes 1 and 3 on the real reader stacks, with torn cards, an outage, and closed books.

    Exit status 1 when chips, journals and backend do not agree to the fen.
    """
    from terminal.demo.play import play

    _played(folder, as_json, lambda place: play(place, seed, riders, quiet=as_json))


@click.command("demo-hospital", short_help="A clerk's day at a hospital counter.")
@click.option("--seed", type=int, default=1, show_default=True, help="For the chips' random numbers.")
@click.option("--folder", type=click.Path(path_type=Path), help="Keep both sides' books here.  [default: thrown away]")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON, for programs.")
@speaking
def demo_hospital(seed: int, folder: Path | None, as_json: bool) -> None:
    """Six patients of different schemes on the real PC/SC stack: offline, cancelled, with the old card; then the books.

    Exit status 1 when the counters' books and the centre's differ, or a scene ended otherwise than it had to.
    """
    from terminal.demo.hospital.play import play

    _played(folder, as_json, lambda place: play(place, seed, quiet=as_json))


@click.command("demo-counter", short_help="A day at library, market and top-up desk.")
@click.option("--seed", type=int, default=1, show_default=True, help="For the chips' random numbers.")
@click.option("--folder", type=click.Path(path_type=Path), help="Keep the three books here.  [default: thrown away]")
@click.option("--pictures", type=click.Path(path_type=Path, file_okay=False), help="Keep pictures of the pages here.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON, for programs.")
@speaking
def demo_counter(seed: int, folder: Path | None, pictures: Path | None, as_json: bool) -> None:
    """Lending, sales and top-ups on the counters' own pages, in headless Chromium when there is one; then the books.

    Exit status 1 when chips, journal and backend do not agree to the fen, or a scene ended otherwise than it had to.
    """
    from terminal.demo.counter.play import play

    _played(folder, as_json, lambda place: play(place, seed, pictures, quiet=as_json))


@click.command(short_help="Play simulated cards by hand.")
@click.option(
    "--udp-port", type=click.IntRange(1024, 65_535), default=54321, show_default=True, help="For nfcpy's udp: driver."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Draws balances.")
@click.option(
    "--memory",
    type=click.Path(path_type=Path),
    default=Path(".state/virtual-chips.json"),
    show_default=True,
    help="The chips' memory: cards stay the same from one session to the next.",
)
@speaking
def virtual(udp_port: int, seed: int, memory: Path) -> None:
    """Simulated cards and PSAM, played by hand; run the device on them with `path = "udp:127.0.0.1:54321"`.

    Type a card's name to tap it; it tells its other commands when it starts.
    """
    from apdu.virtual.remote import RemoteError, start
    from terminal.demo.hand import play_by_hand

    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        with start(udp_port=udp_port, seed=seed, memory=memory) as chips:
            play_by_hand(chips, seed)
    except RemoteError as trouble:
        fail(f"{trouble}\n{NO_READER}", 3)
