"""A city on one machine: `python -m tests.fleet.town`: PostgreSQL, two collectors, twenty devices, the operator's page.

One validator stands on the real reader stacks (nfcpy, pyscard), the others on wires in memory.
"""

import contextlib
import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.request import Request, urlopen

import click
from rich.console import Console

from apdu.virtual.spec import CardSpec
from sync.backend.hospital import Hospital
from sync.backend.postgres.service import City as Service
from terminal.demo.stage import Stage
from terminal.training.ils.answers import city as library
from terminal.training.ils.server import Server
from tests import counters, tills
from tests.counters import POLICY_FILES, VAULT, ZHANG, insured
from tests.fleet.city import City
from tests.fleet.kinds import Living, Shelf, TillDevice, Validator, Ward

BUSES, WARDS, SHELVES, STALLS, DESKS = 11, 2, 2, 2, 2
"""With the one on the real readers: twenty."""

RIDERS = {f"rider-{place}": CardSpec(f"{900_000 + place:016d}", balance_fen=10_000) for place in range(20)}
DRAIN_SECONDS = 60.0
console = Console()


class Town:
    """What runs. Use as a context."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.devices: list[Living] = []
        self.troubles: list[str] = []
        self.acts: dict[str, int] = {}
        self._stop = threading.Event()
        self.city = City(folder, tills.key_file(), *_hospital_options(folder), "--operator", str(folder / "operator"))
        stack.callback(self.city.end)
        self.real = Stage(folder / "real", 1, RIDERS, [], int(self.city.address.rsplit(":", 1)[1]))
        stack.callback(self.real.close)
        self._open_devices(stack)
        self._threads = [threading.Thread(target=self._live, args=(device,)) for device in self.devices]
        self._threads.append(threading.Thread(target=self._ride))

    def _open_devices(self, stack: ExitStack) -> None:
        address, numbers, chance = self.city.address, iter(range(2, 100)), random.Random(1)
        lending = stack.enter_context(Server(library()))
        for kind, count in (("bus", BUSES), ("stall", STALLS), ("desk", DESKS), ("shelf", SHELVES)):
            for _ in range(count):
                number, own = f"{next(numbers):08d}", random.Random(chance.random())
                folder = self.folder / number
                match kind:
                    case "bus":
                        self.devices.append(Validator(folder, number, address, own))
                    case "shelf":
                        self.devices.append(Shelf(folder, number, address, own, VAULT, lending.port))
                    case _:
                        self.devices.append(TillDevice(folder, number, address, own, kind == "desk"))
        self._open_wards(stack)

    def _open_wards(self, stack: ExitStack) -> None:
        moment = counters.Time()
        moment.set(time.strftime("%Y-%m-%dT%H:%M:%S+08:00", time.gmtime(time.time() + 8 * 3_600)))
        service = Service(self.city.line, moment.at.isoformat, hospital=Hospital(VAULT, counters.policy()))
        stack.callback(service.close)
        (self.folder / "wards").mkdir()
        wards = counters.City(self.folder / "wards", self.city.address, service, moment, counters.policy())  # type: ignore[arg-type]
        wards.first_number = 51
        wards.insure(ZHANG, insured(5_000_000))
        self.devices += [Ward(wards, random.Random(place)) for place in range(WARDS)]

    def start(self) -> None:
        """Every device begins its day."""
        for thread in self._threads:
            thread.start()

    def _live(self, device: Living) -> None:
        chance = random.Random(id(device))
        while not self._stop.wait(chance.uniform(0.1, 1.0)):
            try:
                device.act()
                self.acts[device.kind] = self.acts.get(device.kind, 0) + 1
            except Exception as wrong:  # the others go on; the town has failed
                self.troubles.append(f"{device.kind}: {type(wrong).__name__} {wrong}")
                return

    def _ride(self) -> None:
        """Riders of the validator on the real readers."""
        chance, kind = random.Random(2), "bus on real readers 真实读卡器"
        while not self._stop.wait(chance.uniform(0.2, 1.0)):
            try:
                self.real.tap(chance.choice(list(RIDERS)))
                self.acts[kind] = self.acts.get(kind, 0) + 1
            except Exception as wrong:
                self.troubles.append(f"{kind}: {type(wrong).__name__} {wrong}")
                return

    @property
    def token(self) -> str:
        """What opens the operator's page."""
        return (self.folder / "operator" / "operator.token").read_text().strip()

    def health(self) -> list[object]:
        """What the operator's page shows of each terminal."""
        asked = Request(f"{self.city.address}/v1/operator/health", headers={"Authorization": f"Bearer {self.token}"})
        with urlopen(asked, timeout=10) as answer:
            found: list[object] = json.load(answer)["terminals"]
        return found

    def end(self) -> list[str]:
        """The day ends: every row is sent, the books are closed; what is wrong, each in a sentence."""
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
        faults = list(self.troubles)
        for device in self.devices:
            device.finish()
        if not self.real.drain(DRAIN_SECONDS):
            faults.append("the real validator's rows do not arrive")
        faults += [f"{device.kind}: rows do not arrive" for device in self.devices if not _drained(device)]
        taken = sum(device.taken_fen() for device in self.devices) + self._taken_by_real_fen()
        for device in self.devices:
            device.close()
        self.city.wait_for_the_books()
        booked = self.city.booked_fen()
        if taken != booked:
            faults.append(f"{taken / 100:.2f} yuan have left the cards, the books have {booked / 100:.2f}")
        faults += self.city.told_alarms()
        return faults

    def _taken_by_real_fen(self) -> int:
        chips = self.real.chips.remote.memory()["cards"].values()
        return sum(chip["spec"]["balance_fen"] - chip["balance_fen"] for chip in chips)


def _drained(device: Living) -> bool:
    deadline = time.monotonic() + DRAIN_SECONDS
    while device.journal.unsent().rows and time.monotonic() < deadline:
        time.sleep(0.05)
    return device.journal.unsent().rows == 0


def _hospital_options(folder: Path) -> tuple[str, ...]:
    """The centre's policy and keys of personal data, as files."""
    policy, personal = folder / "policy", folder / "personal.toml"
    policy.mkdir()
    for name, text in POLICY_FILES.items():
        (policy / name).write_text(text, "utf-8")
    personal.write_text(f'[personal]\nk1 = "{bytes(range(32)).hex()}"\n')
    return "--personal", str(personal), "--policy", str(policy)


@contextlib.contextmanager
def running() -> Iterator[Town]:
    """A town in a directory of its own."""
    with tempfile.TemporaryDirectory(prefix="town-") as folder, ExitStack() as stack:
        yield Town(Path(folder), stack)


@click.command()
@click.option("--seconds", type=click.IntRange(1), help="End after so long.  [default: on Ctrl-C]")
def main(seconds: int | None) -> None:
    """Start a city on this machine and let it live: PostgreSQL, two collectors, twenty devices of all kinds.

    The operator's page tells of each of them. At the end every row is sent, and what has left the cards is compared
    with the books; exit status 1 when they differ.
    """
    with console.status("starting 启动"), running() as town:
        town.start()
        console.print(f"the operator's page 运营页: {town.city.address}/operator", highlight=False)
        console.print(f"its token 口令: {town.token}", highlight=False, soft_wrap=True)
        began = time.monotonic()
        with contextlib.suppress(KeyboardInterrupt):
            while (seconds is None or time.monotonic() - began < seconds) and not town.troubles:
                time.sleep(1)
        console.print("the day ends: the last rows, the books 收班：补传与对账")
        faults = town.end()
        for kind, acts in sorted(town.acts.items()):
            console.print(f"  {acts:6} {kind}", highlight=False)
        console.print(f"  {town.city.booked_fen() / 100:.2f} yuan in the books, as on the cards" if not faults else "")
        for fault in faults:
            console.print(fault, style="red", highlight=False)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
