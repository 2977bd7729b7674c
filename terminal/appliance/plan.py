"""What `smk install` puts on a Debian system, as a list of steps that each know whether they are done.

A root prefix (an image that is being built) gets files, folders and links; the running system also gets told.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from importlib.resources import files
from pathlib import Path, PurePosixPath

MARK = "Installed by smk install"
"""Stands in the first line of each file that is ours; another file is never overwritten or removed."""

CONFIGURATION = "/etc/smk/terminal.toml"
DATA = "/var/lib/smk"
SYSTEMD = "/etc/systemd/system"


class State(Enum):
    """How a step finds the system."""

    MISSING = "missing"
    OLD = "old"
    DONE = "done"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Item:
    """A file with `text`, a link to `target`, or a folder. `stays`: written once, never changed, kept at uninstall."""

    path: str
    why: str
    text: str = ""
    target: str = ""
    mode: int = 0o644
    stays: bool = False

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return not self.text and not self.target

    def state(self, root: Path) -> State:
        """How it is under `root`. Raises OSError."""
        place = under(root, self.path)
        if self.target:
            if not place.is_symlink():
                return State.FOREIGN if place.exists() else State.MISSING
            return State.DONE if os.readlink(place) == self.target else State.FOREIGN
        if self.is_folder:
            return State.DONE if place.is_dir() else State.FOREIGN if place.exists() else State.MISSING
        if not place.exists():
            return State.MISSING
        if self.stays:
            return State.DONE
        found = place.read_text("utf-8", "replace")
        if MARK not in found.partition("\n")[0]:
            return State.FOREIGN
        return State.DONE if found == self.text and place.stat().st_mode & 0o777 == self.mode else State.OLD

    def put(self, root: Path) -> None:
        """Make it so, whole or not at all. Raises OSError."""
        place = under(root, self.path)
        place.parent.mkdir(parents=True, exist_ok=True)
        if self.is_folder:
            place.mkdir(exist_ok=True)
            place.chmod(self.mode)
        elif self.target:
            place.symlink_to(self.target)
        else:
            fresh = place.with_name(f".{place.name}.smk-new")
            fresh.write_text(self.text, "utf-8")
            fresh.chmod(self.mode)
            fresh.replace(place)

    def take_away(self, root: Path) -> None:
        """Remove it. Raises OSError."""
        under(root, self.path).unlink()


@dataclass(frozen=True, slots=True)
class Command:
    """What the running system is told. `may_fail`: nothing is wrong when it cannot (a module that is not loaded)."""

    words: tuple[str, ...]
    why: str
    may_fail: bool = False
    remedy: str = ""


def under(root: Path, path: str) -> Path:
    """The place of an absolute `path` below `root`; a link in the image never leads out of it."""
    place = root.joinpath(*PurePosixPath(path).parts[1:])
    if not place.parent.resolve().is_relative_to(root.resolve()):
        raise OSError(f"{path} leads out of {root}: a link on its way points elsewhere")
    return place


def items(program: str, readers: Sequence[tuple[int, int]], sample: str, configuration: str = "") -> Iterator[Item]:
    """Everything that is put down, in order.

    `readers`: USB vendor and product of each reader that nfcpy drives. `configuration`: its text; "": the technician
    writes it, and the terminal does not start before.
    """
    unit = f"{SYSTEMD}/smk.service"
    rules = "\n".join(
        f'ATTR{{idVendor}}=="{vendor:04x}", ATTR{{idProduct}}=="{product:04x}", '
        'GROUP="plugdev", MODE="0660", TEST=="power/control", ATTR{power/control}="on"'
        for vendor, product in sorted(readers)
    )
    told = {"@PROGRAM@": program, "@CONFIG@": CONFIGURATION, "@READERS@": rules}
    yield Item(str(PurePosixPath(CONFIGURATION).parent), "the configuration's folder", mode=0o755, stays=True)
    yield Item(f"{CONFIGURATION}.sample", "a configuration to copy and fill in", f"# {MARK}\n{sample}")
    if configuration:
        yield Item(CONFIGURATION, "the configuration", configuration, stays=True)
    yield Item(DATA, "the one directory that is written", mode=0o700, stays=True)
    for path, name, why in (
        ("/etc/sysusers.d/smk.conf", "sysusers.conf", "the user smk"),
        ("/etc/tmpfiles.d/smk.conf", "tmpfiles.conf", "the data directory's owner"),
        ("/etc/udev/rules.d/60-smk.rules", "udev.rules", "USB readers for that user"),
        ("/etc/modprobe.d/smk.conf", "modprobe.conf", "keeps the kernel's drivers off them"),
        ("/etc/polkit-1/rules.d/60-smk.rules", "polkit.rules", "the PSAM for that user"),
        ("/etc/systemd/journald@smk.conf", "journald.conf", "a log that rotates"),
        (unit, "smk.service", "starts the terminal, watches it, restarts it"),
        (f"{SYSTEMD}/smk-packs.service", "smk-packs.service", "takes signed packs from the network, where configured"),
        (f"{SYSTEMD}/smk-packs.timer", "smk-packs.timer", "every six hours"),
    ):
        yield Item(path, why, _filled(name, told))
    timer = f"{SYSTEMD}/smk-packs.timer"
    yield Item(f"{SYSTEMD}/timers.target.wants/smk-packs.timer", "starts that with the system", target=timer)
    wanted = f"{SYSTEMD}/multi-user.target.wants/smk.service"
    yield Item(wanted, "starts it with the system", target=unit)


def _filled(name: str, told: dict[str, str]) -> str:
    text = (files("terminal.appliance") / "files" / name).read_text("utf-8")
    for mark, value in told.items():
        text = text.replace(mark, value)
    return text


OUT_OF_REACH = """用户 smk 无法启动该程序：请装到 /opt/smk，勿放在 /root
The terminal's user cannot start that program: install it where it can, as in /opt/smk, not in /root."""


def after_install(program: str) -> tuple[Command, ...]:
    """What the running system is told, when all is in place."""
    usable = ("runuser", "-u", "smk", "--", program, "--version")
    return (
        Command(("systemd-sysusers", "smk.conf"), "make the user"),
        Command(("systemd-tmpfiles", "--create", "smk.conf"), "give the data directory to it"),
        Command(usable, "whether it can start the program", remedy=OUT_OF_REACH),
        Command(("modprobe", "-r", "pn533_usb", "port100"), "let the readers go", may_fail=True),
        Command(("udevadm", "control", "--reload"), "read the rules", may_fail=True),
        Command(("udevadm", "trigger", "--subsystem-match=usb"), "apply them to what is plugged in", may_fail=True),
        Command(("systemctl", "daemon-reload"), "read the units"),
        Command(("systemctl", "start", "smk-packs.timer"), "look for signed packs from time to time"),
        Command(("systemctl", "restart", "smk.service"), "start the terminal, if it is configured"),
    )


BEFORE_UNINSTALL = (
    Command(("systemctl", "stop", "smk-packs.timer"), "look for packs no more"),
    Command(("systemctl", "stop", "smk.service"), "end the terminal; a running tap ends first"),
)
AFTER_UNINSTALL = (
    Command(("systemctl", "daemon-reload"), "forget the unit"),
    Command(("udevadm", "control", "--reload"), "forget the rules", may_fail=True),
)
