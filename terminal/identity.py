"""Whose journal this device writes: terminal, epoch and first serial, given by the backend at enrolment."""

import json
import logging
import os
from pathlib import Path

from config.errors import ConfigError
from sync.chain import Identity
from sync.link import Link, LinkDown
from sync.session import Unclear
from sync.worker import enrol

log = logging.getLogger(__name__)

FILE = "identity.json"


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


def enrolled(data: Path, terminal: str, backend: str) -> Identity:
    """Ask the backend for a new epoch and keep it. Raises LinkDown, or ConfigError when the backend refuses."""
    link = Link(backend)
    try:
        reply = enrol(link, terminal)
    finally:
        link.close()
    if isinstance(reply, Unclear):
        raise ConfigError(
            backend,
            f"后台没有登记该终端（{reply.what}）",
            f"the backend did not enrol the terminal ({reply.what})",
            "请核对终端号和后台地址",
            "check the terminal number and the backend's address",
        )
    keep(data, reply)
    return reply


def known_or_first(data: Path, terminal: str, backend: str) -> Identity:
    """The kept identity; without one, the backend's; without a backend in reach, epoch 1: a new terminal's first."""
    identity = kept(data, terminal)
    if identity is not None:
        return identity
    if backend:
        try:
            return enrolled(data, terminal, backend)
        except LinkDown as away:
            log.warning("no backend to enrol with (%s): epoch 1; if this terminal ran before, run smk enrol", away)
    identity = Identity(terminal, 1, 1)
    keep(data, identity)
    return identity


def keep(data: Path, identity: Identity) -> None:
    """Write the identity, durably and at once."""
    data.mkdir(parents=True, exist_ok=True)
    fresh = data / (FILE + ".new")
    with fresh.open("w", encoding="utf-8") as file:
        json.dump(identity._asdict(), file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(data / FILE)
    folder = os.open(data, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
