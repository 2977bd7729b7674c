"""The voice, with a small program in place of the sound card's player."""

import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from terminal.drivers import voice as driver
from terminal.drivers.voice import Voice
from terminal.ports import Light, Signal

PLAYER = """#!/bin/sh
echo "$(basename "$(dirname "$1")")/$(basename "$1")" >> {played}
read wait < "$1" || :
exec sleep "${{wait:-0}}"
"""


def signal(name: str) -> Signal:
    return Signal("x", Light.GREEN, "check", ".", name, "", "")


class Stage:
    """A folder of voice files, each with the seconds that it lasts, and a player that notes what it plays."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.played = folder / "played"
        self.player = folder / "player"
        self.player.write_text(PLAYER.format(played=self.played))
        self.player.chmod(self.player.stat().st_mode | stat.S_IXUSR)

    def record(self, name: str, seconds: float) -> None:
        for language in ("zh", "en"):
            (self.folder / language).mkdir(exist_ok=True)
            (self.folder / language / f"{name}.wav").write_text(f"{seconds}\n")

    def heard(self) -> list[str]:
        return self.played.read_text().split() if self.played.exists() else []

    def wait_for(self, told: Callable[[list[str]], bool]) -> None:
        for _ in range(1000):
            if told(self.heard()):
                return
            time.sleep(0.01)
        raise AssertionError(f"only {self.heard()} was played")

    def voice(self, languages: tuple[str, ...] = ("zh", "en")) -> Voice:
        return Voice(str(self.player), languages, self.folder)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    yield Stage(tmp_path)


def test_the_languages_are_played_one_after_the_other(stage: Stage) -> None:
    stage.record("paid", 0)
    voice = stage.voice()
    voice.show(signal("paid"))
    stage.wait_for(lambda heard: heard == ["zh/paid.wav", "en/paid.wav"])
    voice.close()


def test_a_newer_signal_replaces_the_one_that_plays(stage: Stage) -> None:
    stage.record("long", 60)
    stage.record("paid", 0)
    voice = stage.voice()
    voice.show(signal("long"))
    stage.wait_for(lambda heard: "zh/long.wav" in heard)
    voice.show(signal("paid"))
    stage.wait_for(lambda heard: heard[-1:] == ["en/paid.wav"])
    assert "en/long.wav" not in stage.heard()
    voice.close()


def test_closing_silences_a_player_that_still_plays(stage: Stage) -> None:
    stage.record("long", 60)
    voice = stage.voice()
    voice.show(signal("long"))
    stage.wait_for(lambda heard: bool(heard))
    voice.close()
    assert not voice._thread.is_alive()


def test_a_player_that_hangs_is_ended(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(driver, "VOICE_S_MAX", 0.05)
    stage.record("long", 60)
    voice = stage.voice(("zh",))
    voice.show(signal("long"))
    voice.show(signal("long"))
    stage.wait_for(lambda heard: bool(heard))
    for _ in range(1000):
        if "hangs" in caplog.text:
            break
        time.sleep(0.01)
    assert "hangs" in caplog.text
    voice.close()


def test_without_the_player_the_device_is_silent_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    voice = Voice("no-such-player -q", folder=tmp_path)
    voice.show(signal("paid"))
    voice.show(signal("paid"))
    voice.close()
    assert voice.silent
    assert caplog.text.count("not installed") == 1


def test_a_missing_file_is_said_once(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.record("paid", 0)
    voice = stage.voice(("zh",))
    for taps in (1, 2):
        voice.show(signal("unknown"))
        while voice._mail.waiting:
            time.sleep(0.001)
        voice.show(signal("paid"))
        stage.wait_for(lambda heard, taps=taps: len(heard) == taps)  # type: ignore[misc]
    voice.close()
    assert caplog.text.count("no voice file") == 1


def test_a_signals_name_never_leaves_the_folder(stage: Stage) -> None:
    stage.record("paid", 0)
    voice = stage.voice(("zh",))
    for name in ("", "../zh/paid", "/etc/passwd", "a b", "paid\n"):
        voice.show(signal(name))
    voice.show(signal("paid"))
    stage.wait_for(lambda heard: heard == ["zh/paid.wav"])
    voice.close()


def test_a_player_that_cannot_start_is_said_once(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.record("paid", 0)
    voice = stage.voice(("zh", "en"))
    os.truncate(stage.player, 0)
    stage.player.write_text("#!/no/such/interpreter\n")
    voice.show(signal("paid"))
    for _ in range(1000):
        if "does not start" in caplog.text:
            break
        time.sleep(0.01)
    voice.close()
    assert caplog.text.count("does not start") == 1
