"""The voice: plays the sound file of a signal through a player program, as a face.

Files are VOICE/LANGUAGE/NAME.wav with the signal's own name; the languages are played one after the other.
"""

import logging
import re
import shlex
import shutil
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

from terminal.drivers.latest import Latest
from terminal.drivers.limits import VOICE_S_MAX
from terminal.ports import Signal, Status

log = logging.getLogger(__name__)

VOICE = Path(__file__).parent.parent / "faces" / "voice"
NAME = re.compile(r"[A-Za-z0-9_-]+")


class Voice:
    """One sound at a time, the newest wins; fits `terminal.ports.Face`.

    A thread of its own starts the player and waits for it: neither a slow start nor a player that hangs delays a tap.
    A device without the player, or without a file, stays silent and says so once in the log.
    """

    def __init__(self, player: str = "aplay -q", languages: Sequence[str] = ("zh", "en"), folder: Path = VOICE) -> None:
        self._command = shlex.split(player)
        self._languages = tuple(languages)
        self._folder = folder
        self._mail: Latest[str] = Latest(1)
        self._playing: subprocess.Popen[bytes] | None = None
        self._said: set[str] = set()
        self.silent = not self._command or shutil.which(self._command[0]) is None
        if self.silent:
            self._say_once(f"no voice: the player {player!r} is not installed · 没有语音播放程序")
        self._thread = threading.Thread(target=self._work, name="voice", daemon=True)
        self._thread.start()

    def show(self, signal: Signal) -> None:
        """Play the signal's voice file in place of whatever plays now."""
        if not self.silent and NAME.fullmatch(signal.voice):
            self._mail.put(signal.voice)
            self._hush()

    def idle(self, status: Status) -> None:
        """Let the last word be heard to its end."""

    def lag_s(self) -> float:
        """Seconds for which its thread has been busy with one piece of work."""
        return self._mail.lag_s()

    def close(self) -> None:
        """Silence."""
        self._mail.close()
        self._hush()
        self._thread.join(1.0)

    def _work(self) -> None:
        while names := self._mail.take():
            for language in self._languages:
                if not self._interrupted():
                    self._play(self._folder / language / f"{names[-1]}.wav")

    def _play(self, file: Path) -> None:
        if not file.is_file():
            self._say_once(f"no voice file {file} · 缺少语音文件")
            return
        nowhere = subprocess.DEVNULL
        try:
            player = subprocess.Popen([*self._command, str(file)], stdin=nowhere, stdout=nowhere, stderr=nowhere)
        except OSError as error:
            self._say_once(f"the voice player does not start: {error} · 语音播放程序无法启动")
            return
        self._playing = player
        if self._interrupted():
            player.kill()  # a newer signal came while it started
        try:
            player.wait(VOICE_S_MAX)
        except subprocess.TimeoutExpired:
            self._say_once(f"the voice player hangs at {file.name} · 语音播放程序无响应")
            player.kill()
            player.wait()
        self._playing = None

    def _interrupted(self) -> bool:
        return self._mail.waiting or self._mail.closed

    def _hush(self) -> None:
        player = self._playing
        if player is not None:
            player.kill()

    def _say_once(self, what: str) -> None:
        if what not in self._said:
            self._said.add(what)
            log.warning("%s", what)
