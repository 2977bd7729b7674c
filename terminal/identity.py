"""Whose journal this device writes: terminal, epoch and first serial, given by the backend at enrolment."""

import json
import logging
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from config.durable import replace_durably
from config.errors import ConfigError
from config.model import Configuration
from sync.chain import TRAINING, Identity
from sync.link import Link, LinkDown
from sync.session import Unclear
from sync.worker import enrol
from terminal.standing import CLOSED

if TYPE_CHECKING:
    from terminal.credential import Credential

log = logging.getLogger(__name__)

FILE = "identity.json"
CREDENTIAL = "credential"
"""The folder of what the device proves itself with (terminal/credential.py)."""

STOPPED = "stopped"
"""A file of this name in the data directory closes the device also after a restart; it holds the standing."""

Credentials = Callable[[], "Credential | None"]


def kept(data: Path, terminal: str) -> Identity | None:
    """The identity that lies in the data directory; None when the device was never enrolled. Raises ConfigError."""
    path = data / FILE
    try:
        table = json.loads(path.read_text("utf-8"))
        identity = Identity(str(table["terminal"]), int(table["epoch"]), int(table["first_serial"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as wrong:
        raise ConfigError(
            str(path),
            f"终端身份文件损坏（{wrong}）",
            f"the identity file is damaged ({wrong})",
            "请运行 smk enrol 重新登记",
            "enrol the terminal anew: smk enrol",
        ) from wrong
    if identity.terminal != terminal:
        raise ConfigError(
            str(path),
            f"数据目录属于终端 {identity.terminal}，配置为 {terminal}",
            f"the data directory is terminal {identity.terminal}'s, the configuration says {terminal}",
            "请更换数据目录，或改回终端号",
            "give this terminal a data directory of its own, or correct its number",
        )
    return identity


def credentials(configuration: Configuration) -> Credentials:
    """Gives the device's credential, None while there is none; one for the process, opened when first asked for.

    What it needs takes 0.1 s to import: a device that starts does not wait for it.
    """

    @cache
    def opened() -> "Credential | None":
        from terminal.credential import Credential

        data, number = Path(configuration.terminal.data), configuration.terminal.number
        return Credential(data, configuration.sync.key, number)

    return lambda: opened() if (Path(configuration.terminal.data) / CREDENTIAL / "current.pem").exists() else None


def enrolled(data: Path, terminal: str, backend: str, credential: Credentials = lambda: None) -> Identity:
    """Ask the backend for a new epoch and keep it. Raises LinkDown, or ConfigError when the backend refuses."""
    link = Link(backend, credential=credential)
    try:
        reply = enrol(link, terminal)
    finally:
        link.close()
    if isinstance(reply, Unclear):
        raise ConfigError(
            backend,
            f"后台没有登记该终端（{reply.what}）",
            f"the backend did not enrol the terminal ({reply.what})",
            "请核对终端号和后台地址；后台要求证书时：smk enrol --code",
            "check the terminal number and the backend's address; where it wants a certificate: smk enrol --code",
        )
    keep(data, reply)
    return reply


def known_or_first(data: Path, terminal: str, backend: str, credential: Credentials = lambda: None) -> Identity:
    """The kept identity; without one, the backend's; without a backend in reach, epoch 1: a new terminal's first.

    Raises ConfigError, also for a training's number: no device works under it, nor in a training's directory.
    """
    if terminal == TRAINING:
        zh, en = f"{TRAINING} 是培训专用终端号", f"{TRAINING} is the terminal number of trainings"
        raise ConfigError("terminal.number", zh, en, "请填写发卡方给的终端号", "set the number that the issuer gave")
    identity = kept(data, terminal)
    if identity is not None:
        return identity
    if backend:
        try:
            return enrolled(data, terminal, backend, credential)
        except LinkDown as away:
            log.warning("no backend to enrol with (%s): epoch 1; if this terminal ran before, run smk enrol", away)
    identity = Identity(terminal, 1, 1)
    keep(data, identity)
    return identity


def keep(data: Path, identity: Identity) -> None:
    """Write the identity, durably and at once."""
    data.mkdir(parents=True, exist_ok=True)
    replace_durably(data / FILE, json.dumps(identity._asdict()).encode("utf-8"))


def renewed(credential: Credentials, link: Link) -> str:
    """Renew the certificate; what is wrong, "" for nothing. A failure is tried again with the next answer."""
    from sync.keystore import KeyTrouble
    from terminal.credential import NotCertified

    held = credential()
    if held is None:
        return ""
    try:
        held.renew(link)
    except (LinkDown, NotCertified, KeyTrouble, OSError) as wrong:
        log.error("the certificate was not renewed: %s", wrong)
        return f"certificate not renewed: {wrong}"
    return ""


class Standing:
    """What the backend last said of this terminal: "" in service, else why it is closed. Safe from any thread.

    It survives a restart, so that a stopped device does not serve by being switched off and on without a network.
    """

    def __init__(self, data: Path) -> None:
        self._file = data / STOPPED
        kept = self._file.read_bytes()[:20].decode("ascii", "replace") if self._file.exists() else ""
        self.closed = kept if kept in CLOSED else ""

    def heard(self, standing: str) -> None:
        """The backend has spoken: "in_service", or what became of the terminal."""
        closed = "" if standing == "in_service" else standing if standing in CLOSED else self.closed
        if closed == self.closed:
            return
        log.error("the backend says of this terminal: %s", standing)
        self.closed = closed
        try:
            if closed:
                replace_durably(self._file, closed.encode("ascii"))
            else:
                self._file.unlink(missing_ok=True)
        except OSError as wrong:  # a full disk: it is in force, and said again with every answer after a restart
            log.error("the standing could not be kept: %s", wrong)

    def why(self) -> str:
        """Why the device is closed: a word of CLOSED, "" when it is not."""
        return self.closed

    def words(self) -> str:
        """The same for people, in both languages."""
        return "，".join(CLOSED[self.closed]) if self.closed else ""
