"""An office that signs, and devices that trust it, in memory and on a disk: what the tests of signed packs stand on."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from securesystemslib.signer import SSlibKey

from config.durable import zipped
from config.errors import ConfigError
from config.model import Configuration, Packs, Psam, Tariff, Terminal
from config.signing.contents import CITY, KINDS, Entry, Kind
from config.signing.keys import KeyRing, make_key
from config.signing.office import Office
from config.signing.stick import write_stick
from terminal import packs, signed
from tests.test_pack import pack_files

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
PASSPHRASE = "correct horse battery"
DAY = timedelta(days=1)
DECEMBER = date(2026, 12, 1)


class OfficeRoom:
    """A repository with its keys in `folder`, an operator "bus" and the city. `now` is its clock."""

    def __init__(self, folder: Path, now: datetime = NOW) -> None:
        self.folder, self.repository, self.now = folder, folder / "repo", now
        made = {"root": [self.key(f"root-{nth}") for nth in (1, 2, 3)]}
        made |= {role: [self.key(f"{role}-1")] for role in ("targets", "snapshot", "timestamp")}
        self.office().found(made)
        self.delegate("bus", "", ("tariff", "settings", "profiles"))
        self.delegate(CITY, "", KINDS)

    def key(self, name: str) -> SSlibKey:
        """A new key in the office's folder."""
        return make_key(self.folder / "keys", name, f"holder of {name}", PASSPHRASE)

    def delegate(self, operator: str, place: str, kinds: tuple[Kind, ...]) -> None:
        """Let a new key sign."""
        key = self.key(f"{operator}.{place}-1" if place else f"{operator}-1")
        self.office().delegate(operator, place, key, kinds)

    def office(self) -> Office:
        """The office as it is now."""
        return Office(self.repository, KeyRing([self.folder / "keys"], lambda name: PASSPHRASE), self.now)

    @property
    def root(self) -> bytes:
        """The first root."""
        return (self.repository / "metadata" / "1.root.json").read_bytes()

    def publish(
        self, version: str, day: date, operator: str = "bus", place: str = "all", kind: Kind = "tariff"
    ) -> None:
        """A tariff pack of that version, in force from that day."""
        raw = zipped(pack_of(version, day))
        self.office().publish(operator, place, Entry(kind, version, day, f"{version}.zip"), raw)

    def stick(self, name: str = "usb", days: int = 300) -> Path:
        """A stick written now."""
        write_stick(self.office(), self.folder / name / "smk", days)
        return self.folder / name


def pack_of(version: str, day: date) -> dict[str, bytes]:
    """The shipped pack under another version, in force from another day."""
    files = pack_files("jiaxing")
    said = files["pack.toml"].replace(b'"jiaxing-2022.1"', f'"{version}"'.encode())
    return {**files, "pack.toml": said.replace(b"{ value = 2022-01-01", f"{{ value = {day}".encode())}


def device(folder: Path, operator: str = "bus", place: str = "") -> Configuration:
    """A device of an operator, with its data in `folder`."""
    return Configuration(
        Terminal("00000001", "000000000000001", str(folder / "data")),
        Psam("SAM"),
        Tariff("builtin:jiaxing"),
        packs=Packs(operator, place),
    )


def take(bus: Configuration, place: Path | str, now: datetime = NOW) -> dict[str, str]:
    """Load it; what became of each version."""
    return {one.offer.entry.version: one.planned.how for one in signed.load(bus, str(place), now).changes}


def refusal(bus: Configuration, place: Path | str, now: datetime = NOW, kind: str = "tariff") -> str:
    """Why something on it is not taken; nothing waits on the shelf of its kind or is in force that did not before."""
    before = packs.shelf_of(bus, kind).state()
    try:
        refused = [trouble for _, trouble in signed.load(bus, str(place), now).refused]
    except ConfigError as trouble:
        refused = [trouble]
    assert refused, "all of it was taken"
    assert packs.shelf_of(bus, kind).state() == before
    return "\n".join(trouble.text() for trouble in refused)
