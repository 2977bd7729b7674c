"""The backend over HTTP, its keys, and its one command."""

import asyncio
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.backend.app import create_app
from sync.backend.keys import BadKeys, KeyFile, UnknownScheme, verifies
from sync.batch import Batch, heads, pack
from sync.issuer_files import parse_xf
from sync.limits import BATCH_GZIP_BYTES_MAX
from sync.record import GENESIS, Row, encode
from tests.rows import AT, HELD, done
from tests.serving import KEYS, MASTER, serving, tac_of

# Keys


def test_keys_are_read_from_a_file_and_never_shown(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(f'[tac]\nmohurd = "{MASTER.hex()}"\n')
    keys = KeyFile.read(path)
    assert verifies(keys, HELD, tac_of(HELD)) and MASTER.hex() not in repr(keys) + str(vars(keys).keys())
    with pytest.raises(UnknownScheme):
        keys.dtk("tunion", bytes(8), bytes(8))


@pytest.mark.parametrize(
    "text", ["", "[tac]", "tac = 3", '[tac]\nmohurd = "60"', "[tac]\nmohurd = 7", "[tac", '[tac]\nx = "zz"']
)
def test_a_wrong_key_file_is_refused_with_its_place(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(text)
    with pytest.raises(BadKeys, match=r"keys\.toml"):
        KeyFile.read(path)
    with pytest.raises(BadKeys, match=r"none\.toml"):
        KeyFile.read(tmp_path / "none.toml")


# Over HTTP


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with serving(tmp_path / "served", versions={"pack": "p1"}) as served:
        yield served


def ask(url: str, body: bytes | None = None) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body), timeout=10) as answer:
            status, raw = answer.status, answer.read()
    except urllib.error.HTTPError as refusal:
        with refusal:
            status, raw = refusal.code, refusal.read()
    return status, json.loads(raw) if raw.startswith((b"{", b"[")) else raw.decode()


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
    ],
)
def test_another_sites_page_in_a_browser_of_this_machine_changes_nothing(address: str, headers: dict[str, str]) -> None:
    loads = b'[{"card":"31400000000012345678","load_counter":1,"amount_fen":100,"at":"20240506070809"}]'
    for path, body in (("/v1/terminals/00330401/enrol", b""), ("/v1/loads", loads)):
        request = urllib.request.Request(address + path, body, {"Content-Type": "text/plain", **headers})
        with pytest.raises(urllib.error.HTTPError) as refused, urllib.request.urlopen(request, timeout=10):
            pass
        with refused.value:
            assert refused.value.code == 403
    assert ask(f"{address}/v1/terminals") == (200, [])
    own = urllib.request.Request(f"{address}/v1/health", None, {"Sec-Fetch-Site": "same-origin", "Origin": address})
    with urllib.request.urlopen(own, timeout=10) as answer:
        assert answer.status == 200


def test_a_terminal_enrols_sends_twice_and_is_in_the_report(address: str) -> None:
    status, identity = ask(f"{address}/v1/terminals/00330401/enrol", b"")
    assert (status, identity) == (200, {"terminal": "00330401", "epoch": 1, "first_serial": 1})
    raw = [encode(Row("00330401", 1, 1, 1, AT, "rtc", "b", 0, HELD))]
    raw.append(encode(Row("00330401", 1, 2, 2, AT, "rtc", "b", 0, done(1, tac_of(HELD)))))
    batch = pack(Batch("00330401", 1, 1, tuple(raw), GENESIS, heads(GENESIS, raw)[-1]))
    first, second = (ask(f"{address}/v1/terminals/00330401/batches", batch) for _ in range(2))
    assert first == second and first[0] == 200
    assert first[1]["ack_through"] == 2 and first[1]["versions"] == {"pack": "p1"}
    assert ask(f"{address}/v1/report")[1]["totals"]["done"] == {"count": 1, "fen": 100, "paid_fen": 100}
    assert ask(f"{address}/v1/terminals")[1][0]["ack"] == 2
    assert parse_xf(ask(f"{address}/v1/xf")[1])[0].card == HELD.card
    assert ask(f"{address}/v1/lock-report") == (200, "20240506000000\r\n")
    assert ask(f"{address}/v1/health")[1]["ok"] is True


def test_what_cannot_be_taken_is_refused_with_a_reason(address: str) -> None:
    batches = f"{address}/v1/terminals/00330401/batches"
    empty = Batch("00330401", 1, 1, (), GENESIS, GENESIS)
    assert ask(batches, pack(empty)) == (409, {"problem": "not_enrolled", "detail": "terminal 00330401, epoch 1"})
    of_another, too_long = pack(empty._replace(terminal="7")), bytes(BATCH_GZIP_BYTES_MAX + 1)
    for body, status in ((b"nonsense", 400), (of_another, 400), (too_long, 413)):
        found = ask(batches, body)
        assert found[0] == status and found[1]["problem"] == "bad_batch"
    assert ask(f"{address}/v1/terminals/no%20name/enrol", b"")[1]["problem"] == "cannot_enrol"


def test_loads_are_taken_over_http_and_nonsense_is_not(address: str) -> None:
    load = {"card": HELD.card, "load_counter": 1, "amount_fen": 100, "at": "20240506080000"}
    assert ask(f"{address}/v1/loads", json.dumps([load]).encode()) == (200, {"taken": 1})
    for changes in ({"amount_fen": -1}, {"card": "1"}, {"at": ""}, {"load_counter": 70_000}, {"more": 1}):
        assert ask(f"{address}/v1/loads", json.dumps([load | changes]).encode())[1]["problem"] == "bad_loads"


@given(st.binary(max_size=100))
def test_any_bytes_leave_the_backend_standing(body: bytes) -> None:
    for path in ("/v1/terminals/00330401/batches", "/v1/loads"):
        assert ask(SERVED[0] + path, body)[0] in (200, 400) and (body == b"" or ask(SERVED[0] + path, body)[0] == 400)


SERVED: list[str] = []


@pytest.fixture(autouse=True, scope="module")
def served_for_any_bytes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with serving(tmp_path_factory.mktemp("any") / "served") as address:
        SERVED.append(address)
        yield


def test_one_command_serves_it_on_loopback(tmp_path: Path) -> None:
    keys = tmp_path / "keys.toml"
    keys.write_text(f'[tac]\nmohurd = "{MASTER.hex()}"\n')
    command = [sys.executable, "-m", "sync.backend", "--data", str(tmp_path / "data"), "--keys", str(keys)]
    with subprocess.Popen([*command, "--port", "0"], stdout=subprocess.PIPE, text=True) as served:
        assert served.stdout
        line = served.stdout.readline()
        try:
            assert line.startswith("backend ready on http://127.0.0.1:")
            assert ask(line.split()[-1] + "/v1/health")[0] == 200
        finally:
            served.terminate()
    keys.write_text("")
    refused_start = subprocess.run([*command, "--port", "0"], capture_output=True, text=True, check=False)
    assert refused_start.returncode != 0 and "keys.toml" in refused_start.stderr


def test_a_terminal_that_is_gone_in_the_middle_of_a_message_is_no_failure_of_the_backend(tmp_path: Path) -> None:
    app = create_app(tmp_path, KEYS, lambda: AT)
    told = iter([{"type": "http.request", "body": b"half", "more_body": True}, {"type": "http.disconnect"}])
    said: list[Any] = []

    async def receive() -> Any:
        return next(told)

    async def send(message: Any) -> None:
        said.append(message)

    where = {"path": "/v1/terminals/00330401/batches", "query_string": b"", "headers": [], "method": "POST"}
    asyncio.run(app({"type": "http", **where}, receive, send))
    app.state.backend.close()
    assert said[0]["status"] == 400
