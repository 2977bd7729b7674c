"""A Debian system in a container: this machine's files below a layer that is thrown away, systemd as its first process.

systemd-nspawn boots it, in name spaces of its own: mounts, processes, network (its loopback alone), host name, cgroups.
What this machine starts with itself is left out; nothing of it is written. Root only.
"""

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

PROJECT = Path(__file__).parent.parent.parent
PROGRAM = "/opt/smk"
STICK = "/media/usb"
CHIPS = "/srv/chips"
ROOM = "/run/smk-drill"
"""In the keeper's own mounts: a folder of this name below / is made, and stays empty here."""
PATIENCE = 60.0
COMMAND_S = 120.0

# Reads one line a boot: options for systemd-nspawn. A cgroup tree of version 2 alone is what Debian 12 has.
KEEPER = f"""
set -eu
mount --make-rprivate /
mkdir -p {ROOM}
mount -t tmpfs -o mode=755 tmpfs {ROOM}
cd {ROOM}
mkdir base upper work root program
mount --bind / base
mount -t overlay -o lowerdir=base,upperdir=upper,workdir=work overlay root
rm -rf root/etc/systemd/system/*.wants root/etc/smk root/var/lib/smk
rm -f root/etc/systemd/journald@smk.conf root/etc/hostname
for unit in $(cd root/etc/systemd/system && ls -d smk* 2>/dev/null); do rm -rf root/etc/systemd/system/$unit; done
tr -d - </proc/sys/kernel/random/uuid >root/etc/machine-id
for part in $(seq 20); do umount -R /sys/fs/cgroup 2>/dev/null || break; done
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p root{PROGRAM} root{STICK} root{CHIPS} root/var/lib/smk
echo prepared
while read -r options; do
  status=0
  systemd-nspawn --quiet --register=no --keep-unit --private-network --link-journal=no --machine=terminal \\
    --hostname=terminal --directory=root --boot --console=read-only --overlay="$PROGRAM:{ROOM}/program:{PROGRAM}" \\
    --bind-ro="$STICK:{STICK}" --bind="$DATA:/var/lib/smk" --bind="$CHIPS:{CHIPS}" \\
    $options systemd.unit=multi-user.target </dev/null || status=$?
  echo "ended $status"
done
"""


class Container:
    """One that can be booted again and again; its files stay until `close`. `said` is its console."""

    def __init__(self, folder: Path, stick: Path) -> None:
        assert os.geteuid() == 0, "须有 root 权限 · booting a machine needs root: sudo make appliance"
        missing = [tool for tool in ("systemd-nspawn", "unshare", "nsenter") if shutil.which(tool) is None]
        assert not missing, f"缺少 · not here: {', '.join(missing)}: run .ci/setup whole"
        self.console = folder / "console.log"
        self._log = self.console.open("wb")
        self.data, self.chips = folder / "data", folder / "chips"
        self.data.mkdir()
        self.chips.mkdir()
        places = {"PROGRAM": PROJECT / ".venv", "STICK": stick, "DATA": self.data, "CHIPS": self.chips}
        environment = {"PATH": os.environ["PATH"]} | {name: str(place) for name, place in places.items()}
        command = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "bash", "-c", KEEPER]
        self._keeper = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=self._log, stderr=subprocess.STDOUT, env=environment
        )
        self._first = 0
        self._until(lambda: b"prepared" in self._raw(), "mount name spaces, an overlay (a whole machine may)")

    def boot(self, *options: str) -> None:
        """Power on; returns when the system has come up."""
        assert self._keeper.stdin is not None
        self._keeper.stdin.write(" ".join((*options, "\n")).encode())
        self._keeper.stdin.flush()
        ended = self._ends()
        self._until(lambda: self._has_first() or self._ends() > ended, "it starts")
        self._until(self._has_first, "systemd starts as the first process")
        self._until(lambda: self.ask("systemctl", "is-system-running").strip() in UP, "the system comes up")

    def power_off(self) -> None:
        """As its switch would do it: systemd ends everything."""
        ended = self._ends()
        self.ask("systemctl", "poweroff")
        self._until(lambda: self._ends() > ended, "the system goes down")
        self._first = 0

    def close(self) -> None:
        """Throw it away. All its processes end with the first."""
        assert self._keeper.stdin is not None
        with contextlib.suppress(OSError):
            self._keeper.stdin.close()
        self._keeper.kill()
        self._keeper.wait(PATIENCE)
        self._log.close()

    @property
    def root(self) -> Path:
        """Its root directory, as it sees it."""
        return Path(f"/proc/{self._first}/root")

    def inside(self, *words: str) -> list[str]:
        """The command that runs `words` in it, as root."""
        path = f"PATH={PROGRAM}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        enter = ["nsenter", "--target", str(self._first), "--all", "--"]
        return [*enter, "env", "--ignore-environment", "--chdir=/", path, "LANG=C.UTF-8", "HOME=/root", *words]

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run it to its end."""
        return subprocess.run(
            self.inside(*words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace", timeout=COMMAND_S, check=False,
        )  # fmt: skip

    def ask(self, *words: str) -> str:
        """What it says, whatever its status."""
        return self.run(*words).stdout

    def _raw(self) -> bytes:
        return self.console.read_bytes()

    def _ends(self) -> int:
        """How often it was powered off."""
        return self._raw().count(b"\nended ")

    def _has_first(self) -> bool:
        """Whether systemd runs; keeps its number here."""
        for pid in _below(self._keeper.pid):
            with contextlib.suppress(OSError):
                if b"systemd.unit=" in (words := Path(f"/proc/{pid}/cmdline").read_bytes()) and (
                    words.split(b"\0")[0].endswith(b"/systemd")
                ):
                    self._first = pid
                    return True
        return False

    def _until(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not holds():
            said = self._raw().decode(errors="replace")[-2_000:]
            assert self._keeper.poll() is None, f"这台机器不允许 · this machine does not let us: {what}\n{said}"
            assert time.monotonic() < deadline, f"not within {PATIENCE:.0f} s: {what}\n{said}"
            time.sleep(0.05)


UP = ("running", "degraded")


def _below(pid: int) -> Iterator[int]:
    """Every process that descends from it."""
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            yield int(child)
            yield from _below(int(child))
