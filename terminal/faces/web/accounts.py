"""Who may work at this device: the file of accounts, passwords, lock-outs, and the tokens of programs.

The file lies in the data directory, readable by the device's user only. A password is kept as scrypt's hash, a token as
SHA-256 of its 256 random bits. The device and a technician's command may both change it.
"""

import hashlib
import os
import secrets
import threading
import time
from collections.abc import Callable
from hmac import compare_digest
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec.structs import replace

from config.durable import alone, replace_durably, telling
from config.errors import ConfigError
from config.files import read_file
from terminal.faces.web.limits import (
    ACCOUNTS_BYTES_MAX,
    ACCOUNTS_LOCK_S,
    ACCOUNTS_MAX,
    FAILURES_MAX,
    LOCK_OUT_S,
    PASSWORD_CHARS_MAX,
    PASSWORD_CHARS_MIN,
    SCRYPT_BYTES_MAX,
    SCRYPT_N,
    SCRYPT_P,
    SCRYPT_R,
)
from terminal.faces.web.page import Role, Who

FILE = "accounts"

Name = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_-]{1,16}\Z")]
"""A work number or a program's name; no person's name."""


class Account(msgspec.Struct, frozen=True):
    """A clerk. `salt`, `hash` of the password; `locked` by a technician; `locked_until` (epoch seconds) by failures."""

    name: Name
    role: Role
    salt: bytes
    hash: bytes
    locked: bool = False
    failures: int = 0
    locked_until: int = 0

    def shut(self, now: int) -> bool:
        """Whether it is locked now; a clock that was set back locks nobody for longer than LOCK_OUT_S."""
        return self.locked or now < self.locked_until <= now + LOCK_OUT_S


class Program(msgspec.Struct, frozen=True):
    """A program of an ILS, HIS or POS; `token` SHA-256 of its token."""

    name: Name
    role: Role
    token: bytes


class People(msgspec.Struct, frozen=True):
    """The file."""

    accounts: Annotated[tuple[Account, ...], msgspec.Meta(max_length=ACCOUNTS_MAX)] = ()
    programs: Annotated[tuple[Program, ...], msgspec.Meta(max_length=ACCOUNTS_MAX)] = ()

    def account(self, name: str) -> Account | None:
        """The account of that name."""
        return next((one for one in self.accounts if one.name == name), None)

    def with_account(self, account: Account) -> "People":
        """With this account in its place."""
        others = tuple(one for one in self.accounts if one.name != account.name)
        return replace(self, accounts=tuple(sorted((*others, account), key=lambda one: one.name)))


class Refusal(msgspec.Struct, frozen=True):
    """Why a log-in failed: "wrong" or "locked"; `known` whether there is such an account."""

    why: str
    known: bool


def hashed(password: str, salt: bytes) -> bytes:
    """scrypt of a password; the interpreter goes on with other threads meanwhile."""
    price = {"n": SCRYPT_N, "r": SCRYPT_R, "p": SCRYPT_P, "maxmem": SCRYPT_BYTES_MAX}
    return hashlib.scrypt(password.encode(), salt=salt, dklen=32, **price)


class Accounts:
    """The accounts of one device, read again whenever the file has changed."""

    def __init__(self, data: Path, now: Callable[[], float] = time.time) -> None:
        self.path = data / FILE
        self._now = now
        self._one_guess = threading.Lock()
        self._seen: object = None
        self._people = People()

    def people(self) -> People:
        """All of them. Raises ConfigError for a damaged file: then nobody gets in."""
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            return People()
        seen = (found.st_ino, found.st_mtime_ns, found.st_size)
        if seen != self._seen:
            self._people, self._seen = self._read(), seen
        return self._people

    def _read(self) -> People:
        try:
            return msgspec.json.decode(read_file(self.path, ACCOUNTS_BYTES_MAX), type=People)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
            zh, en = f"账户文件损坏：{wrong}", f"the file of accounts is damaged: {wrong}"
            zh_do, en_do = "移开此文件，用 smk clerk add 重建", "move it aside and make them anew: smk clerk add"
            raise ConfigError(str(self.path), zh, en, zh_do, en_do) from wrong

    def change(self, step: Callable[[People], People]) -> None:
        """Put what `step` makes of the present accounts in their place, durably. Raises ConfigError."""
        with telling(self.path.parent, "账户文件无法写入", "the accounts cannot be written"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with alone(self.path.with_name(FILE + ".lock"), ACCOUNTS_LOCK_S, "another smk clerk command holds it"):
                people = self.people()
                changed = step(people)
                if changed != people:
                    replace_durably(self.path, msgspec.json.encode(changed), 0o600)

    def add(self, name: str, role: Role, password: str) -> None:
        """A new clerk. Raises ConfigError when there is one of that name, or for a password of a wrong length."""
        check_password(password)
        salt = secrets.token_bytes(16)
        account = msgspec.convert({"name": name, "role": role, "salt": salt, "hash": hashed(password, salt)}, Account)

        def step(people: People) -> People:
            if people.account(name) is not None:
                zh, en = f"已有账户 {name}", f"there is an account {name} already"
                raise _refused(zh, en, "用 smk clerk password 改密码", "smk clerk password changes its password")
            return people.with_account(account)

        self.change(step)

    def set_password(self, name: str, password: str) -> None:
        """Another password; what failures locked is open again. Raises ConfigError."""
        check_password(password)
        salt = secrets.token_bytes(16)
        fresh = hashed(password, salt)
        self._change_one(name, lambda one: replace(one, salt=salt, hash=fresh, failures=0, locked_until=0))

    def lock(self, name: str, locked: bool) -> None:
        """Lock an account for good, or open it again. Raises ConfigError."""
        self._change_one(name, lambda one: replace(one, locked=locked, failures=0, locked_until=0))

    def _change_one(self, name: str, step: Callable[[Account], Account]) -> None:
        def change(people: People) -> People:
            account = people.account(name)
            if account is None:
                zh, en = f"没有账户 {name}", f"there is no account {name}"
                raise _refused(zh, en, "用 smk clerk list 查看", "smk clerk list shows what there is")
            return people.with_account(step(account))

        self.change(change)

    def give_token(self, name: str, role: Role) -> str:
        """A program's token, shown this once; one that it had before is void. Raises ConfigError."""
        token = secrets.token_urlsafe(32)
        program = msgspec.convert({"name": name, "role": role, "token": _digest(token)}, Program)

        def step(people: People) -> People:
            others = tuple(one for one in people.programs if one.name != name)
            return replace(people, programs=(*others, program))

        self.change(step)
        return token

    def drop_token(self, name: str) -> None:
        """That program's token is void from now on."""
        self.change(lambda people: replace(people, programs=tuple(p for p in people.programs if p.name != name)))

    def program(self, token: str) -> Who | None:
        """Whose token this is."""
        digest = _digest(token)
        for one in self.people().programs:
            if compare_digest(one.token, digest):
                return Who(one.name, one.role, program=True)
        return None

    def standing(self, name: str) -> Role | None:
        """The role of a clerk who may work now."""
        account = self.people().account(name)
        return account.role if account is not None and not account.locked else None

    def log_in(self, name: str, password: str) -> Who | Refusal:
        """Check a password, one at a time: guesses in parallel would outrun the count of failures.

        An unknown name takes as long as a known one. Raises ConfigError: then nobody gets in.
        """
        with self._one_guess:
            return self._log_in(name, password)

    def _log_in(self, name: str, password: str) -> Who | Refusal:
        account = self.people().account(name)
        if len(password) > PASSWORD_CHARS_MAX:
            return Refusal("wrong", account is not None)
        if account is None:
            hashed(password, b"nobody's account")
            return Refusal("wrong", False)
        if account.shut(int(self._now())):
            return Refusal("locked", True)
        right = compare_digest(hashed(password, account.salt), account.hash)
        if right and not account.failures:
            return Who(account.name, account.role)
        self._change_one(name, lambda one: self._after(one, right))
        if right:
            return Who(account.name, account.role)
        return Refusal("locked" if account.failures + 1 >= FAILURES_MAX else "wrong", True)

    def _after(self, account: Account, right: bool) -> Account:
        if right:
            return replace(account, failures=0, locked_until=0)
        failures = account.failures + 1
        if failures < FAILURES_MAX:
            return replace(account, failures=failures)
        return replace(account, failures=0, locked_until=int(self._now()) + LOCK_OUT_S)


def check_password(password: str) -> None:
    """Raises ConfigError for one of a wrong length."""
    if not PASSWORD_CHARS_MIN <= len(password) <= PASSWORD_CHARS_MAX:
        zh, en = "密码长度不合要求", "the password is too short or too long"
        least, most = PASSWORD_CHARS_MIN, PASSWORD_CHARS_MAX
        raise _refused(zh, en, f"用 {least} 至 {most} 个字符", f"use {least} to {most} characters")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _refused(zh: str, en: str, zh_do: str, en_do: str) -> ConfigError:
    return ConfigError(FILE, zh, en, zh_do, en_do)
