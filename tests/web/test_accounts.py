"""Accounts: passwords, lock-outs, roles, and what stands in the file."""

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from config.errors import ConfigError
from sync.events import ClerkAct
from terminal.faces.web import accounts as module
from terminal.faces.web import limits
from terminal.faces.web.accounts import Accounts, Refusal
from terminal.faces.web.limits import FAILURES_MAX, LOCK_OUT_S, SESSION_IDLE_S, SESSION_S_MAX, SESSIONS_MAX
from terminal.faces.web.page import Role, Who
from terminal.faces.web.sessions import Sessions
from tests.web.served import Served

RIGHT, WRONG = "right-password", "wrong-password"


class Now:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.s = 1_700_000_000.0

    def __call__(self) -> float:
        return self.s


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def accounts(tmp_path: Path, now: Now) -> Accounts:
    made = Accounts(tmp_path, now)
    made.add("0101", Role.CLERK, RIGHT)
    return made


def test_a_password_costs_what_owasp_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SCRYPT_N", limits.SCRYPT_N)
    assert (limits.SCRYPT_N, limits.SCRYPT_R, limits.SCRYPT_P) == (2**14, 8, 5)
    assert len(module.hashed(RIGHT, b"salt")) == 32  # within the memory that OpenSSL is allowed


def test_the_right_password_logs_in_and_another_does_not(accounts: Accounts) -> None:
    assert accounts.log_in("0101", RIGHT) == Who("0101", Role.CLERK)
    assert accounts.log_in("0101", WRONG) == Refusal("wrong", True)
    assert accounts.log_in("0102", RIGHT) == Refusal("wrong", False)
    assert accounts.log_in("0101", "x" * 100_000) == Refusal("wrong", True)


def test_wrong_passwords_in_a_row_lock_the_account_for_a_while(accounts: Accounts, now: Now) -> None:
    for _ in range(FAILURES_MAX - 1):
        assert accounts.log_in("0101", WRONG) == Refusal("wrong", True)
    assert accounts.log_in("0101", WRONG) == Refusal("locked", True)
    assert accounts.log_in("0101", RIGHT) == Refusal("locked", True)
    now.s += LOCK_OUT_S
    assert isinstance(accounts.log_in("0101", RIGHT), Who)


def test_a_right_password_forgets_the_wrong_ones_before_it(accounts: Accounts) -> None:
    for _ in range(3):
        for _ in range(FAILURES_MAX - 1):
            accounts.log_in("0101", WRONG)
        assert isinstance(accounts.log_in("0101", RIGHT), Who)


def test_a_lock_out_survives_a_restart_and_not_a_clock_set_back(accounts: Accounts, tmp_path: Path, now: Now) -> None:
    for _ in range(FAILURES_MAX):
        accounts.log_in("0101", WRONG)
    assert Accounts(tmp_path, now).log_in("0101", RIGHT) == Refusal("locked", True)
    now.s -= 10 * 365 * 86_400
    assert isinstance(Accounts(tmp_path, now).log_in("0101", RIGHT), Who)


def test_a_technician_locks_unlocks_and_changes_a_password(accounts: Accounts) -> None:
    accounts.lock("0101", True)
    assert accounts.log_in("0101", RIGHT) == Refusal("locked", True)
    accounts.lock("0101", False)
    accounts.set_password("0101", "another-password")
    assert accounts.log_in("0101", RIGHT) == Refusal("wrong", True)
    assert isinstance(accounts.log_in("0101", "another-password"), Who)


def test_what_cannot_be_is_refused_and_changes_nothing(accounts: Accounts) -> None:
    before = accounts.path.read_bytes()
    attempts: list[Callable[[], None]] = [
        lambda: accounts.add("0101", Role.CLERK, RIGHT),
        lambda: accounts.add("0102", Role.CLERK, "short"),
        lambda: accounts.set_password("0103", RIGHT),
        lambda: accounts.lock("0103", True),
    ]
    for attempt in attempts:
        with pytest.raises(ConfigError):
            attempt()
    assert accounts.path.read_bytes() == before


def test_the_file_is_the_devices_own_and_holds_no_password(accounts: Accounts) -> None:
    assert stat.S_IMODE(accounts.path.stat().st_mode) == 0o600
    assert RIGHT not in accounts.path.read_text()
    assert {one["name"] for one in json.loads(accounts.path.read_text())["accounts"]} == {"0101"}


@pytest.mark.parametrize("raw", [b"", b"{", b'{"accounts": [{"name": "x"}]}', b"\xff", b"[" * 10_000])
def test_with_a_damaged_file_nobody_gets_in(accounts: Accounts, raw: bytes) -> None:
    accounts.path.write_bytes(raw)
    with pytest.raises(ConfigError):
        accounts.log_in("0101", RIGHT)
    with pytest.raises(ConfigError):
        accounts.program("x")
    with pytest.raises(ConfigError):
        accounts.add("0102", Role.TECHNICIAN, RIGHT)


def test_a_session_ends_by_idling_by_age_and_with_its_account(now: Now) -> None:
    roles: dict[str, Role] = {"0101": Role.CLERK}
    sessions = Sessions(roles.get, now)
    idle = sessions.begin(Who("0101", Role.CLERK))
    now.s += SESSION_IDLE_S + 1
    assert sessions.find(idle) is None
    busy = sessions.begin(Who("0101", Role.CLERK))
    for _ in range(int(SESSION_S_MAX / SESSION_IDLE_S)):
        session = sessions.find(busy)
        assert session is not None
        sessions.prolong(session)
        now.s += SESSION_IDLE_S
    now.s += 1
    assert sessions.find(busy) is None
    other = sessions.begin(Who("0101", Role.CLERK))
    roles["0101"] = Role.SUPERVISOR
    assert sessions.find(other) is None


def test_sessions_are_bounded_and_the_idlest_gives_way(now: Now) -> None:
    sessions = Sessions(lambda name: Role.CLERK, now)
    cookies = []
    for _ in range(SESSIONS_MAX + 1):
        cookies.append(sessions.begin(Who("0101", Role.CLERK)))
        now.s += 1
    assert sessions.find(cookies[0]) is None
    assert all(sessions.find(cookie) is not None for cookie in cookies[1:])


def test_each_log_in_and_each_failure_leaves_a_row_and_no_password(served: Served) -> None:
    served.client(Role.CLERK).send("POST", "/api/log_out", {})
    client = served.client()
    client.send("POST", "/api/log_in", {"name": "0101", "password": WRONG})
    client.send("POST", "/api/log_in", {"name": "clerk-1-word", "password": ""})  # typed into the wrong field
    acts = [event for event in served.bus.events() if isinstance(event, ClerkAct)]
    assert [(act.clerk, act.act, act.outcome) for act in acts] == [
        ("0101", "log_in", "done"),
        ("0101", "log_out", "done"),
        ("0101", "log_in", "wrong"),
        ("", "log_in", "wrong"),
    ]
