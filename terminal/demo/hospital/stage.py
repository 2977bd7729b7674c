"""The hospital demo's stage: chips and centre in processes of their own, two counters that share the slot in turn."""

import subprocess
import sys
import urllib.request
from base64 import b64encode
from importlib.resources import files
from pathlib import Path

import click

from apdu.virtual import issuer, remote
from config.model import Configuration, Hospital, Psam, Sync, Tariff, Terminal
from sync import settling
from sync.entitlements import Listed, ListName, Person, build_delta, place
from sync.link import Link, LinkDown
from sync.vault import Vault, new_key_file
from terminal.demo.hospital.cast import GUESTS
from terminal.demo.stage import free_port
from terminal.drivers.clock import SystemClock
from terminal.hospital.build import Built, build

SLOT, PORT = "00 00", 35963  # vpcd's first slot
INSTITUTION, LEVEL = "H33040200001", "2"
POLICY = "jiaxing-demo"
ANSWER_SECONDS = 10.0
BLOCKED: tuple[ListName, ...] = ("person", "topup", "employer")


class Stage:
    """Everything that runs; `close` ends it and leaves both sides' books on disk."""

    def __init__(self, folder: Path, seed: int) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.port = free_port()
        self.backend: subprocess.Popen[str] | None = None
        keys = folder / "keys.toml"
        keys.touch(mode=0o600)
        keys.write_text(new_key_file(self.today), "utf-8")
        masters = f'[tac]\nmohurd = "{issuer.MOHURD.tac.hex()}"\n'
        (folder / "tac.toml").write_text(masters, "utf-8")
        self.vault = Vault.read(keys)
        self.chips = remote.start(vpcd_port=0, social_port=PORT, seed=seed, memory=folder / "chips.json")
        for name, guest in GUESTS.items():
            self.chips.remote.social_add(guest.card, name)
        self.start_backend()
        self._insure()
        self.counters = [self._counter(number) for number in (1, 2)]
        self.deliver()

    @property
    def today(self) -> str:
        """The day in China, ISO 8601."""
        return SystemClock().read().at.date().isoformat()

    def _counter(self, number: int) -> Built:
        configuration = Configuration(
            terminal=Terminal(f"{number:08d}", "330400000000001", str(self.folder / f"counter-{number}")),
            psam=Psam("none"),
            tariff=Tariff("builtin:jiaxing"),
            sync=Sync(f"http://127.0.0.1:{self.port}"),
            hospital=Hospital(
                reader=SLOT,
                institution=INSTITUTION,
                level=LEVEL,
                policy=f"builtin:{POLICY}",
                keys=str(self.folder / "keys.toml"),
            ),
        )
        return build(configuration)

    # the patients' side

    def insert(self, name: str) -> None:
        """A patient's card goes into the slot. Raises click.ClickException when pcscd does not see it."""
        if not self.chips.remote.social_insert(name):
            raise click.ClickException(f"pcscd 没有看到卡 · pcscd does not see the card of {name}")

    def withdraw(self) -> None:
        """And out again."""
        self.chips.remote.social_withdraw()

    # the centre's side

    def start_backend(self) -> None:
        """The centre; it keeps its books over a restart."""
        policy = files("config") / "defaults" / "policies" / POLICY
        command = [sys.executable, "-m", "sync.backend", "--data", str(self.folder / "backend")]
        command += ["--keys", str(self.folder / "tac.toml"), "--personal", str(self.folder / "keys.toml")]
        command += ["--policy", str(policy), "--port", str(self.port)]
        self.backend = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.backend.stdout is not None
        if "ready" not in self.backend.stdout.readline():
            raise click.ClickException("后台没有启动 · the backend did not start")

    def stop_backend(self) -> None:
        """The centre is away."""
        if self.backend is not None:
            self.backend.terminate()
            self.backend.wait(ANSWER_SECONDS)
            assert self.backend.stdout is not None
            self.backend.stdout.close()
            self.backend = None

    def _insure(self) -> None:
        """The insurance office tells who is insured."""
        persons = []
        for version, guest in enumerate((guest for guest in GUESTS.values() if guest.insured), 1):
            assert guest.insured is not None
            ref = self.vault.ref("person", guest.card.id_number)
            sealed = self.vault.seal(settling.write_insured(guest.insured), place(ref, version))
            persons.append(Person(ref, version, sealed.key, b64encode(sealed.data).decode("ascii")))
        told = build_delta("insured", 0, len(persons), SystemClock().read().at.isoformat(), persons)
        link = Link(f"http://127.0.0.1:{self.port}")
        try:
            answer = link.post("/v1/hospital/persons", told)
        except LinkDown as away:
            raise click.ClickException(str(away)) from away
        finally:
            link.close()
        if answer.status != 200:
            raise click.ClickException(f"the centre did not take the insured: {answer.body!r}")

    def deliver(self) -> None:
        """The daily file of the insured reaches both counters, with empty lists of the blocked."""
        for built in self.counters:
            since = built.store.told("insured").version
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/v1/hospital/delta/{since}") as answer:
                built.store.apply(answer.read())
            for name in BLOCKED:
                if not built.store.told(name).version:
                    built.store.apply(build_delta(name, 0, 1, SystemClock().read().at.isoformat(), list[Listed]()))

    def close(self) -> None:
        """End everything."""
        for built in self.counters:
            built.close()
        self.stop_backend()
        self.chips.stop()
