"""Commands with simulated chips: demo (the main job in a minute) and virtual (a card in the field by hand)."""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import click

from terminal.commands.say import fail, speaking

NO_READER = """没有虚拟读卡器或卡槽被占用：请运行 .ci/pcscd start，或先结束另一个 smk virtual / demo / 测试
No virtual reader, or its slot is taken: run .ci/pcscd start, or end the other smk virtual, demo or test first."""


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
    from apdu.virtual.remote import RemoteError
    from terminal.demo.play import play

    place = folder or Path(tempfile.mkdtemp(prefix="smk-demo-"))
    if folder is not None and folder.exists():
        fail(f"{folder} 已存在 · exists already: name a new folder")
    try:
        result = play(place / "stage", seed, riders, quiet=as_json)
    except RemoteError as trouble:
        fail(f"{trouble}\n{NO_READER}", 3)
    finally:
        if folder is None:
            shutil.rmtree(place, ignore_errors=True)
    if as_json:
        click.echo(json.dumps(result.as_dict(), ensure_ascii=False, indent=2))
    if not result.good:
        sys.exit(1)


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
