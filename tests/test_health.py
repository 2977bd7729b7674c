"""What terminals say of themselves reaches the operator, and never stands in the way of their rows."""

import ast
import gzip
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from sync.backend.advice import UNKNOWN, advice, table
from sync.backend.health import Health, TerminalHealth, health
from sync.backend.operator import TOKEN
from sync.backend.service import Backend, Service
from sync.batch import Batch, pack, unpack
from sync.condition import Condition, cut, readable
from sync.impossible import impossible
from sync.limits import CONDITION_TROUBLES_MAX, TROUBLE_CHARS_MAX
from sync.record import GENESIS
from terminal import cli
from tests.rows import HELD, done
from tests.serving import KEYS, NOW, Terminal, alarms, serving, tac_of
from tests.stores import backend, store

__all__ = ["backend", "store"]

ROOT = Path(__file__).parents[1]
WELL = Condition(
    at=NOW, clock="synced", last=2, kind="bus", merchant="314000000000001", software="0.1.0", pack="jiaxing-2022.1",
    hot_list="20260101", mode="ready",
)  # fmt: skip


def seen(backend: Service, now: str = NOW) -> dict[str, TerminalHealth]:
    with backend.question() as database:
        return {one.terminal: one for one in health(database, now, {}).terminals}


def said(terminal: Terminal, condition: Condition | None) -> None:
    answer = terminal.backend.take(terminal.batch()._replace(condition=condition))
    assert answer is not None and answer.ack_through == len(terminal.rows)


def changed(**values: Any) -> Condition:
    return Condition(**{name: getattr(WELL, name) for name in WELL.__struct_fields__} | values)


def test_a_terminal_that_is_well_has_nothing_to_look_at(backend: Service) -> None:
    terminal = Terminal(backend)
    terminal.debit(done(0))
    said(terminal, WELL)
    one = seen(backend)["00330401"]
    assert (one.signs, one.unsent, one.unsent_fen, one.silent_minutes, one.clock_seconds) == ([], 0, 0, 0, 0)
    assert (one.kind, one.mode, one.pack, one.hot_list) == ("bus", "ready", "jiaxing-2022.1", "20260101")


@pytest.mark.parametrize(
    "condition, now, signs",
    [
        (None, NOW, ["says_nothing"]),
        (WELL, "2024-05-07T08:00:00+08:00", ["silent"]),
        (changed(mode="closed", troubles={"psam": "the PSAM is not open"}), NOW, ["closed", "trouble"]),
        (changed(clock="unknown"), NOW, ["clock"]),
        (changed(at="2024-05-06T09:00:00+08:00"), NOW, ["clock"]),
    ],
)
def test_what_is_wrong_with_a_terminal_is_a_sign(
    backend: Service, condition: Condition | None, now: str, signs: list[str]
) -> None:
    terminal = Terminal(backend)
    terminal.debit(done(0))
    said(terminal, condition)
    assert seen(backend, now)["00330401"].signs == signs


def test_a_terminal_never_heard_and_one_with_quarantined_rows_are_signs(backend: Service) -> None:
    Terminal(backend, "00330402")
    terminal = Terminal(backend)
    terminal.add_raw(b"no row")
    said(terminal, WELL)
    found = seen(backend)
    assert found["00330402"].signs == ["never_heard"] and found["00330401"].signs == ["quarantine"]


def test_unsent_is_what_the_journal_had_and_the_backend_has_not(backend: Service) -> None:
    terminal = Terminal(backend)
    terminal.debit(done(0))
    said(terminal, changed(last=9, unsent_fen=700, oldest_at=NOW))
    one = seen(backend)["00330401"]
    assert (one.unsent, one.unsent_fen, one.oldest_at) == (7, 700, NOW)


def test_what_an_earlier_journal_said_is_no_word_about_the_new_one(backend: Service) -> None:
    terminal = Terminal(backend)
    said(terminal, changed(last=900))
    backend.enrol("00330401")
    assert seen(backend)["00330401"].signs == ["never_heard"]


def test_rows_that_a_lost_journal_had_are_an_alarm_when_its_terminal_is_enrolled_anew(backend: Service) -> None:
    terminal = Terminal(backend)
    terminal.debit(done(0))
    said(terminal, changed(last=9))
    backend.enrol("00330401")
    with backend.question() as database:
        latest = health(database, NOW, {}).latest
    missing = [one for one in latest if one["what"] == "rows_missing"]
    assert [(one["seq"], one["detail"]) for one in missing] == [(3, "rows 3 to 9 of epoch 1")]


def test_a_batch_bears_the_condition_and_old_ones_bear_none() -> None:
    plain = Batch("00330401", 1, 1, (), GENESIS, GENESIS)
    assert unpack(pack(plain)) == plain and b"state" not in gzip.decompress(pack(plain))
    bearing = plain._replace(condition=changed(troubles={"psam": "gone"}))
    assert unpack(pack(bearing)) == bearing
    assert len(pack(bearing)) - len(pack(plain)) < 260


@pytest.mark.parametrize(
    "told", [3, "x", [], {}, {"at": NOW}, {"at": "x" * 65, "clock": "", "last": 1}, {"at": "", "clock": "", "last": -1}]
)
def test_a_condition_that_cannot_be_read_is_as_if_it_were_not_there(told: Any) -> None:
    table = json.loads(gzip.decompress(pack(Batch("00330401", 1, 1, (), GENESIS, GENESIS)))) | {"state": told}
    assert unpack(gzip.compress(json.dumps(table).encode())).condition is None


def test_members_that_a_newer_terminal_adds_are_passed_over() -> None:
    assert readable({"at": NOW, "clock": "rtc", "last": 3, "battery": 80}) == Condition(NOW, "rtc", 3)


def test_troubles_are_cut_to_what_a_condition_may_bear() -> None:
    troubles = cut({f"part-{nth}": "x" * 999 for nth in range(20)})
    assert len(troubles) == CONDITION_TROUBLES_MAX and {len(why) for why in troubles.values()} == {TROUBLE_CHARS_MAX}
    condition = changed(troubles=troubles)
    bearing = Batch("00330401", 1, 1, (), GENESIS, GENESIS, condition)
    assert unpack(pack(bearing)).condition == condition


# Impossible counters


@pytest.mark.parametrize(
    "one, other, what",
    [
        ((5, "20240506080000"), (5, "20240506080000"), "counter_paid_twice"),
        ((5, "20240506080000"), (6, "20240506080100"), ""),
        ((6, "20240506080000"), (5, "20240506100000"), ""),  # two clocks, two hours apart
        ((6, "20240506080000"), (5, "20240506110001"), "counter_went_back"),
        ((5, "20240506080000"), (205, "20240506090000"), ""),
        ((5, "20240506080000"), (206, "20240506090000"), "counter_jumped"),
        ((5, "20240506080000"), (406, "20240507090000"), "counter_jumped"),
        ((5, "20240506080000"), (405, "20240507090000"), ""),
        ((5, "99999999999999"), (6, "20240506080000"), ""),
    ],
)
def test_counters_that_no_honest_card_has(one: tuple[int, str], other: tuple[int, str], what: str) -> None:
    if what != "counter_went_back" and one[1] != "99999999999999":
        assert impossible(one, other) == what
    assert impossible(other, one) == what


def test_a_clone_on_another_bus_is_an_alarm_with_what_to_do(backend: Service) -> None:
    front, rear = Terminal(backend), Terminal(backend, "00330402")
    for terminal, counter, when in (
        (front, 17, "20240506080000"), (front, 18, "20240506090000"), (rear, 16, "20240506150000"),
        (rear, 18, "20240506151000"), (front, 900, "20240506160000"),
    ):  # fmt: skip
        event = terminal.debit(counter=counter, when=when)
        terminal.add(done(len(terminal.rows), tac_of(event)))
        terminal.send(len(terminal.rows) - 1)
    assert sorted(set(alarms(backend))) == ["counter_jumped", "counter_paid_twice", "counter_went_back"]
    with backend.question() as database:
        latest = health(database, NOW, {}).latest
    assert all(one["zh_do"] and one["en_do"] for one in latest)


def test_every_alarm_that_the_program_raises_says_what_to_do() -> None:
    raised = set()
    for path in [*(ROOT / "sync").rglob("*.py"), *(ROOT / "terminal").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and "alarm" in ast.unparse(node.func).lower():
                given = [*node.args, *(one.value for one in node.keywords if one.arg == "what")]
                words = [one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)]
                raised |= {word for word in words[:1] if word.replace("_", "").isalpha()}
    raised |= {"counter_paid_twice", "counter_went_back", "counter_jumped", "two_devices"}
    assert len(raised) > 30 and {what for what in raised if advice(what) is UNKNOWN} == set()
    assert all(one.zh and one.en and one.zh_do and one.en_do for one in table().values())


# Over HTTP


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    backend = Backend(tmp_path / "served", KEYS, lambda: NOW)
    terminal = Terminal(backend)
    event = terminal.debit(done(0, "00000000"))
    said(terminal, changed(last=12, unsent_fen=900, oldest_at=NOW, troubles={"psam": "<b>gone</b>"}))
    Terminal(backend, "00330402")
    backend.close()
    assert event == HELD
    with serving(tmp_path / "served") as address:
        yield address, tmp_path / "served"


def asked(url: str, token: str = "") -> tuple[int, bytes, dict[str, str]]:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read(), dict(refusal.headers)


def test_only_the_operator_sees_the_fleet(served: tuple[str, Path]) -> None:
    address, data = served
    token = (data / TOKEN).read_text().strip()
    for path in ("/v1/operator/health", "/metrics"):
        assert asked(address + path)[0] == asked(address + path, "0" * 64)[0] == 401
        assert asked(address + path, token)[0] == 200
    for path in ("/operator", "/operator/operator.js", "/operator/operator.css"):
        status, raw, headers = asked(address + path)
        assert status == 200 and b"00330401" not in raw and "default-src 'none'" in headers["content-security-policy"]
    found = json.loads(asked(f"{address}/v1/operator/health", token)[1])
    assert [one["terminal"] for one in found["terminals"]] == ["00330401", "00330402"]
    assert set(found) == set(Health.__struct_fields__)


def test_prometheus_reads_the_figures(served: tuple[str, Path]) -> None:
    address, data = served
    text = asked(f"{address}/metrics", (data / TOKEN).read_text().strip())[1].decode()
    figures = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert figures[("smk_rows_acknowledged_total",)] == 2 and figures[("smk_terminals",)] == 2
    assert figures[("smk_terminal_unsent_rows", "00330401", "bus")] == 10
    assert figures[("smk_terminal_unsent_fen", "00330401", "bus")] == 900
    assert figures[("smk_terminals_with_sign", "trouble")] == 1
    assert figures[("smk_terminals_with_sign", "never_heard")] == 1 and figures[("smk_alarms",)] == 1


def test_alarms_and_the_pages_address_by_command(served: tuple[str, Path]) -> None:
    address, data = served
    words = ["--data", str(data), "--backend", address]
    listed = CliRunner().invoke(cli.main, ["backend", "alarms", *words])
    assert listed.exit_code == 0 and "TAC 错误" in listed.output and "change its PSAM" in listed.output
    page = CliRunner().invoke(cli.main, ["backend", "page", *words])
    assert page.output.strip() == f"{address}/operator#token={(data / TOKEN).read_text().strip()}"
