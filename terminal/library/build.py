"""A library's counter from its configuration."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from config.errors import ConfigError
from config.files import read_file
from config.model import Configuration, Library
from config.store import load_pack_files
from sync.ils import Account, Ils
from sync.journal import Journal
from sync.sip2.errors import BadIlsProfile
from sync.sip2.ils import Desk
from sync.sip2.profile import IlsProfile, read_profile
from sync.vault import Vault
from tariffs.faults import PackFaults
from tariffs.library import parse_blocked, parse_lending
from terminal import box, identity
from terminal.library.counter import Counter, Rules
from terminal.library.limits import BLOCKED_BYTES_MAX, PASSWORD_BYTES_MAX
from terminal.ports import Clock
from terminal.precedence import Precedence


@contextmanager
def counter(configuration: Configuration) -> Iterator[Counter]:
    """The counter, open; its journal and its line are closed at the end. Raises ConfigError, BadVault, JournalError."""
    checked(configuration.library)
    data = Path(configuration.terminal.data)
    credential = identity.credentials(configuration)
    whose = identity.known_or_first(data, configuration.terminal.number, configuration.sync.backend, credential)
    journal, clock = box.open_journal(data, whose)
    try:
        opened = over(configuration.library, journal, clock, Precedence())
        try:
            yield opened
        finally:
            opened.client.close()
    finally:
        journal.close()


def over(library: Library, journal: Journal, clock: Clock, precedence: Precedence) -> Counter:
    """The counter over a journal that is open; `precedence` of this process's cards.

    Raises ConfigError, BadVault, JournalError.
    """
    checked(library)
    client = Ils(_account(library), load_profile(library.profile))
    return Counter(journal, Vault.read(Path(library.keys)), clock, client, load_rules(library), precedence)


def checked(library: Library) -> None:
    """Raises ConfigError where this device is no library's counter, or has no keys."""
    if not library.branch:
        raise ConfigError(
            "library.branch",
            "本机不是借还台",
            "this device is no library counter",
            "在 [library] 中填写 branch",
            "set branch in [library]",
        )
    if not library.keys:
        raise ConfigError(
            "library.keys",
            "缺少个人数据密钥",
            "the keys of personal data are missing",
            "运行 smk library keys FILE 生成",
            "make them: smk library keys FILE",
        )


def load_rules(library: Library) -> Rules:
    """Lending rules and blocked readers. Raises ConfigError."""
    try:
        lending = parse_lending(load_pack_files(library.rules, "library"))
        blocked = frozenset[str]()
        if library.blocked:
            raw = read_file(Path(library.blocked), BLOCKED_BYTES_MAX)
            blocked = parse_blocked(raw, Path(library.blocked).name)
    except PackFaults as wrong:
        raise ConfigError.refused("library", wrong) from wrong
    return Rules(lending, blocked)


def load_profile(name: str) -> IlsProfile:
    """A profile that came with the program. Raises ConfigError."""
    folder = files("sync.sip2") / "profiles"
    known = sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))
    if name not in known:
        zh, en = f"没有此图书馆系统 {name}", f"there is no profile {name}"
        raise ConfigError("library.profile", zh, en, f"可用：{'、'.join(known)}", f"choose one of: {', '.join(known)}")
    try:
        return read_profile((folder / f"{name}.toml").read_text("utf-8"))
    except BadIlsProfile as wrong:
        zh, en = f"图书馆系统配置有误：{wrong}", f"the profile is wrong: {wrong}"
        raise ConfigError("library.profile", zh, en, "重新安装程序", "install the program anew") from wrong


def _account(library: Library) -> Account:
    password = ""
    if library.password:
        raw = read_file(Path(library.password), PASSWORD_BYTES_MAX)
        password = raw.decode("utf-8", "replace").strip()
    return Account(library.host, library.port, library.user, password, Desk(library.institution, "", library.branch))
