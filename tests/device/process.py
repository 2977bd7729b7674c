"""`smk run` as its users start it, in a process of its own."""

import queue
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

from apdu.virtual import remote
from config import parse
from config.model import Configuration
from sync.chain import Identity
from sync.journal import Journal
from sync.link import Link
from sync.schema import stored_identity
from sync.worker import Worker
from tests.device.rig import PATIENCE, eventually

SMK = str(Path(sys.executable).parent / "smk")


def smk(*arguments: object, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    """Run one command to its end."""
    command = [SMK, *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)


class Running:
    """A device in its own process; `lines` are those of its plain console, `log` what it said on stderr."""

    def __init__(self, configuration: Configuration, environment: dict[str, str] | None = None) -> None:
        self.configuration = replace(configuration, face=replace(configuration.face, console=True))
        self.data = Path(configuration.terminal.data)
        self.file = self.data.with_suffix(".toml")
        self.file.write_text(parse.build(self.configuration), "utf-8")
        pipe = subprocess.PIPE
        command = [SMK, "run", "--plain", str(self.file)]
        self.process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment)
        self.lines: queue.Queue[str] = queue.Queue()
        self.log: list[str] = []
        self._threads = [threading.Thread(target=read, daemon=True) for read in (self._hear, self._note)]
        for thread in self._threads:
            thread.start()

    def _hear(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))

    def _note(self) -> None:
        assert self.process.stderr is not None
        self.log.extend(self.process.stderr)

    def said(self, *words: str) -> str:
        """The next line of the console that has one of the words in it."""
        while True:
            line = self.lines.get(timeout=PATIENCE)
            if any(word in line for word in words):
                return line

    def ready(self) -> None:
        """Wait until it asks for a card."""
        self.said("请刷卡")

    def logged(self, words: str) -> bool:
        """Whether the log says so, soon."""
        return eventually(lambda: any(words in line for line in self.log))

    def tap(self, chips: remote.Remote, card: str) -> str:
        """A card comes, is served and goes; the line that its rider saw."""
        while not self.lines.empty():
            self.lines.get_nowait()
        chips.enter(card)
        line = self.said("✓", "★", "☞", "✗", "◷", "!", "◆")
        if chips.in_field() is not None:
            chips.leave()
        return line

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it; its exit status."""
        self.process.send_signal(how)
        return self.wait()

    def wait(self) -> int:
        """Wait for its end; its exit status."""
        status = self.process.wait(PATIENCE)
        for thread in self._threads:
            thread.join(PATIENCE)
        return status


def send_all(path: Path, address: str) -> Identity:
    """Send what a closed journal still holds, as the device would at its next start."""
    identity = stored_identity(path)
    assert identity is not None
    journal = Journal.open(path, identity, "sent by hand")
    worker = Worker(journal, Link(address), lambda versions: None, lambda what, detail: None)
    worker.start()
    try:
        assert eventually(lambda: journal.unsent().rows == 0), worker.standing()
    finally:
        worker.stop(PATIENCE)
        journal.close()
    return identity
