"""Runs the commands of docs/technician.md and puts what they print below them.

`python -m tests.technician` writes the page and its picture anew.
"""

import re
import shlex
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import chdir
from datetime import date
from pathlib import Path
from unittest.mock import patch

from click.testing import CliRunner

from config.store import load_configuration, sample
from tariffs.pack import Pack
from terminal import box, cli
from terminal.commands import packs as commands
from terminal.packs import Turn
from terminal.whatif import plot
from tests.bus import Bus, card, driver
from tests.chips import ISSUER_SHANGHAI

PAGE = Path(__file__).parent.parent / "docs" / "technician.md"
PICTURE = PAGE.with_suffix(".png")
STORY = re.compile(r"```console\n(.*?)```|<!-- device: (\S+) -->", re.DOTALL)
FIRST_DAY = date(2026, 11, 24)
CLASSES = ("01", "10", "11", "20", "21", "01", "01")


def printed(text: str) -> tuple[str, bytes]:
    """The page with what its commands print now, and the picture that they draw."""
    with tempfile.TemporaryDirectory() as room, chdir(room), patch.object(plot, "CHINESE_FONTS", ()):
        Path("terminal.toml").write_text(for_trials(), "utf-8")
        _ride(Path("data"), Path("snapshot.db"))
        today = [FIRST_DAY]
        with patch.object(commands, "today", lambda: today[0]):
            page = STORY.sub(lambda found: _played(found, today), text)
        return page, Path("winter.png").read_bytes()


def for_trials() -> str:
    """The sample configuration with its data beside it, of a device that takes what nobody signed."""
    settings = sample().replace('data = "/var/lib/smk"', 'data = "data"')
    return settings.replace("development = false", "development = true")


def _played(found: re.Match[str], today: list[date]) -> str:
    """A block of commands with their output; or the device's turn on a day."""
    if found[2]:
        today[0] = date.fromisoformat(found[2])
        _take_turn(today[0])
        return found[0]
    block = [f"$ {line}\n{run_line(line)}" for line in re.findall(r"^\$ (.*)$", found[1], re.MULTILINE)]
    return f"```console\n{''.join(block)}```"


def run_line(line: str) -> str:
    """What one command prints; one that fails shows it with its status."""
    if line.startswith("smk "):
        result = CliRunner().invoke(cli.main, shlex.split(line)[1:])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.output + (f"(exit status {result.exit_code})\n" if result.exit_code else "")
    ran = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    return ran.stdout


def _take_turn(today: date) -> None:
    """What a running device does when nobody is in the field and no driver is signed on."""
    configuration = load_configuration(Path("terminal.toml")).value
    taken: list[Pack | None] = []

    def between_trips(switch: Callable[[], Pack | None]) -> None:
        taken.append(switch())

    def trouble(what: str, detail: str) -> None:
        raise AssertionError(f"{what}: {detail}")

    Turn(configuration, box.load_profiles(configuration.cards.profiles), lambda: None, between_trips, trouble).take(
        today
    )
    assert taken and taken[0] is not None, "the pack that was ordered is taken"


def _ride(data: Path, snapshot: Path) -> None:
    """A morning on a bus of routes 1 and 3: 40 riders, half of them come again on the other route."""
    bus = Bus(data)
    bus.tap(driver())
    riders = [card(100 + nth, main_type=CLASSES[nth % len(CLASSES)]) for nth in range(36)]
    riders += [card(2900 + nth, kind="tunion", city="2900", issuer=ISSUER_SHANGHAI) for nth in range(4)]
    for rider in riders:
        bus.later(seconds=40)
        bus.tap(rider)
    bus.later(minutes=10)
    bus.tap(driver())
    bus.later(seconds=30)
    bus.tap(driver())
    for rider in riders[::2]:
        bus.later(seconds=50)
        bus.tap(rider)
    bus.journal.snapshot(snapshot)
    bus.journal.close()


if __name__ == "__main__":
    page, picture = printed(PAGE.read_text("utf-8"))
    PAGE.write_text(page, "utf-8")
    PICTURE.write_bytes(picture)
