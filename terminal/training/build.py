"""A training from nothing: its own directory, its own number, its own library system, and no way out."""

import os
from base64 import b64encode
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from apdu.virtual.timing import ESTIMATES, Timing
from config.durable import replace_durably
from config.errors import ConfigError
from config.model import Configuration, Face, Hospital, Library, Market, Peripherals, Psam, Tariff, Terminal, TopUp, Web
from sync import settling
from sync.chain import TRAINING, Identity
from sync.entitlements import Entitlements, Listed, ListName, Person, build_delta, place
from sync.vault import Vault, new_key_file
from terminal import identity
from terminal.counters import build as counters
from terminal.counters.limits import PORT
from terminal.counters.place import Openers
from terminal.drivers.clock import SystemClock
from terminal.faces.web.accounts import Accounts
from terminal.faces.web.page import Role
from terminal.hospital.build import STORE
from terminal.training.bank import TrainingBank
from terminal.training.cast import TRAINEES, kept_of, shelf
from terminal.training.ils.server import Server
from terminal.training.tray import SimulatedTray

PEOPLE = {Role.CLERK: "0101", Role.SUPERVISOR: "0201", Role.TECHNICIAN: "0901"}
PASSWORD = "training"
KEYS = "personal.toml"
LIBRARY = "library.json"
BLOCKED: tuple[ListName, ...] = ("person", "topup", "employer")
NOT_EMPTY = (
    "培训目录里有实际设备的数据",
    "the directory holds a real device's data, or something else",
    "请另选空目录，培训绝不使用实际数据",
    "choose an empty directory: a training never touches live data",
)


@dataclass(slots=True)
class Training:
    """A training that runs."""

    built: counters.Built
    tray: SimulatedTray
    library: Server
    folder: Path

    def close(self) -> None:
        """End it; what the cards and the library remember is kept for the next time."""
        self.built.close()
        self.library.__exit__()
        self.tray.save()
        replace_durably(self.folder / LIBRARY, kept_of(self.library.shelf), 0o600)


def start(folder: Path, port: int = PORT, timing: Timing = ESTIMATES, scanner: str = "") -> Training:
    """Begin a training in `folder`, which is empty, new, or a training's already; a real `scanner` on its serial port
    may be tried in it. Raises ConfigError, JournalError."""
    claim(folder)
    library = Server(shelf(folder / LIBRARY))
    configuration = replace(_configuration(folder, library.port, port), peripherals=Peripherals(scanner=scanner))
    _people(folder)
    _insure(folder)
    tray = SimulatedTray(TRAINEES, folder / "cards.json", timing)
    library.__enter__()
    try:
        openers = Openers(tray.open_reader, tray.open_psam, tray.open_contact)
        return Training(counters.build(configuration, openers, tray, TrainingBank), tray, library, folder)
    except BaseException:
        library.__exit__()
        raise


def claim(folder: Path) -> None:
    """Make the folder a training's. Raises ConfigError where it is anything else."""
    kept = identity.kept(folder, TRAINING)  # refuses another terminal's
    if kept is not None:
        return
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(str(folder), *NOT_EMPTY)
    identity.keep(folder, Identity(TRAINING, 1, 1))


def _configuration(folder: Path, library_port: int, port: int) -> Configuration:
    keys, password = folder / KEYS, folder / "ils-password"
    if not keys.exists():
        _private(keys, new_key_file(date.today().isoformat()))
    if not password.exists():
        _private(password, "secret\n")
    return Configuration(
        terminal=Terminal(TRAINING, "0" * 15, str(folder)),
        psam=Psam("training"),
        tariff=Tariff("builtin:jiaxing"),
        face=Face(console=False),
        web=Web(port),
        library=Library(
            branch="培训分馆",
            institution="JXLIB",
            host="127.0.0.1",
            port=library_port,
            profile="evergreen",
            user="desk",
            password=str(password),
            keys=str(keys),
        ),
        hospital=Hospital(reader="training", institution="H33040000000", level="2", keys=str(keys)),
        market=Market(stall="培训摊位"),
        topup=TopUp(place="培训充值台"),
    )


def _insure(folder: Path) -> None:
    """The daily file of the insured, and empty lists of the blocked: the people of the tray, as of now."""
    vault = Vault.read(folder / KEYS)
    store = Entitlements(folder / STORE, vault)
    try:
        version, at = store.told("insured").version + 1, SystemClock().read().at.isoformat()
        persons = []
        for one in TRAINEES:
            if one.insured is not None and one.chip is not None:
                ref = vault.ref("person", one.chip.id_number)
                sealed = vault.seal(settling.write_insured(one.insured), place(ref, version))
                persons.append(Person(ref, version, sealed.key, b64encode(sealed.data).decode("ascii")))
        store.apply(build_delta("insured", 0, version, at, persons))
        for name in BLOCKED:
            store.apply(build_delta(name, 0, store.told(name).version + 1, at, list[Listed]()))
    finally:
        store.close()


def _people(folder: Path) -> None:
    accounts = Accounts(folder)
    for role, name in PEOPLE.items():
        if accounts.people().account(name) is None:
            accounts.add(name, role, PASSWORD)


def _private(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(handle, "w", encoding="utf-8") as out:
        out.write(text)
