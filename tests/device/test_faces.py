"""What a rider sees and hears besides the screen: a serial board and a voice player, beside taps on the real stacks."""

import os
import stat
import tty
from collections.abc import Callable
from pathlib import Path

from config.model import Face
from terminal.ports import Signal, Status
from tests.device.rig import Rig, eventually


def test_a_tap_lights_the_board_and_plays_its_voice_file(make_rig: Callable[..., Rig], tmp_path: Path) -> None:
    end, line = os.openpty()
    tty.setraw(line)
    heard = tmp_path / "heard"
    player = tmp_path / "player"
    player.write_text(f'#!/bin/sh\necho "$1" >>{heard}\n', "utf-8")
    player.chmod(player.stat().st_mode | stat.S_IXUSR)
    rig = make_rig(face=Face(console=False, board=os.ttyname(line), voice=str(player)))
    try:
        board = bytearray()

        def told(words: str) -> bool:
            while words not in board.decode(errors="ignore"):
                board.extend(os.read(end, 1000))
            return True

        assert told("I ready\r\n")
        signal = rig.tap(rig.card(main_type="10"))
        assert told(f"L {signal.light.name} {signal.shape}\r\nB {signal.tone}\r\nT zh {signal.zh}\r\n")
        played = [f"/{language}/{signal.voice}.wav" for language in ("zh", "en")]
        assert eventually(lambda: heard.exists() and heard.read_text().count("\n") >= 2)
        files = heard.read_text().splitlines()
        assert ["/" + "/".join(Path(file).parts[-2:]) for file in files] == played
        assert all(Path(file).exists() for file in files)
        assert rig.tap(rig.card(end="20200101")).outcome == "expired"
        assert told("L RED ")
        rig.stop()
        assert told("L OFF -\r\n")
    finally:
        os.close(end)
        os.close(line)


def test_a_board_that_is_not_there_and_a_player_that_fails_delay_nobody(
    make_rig: Callable[..., Rig], tmp_path: Path
) -> None:
    rig = make_rig(face=Face(console=False, board=str(tmp_path / "ttyNONE"), voice="false"))
    assert rig.tap(rig.card()).outcome == "fare"
    assert rig.books().balanced


class Broken:
    """A face that fails at everything."""

    def show(self, signal: Signal) -> None:
        """Fails."""
        raise RuntimeError("no paper")

    def idle(self, status: Status) -> None:
        """Fails."""
        raise RuntimeError("no paper")

    def close(self) -> None:
        """Fails."""
        raise RuntimeError("no paper")


def test_a_face_that_breaks_is_left_out_and_taps_go_on(rig: Rig) -> None:
    rig.stop()
    rig.others = [Broken()]
    rig.start()
    assert rig.tap(rig.card()).outcome == "fare"
    assert rig.books().balanced
