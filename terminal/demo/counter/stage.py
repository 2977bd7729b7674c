"""The stage: chips and backend in processes of their own, the counter on the real reader stacks, its pages served."""

import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import click

from apdu.virtual import issuer, remote
from apdu.virtual.spec import CardSpec
from config import parse
from config.model import Configuration, Face, Library, Market, Psam, Reader, Sync, Tariff, Terminal, TopUp, Web
from config.store import load_configuration
from sync.backend.bank import SimulatedBank
from sync.backend.sql import open_sql
from sync.vault import new_key_file
from terminal.counters.build import build, real
from terminal.demo.stage import MERCHANT, PSAM_READER, free_port
from terminal.faces.web.accounts import Accounts
from terminal.faces.web.page import Role
from terminal.training.cast import TRAINEES, shelf
from terminal.training.ils.server import Server

TERMINAL, CLERK, PASSWORD = "00000301", "0101", "demo-counter"
SECONDS = 15.0
ACCOUNT_FEN = 100_000


class Stage:
    """All that runs; use as a context. At its end three books lie on the disk: chips, journal, backend."""

    def __init__(self, folder: Path, seed: int) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.cards: dict[str, CardSpec] = {one.name: one.card for one in TRAINEES}
        self.library = Server(shelf())
        self.port = free_port()
        self.backend: subprocess.Popen[str] | None = None
        self._write_keys()
        self.chips = remote.start(seed=seed, memory=folder / "chips.json")
        for name, spec in self.cards.items():
            self.chips.remote.add(spec, name)
        self.library.__enter__()
        self.start_backend()
        configuration = self._configure()
        Accounts(Path(configuration.terminal.data)).add(CLERK, Role.CLERK, PASSWORD)
        self.built = build(configuration, real(configuration))
        if not self.built.face.ready.wait(SECONDS):
            raise click.ClickException("the pages did not open")

    def put_down(self, name: str) -> None:
        """A card is laid on the reader."""
        self.chips.remote.enter(name)

    def lift(self) -> None:
        """It is taken away, and the counter has seen it."""
        if self.chips.remote.in_field() is not None:
            self.chips.remote.leave()
        place = self.built.house.place
        assert place is not None
        deadline = time.monotonic() + SECONDS
        while (seen := place.visits.told(0, 0)).visit or seen.zh:
            if time.monotonic() > deadline:
                raise click.ClickException("the counter does not see that the card is gone")
            place.visits.told(seen.nth, 1.0)

    def reopen_library(self) -> None:
        """The library's system is back, with all that it knew."""
        self.library = Server(self.library.shelf, port=self.library.port)
        self.library.__enter__()

    def start_backend(self) -> None:
        """The backend with its bank."""
        command = [sys.executable, "-m", "sync.backend", "--data", str(self.folder / "backend")]
        command += ["--keys", str(self.folder / "keys.toml"), "--bank", str(self.folder / "bank.db")]
        command += ["--port", str(self.port)]
        self.backend = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert self.backend.stdout is not None
        while "ready" not in (line := self.backend.stdout.readline()):
            if not line:
                raise click.ClickException("the backend did not start")

    def stop_backend(self) -> None:
        """The network is gone."""
        if self.backend is not None:
            self.backend.terminate()
            self.backend.wait(SECONDS)
            self.backend = None

    def drain(self) -> bool:
        """Wait until the backend has every row."""
        deadline = time.monotonic() + SECONDS
        while self.built.house.journal.unsent().rows and time.monotonic() < deadline:
            self.built.house.wake()
            time.sleep(0.05)
        return self.built.house.journal.unsent().rows == 0

    def close(self) -> None:
        """End every process."""
        self.built.close()
        self.stop_backend()
        self.library.__exit__()
        self.chips.stop()

    def _write_keys(self) -> None:
        masters = {"mohurd": issuer.MOHURD, "tunion": issuer.TUNION}
        lines = ["[tac]", *(f'{scheme} = "{master.tac.hex().upper()}"' for scheme, master in masters.items())]
        lines += ["[load]", *(f'{scheme} = "{master.load.hex().upper()}"' for scheme, master in masters.items())]
        (self.folder / "keys.toml").write_text("\n".join([*lines, ""]), "utf-8")
        accounts = {spec.number20: ACCOUNT_FEN for name, spec in self.cards.items() if name == "wang"}
        SimulatedBank(open_sql(str(self.folder / "bank.db")), accounts).close()
        (self.folder / "personal.toml").write_text(new_key_file(date.today().isoformat()), "utf-8")
        (self.folder / "ils-password").write_text("secret\n", "utf-8")
        for name in ("personal.toml", "ils-password", "keys.toml"):
            (self.folder / name).chmod(0o600)

    def _configure(self) -> Configuration:
        """Write the configuration as a technician would, and load it as the device does."""
        configuration = Configuration(
            terminal=Terminal(TERMINAL, MERCHANT, str(self.folder / "counter")),
            psam=Psam(PSAM_READER),
            tariff=Tariff("builtin:jiaxing"),
            reader=Reader(self.chips.udp_path, 20),
            sync=Sync(f"http://127.0.0.1:{self.port}"),
            face=Face(console=False),
            web=Web(free_port()),
            library=Library(
                "CITY", "JXLIB", "127.0.0.1", self.library.port, "evergreen", "desk",
                str(self.folder / "ils-password"), keys=str(self.folder / "personal.toml"),
            ),
            market=Market("农副产品中心 A-17"),
            topup=TopUp("南湖充值台"),
        )  # fmt: skip
        file = self.folder / "terminal.toml"
        file.write_text(parse.build(configuration), "utf-8")
        return load_configuration(file).value
