"""The centre's books of hospital bills: hostile or confused counters change nothing that was not theirs to change."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync import settling
from sync.backend import hospital
from sync.backend.hospital import Hospital, Verdict
from sync.backend.service import Backend, Service
from sync.entitlements import Person, build_delta
from sync.events import BillDone, BillHeld, BillVoid, Evidence, ListState, Sums
from sync.settling import Case
from tests import stores
from tests.counters import VAULT, ZHANG, City, city, claim, insured, policy
from tests.serving import KEYS, NOW, Terminal, alarms
from tests.test_backend_http import ask

POLICY = policy()
STATE = ListState(1, 60)
EVIDENCE = Evidence("test", "test-1", "0" * 64, False, STATE, STATE, STATE, STATE, 0, 0)
REF = VAULT.ref("person", "330411197001010016")
CASE = settling.settle(insured(10_000), claim(100_000), POLICY)


store = stores.store


@pytest.fixture
def backend(store: str, tmp_path: Path, city_line: str) -> Iterator[Service]:
    with stores.opened(store, tmp_path / "store", stores.empty(city_line), Hospital(VAULT, POLICY)) as made:
        with made.transaction() as database:
            hospital.write_insured(database, VAULT, REF, insured(10_000), NOW)
        yield made


def bill(terminal: Terminal, case: Case = CASE, **changes: Any) -> BillHeld:
    """The next row's bill of the terminal; it must be added at once."""
    who, seq = terminal.identity, len(terminal.rows) + 1
    place = settling.bound_to(who.terminal, who.epoch, seq)
    told: dict[str, Any] = {
        "operation": settling.operation(who.terminal, who.epoch, seq),
        "cancels": "",
        "replaces": "",
        "person": REF,
        "institution": "H33040000001",
        "clerk": "0017",
        "visit": "2026-11-24",
        "insutype": "310",
        "med_type": "11",
        "provisional": True,
        "evidence": EVIDENCE,
        "sums": case.sums,
        "sealed": VAULT.seal_text(settling.pack(case), place),
    }
    return BillHeld(**(told | changes))


def made(terminal: Terminal, **changes: Any) -> str:
    """A bill and its outcome; its operation."""
    event = bill(terminal, **changes)
    seq = terminal.add(event)
    terminal.add(BillDone(seq, event.operation, "offline"))
    return event.operation


def verdict(backend: Service, operation: str) -> Verdict:
    with backend.transaction() as database:
        return hospital.verdict(database, operation)


def left(backend: Service) -> int:
    """What the person's account holds at the centre."""
    with backend.transaction() as database:
        person = hospital.read_insured(database, VAULT, REF)
    assert person is not None
    return person.entitlement.accounts["account"]


def corrections(backend: Service) -> list[Sums]:
    with backend.transaction() as database:
        return [one["sums"] for one in hospital.corrections(database, "00330401", 0, 100)]


def test_a_bill_is_booked_once_however_often_it_arrives(backend: Service) -> None:
    terminal = Terminal(backend)
    operation = made(terminal)
    terminal.send()
    terminal.send()
    assert verdict(backend, operation).state == "done" and verdict(backend, operation).agrees
    assert left(backend) == 0 and corrections(backend) == [] and alarms(backend) == []


def test_a_held_bill_moves_nothing_and_a_void_one_never_does(backend: Service) -> None:
    terminal = Terminal(backend)
    event = bill(terminal)
    seq = terminal.add(event)
    terminal.send()
    assert verdict(backend, event.operation) == Verdict("held", CASE.sums, True)
    assert left(backend) == 10_000
    terminal.add(BillVoid(seq, event.operation, "abandoned"))
    terminal.send(seq + 1)
    assert verdict(backend, event.operation).state == "void" and left(backend) == 10_000


def test_a_second_outcome_changes_nothing_and_is_an_alarm(backend: Service) -> None:
    terminal = Terminal(backend)
    operation = made(terminal)
    terminal.add(BillVoid(1, operation, "late"), BillDone(1, operation, "offline"))
    terminal.send()
    assert verdict(backend, operation).state == "done" and left(backend) == 0
    assert alarms(backend) == ["second_outcome", "second_outcome"]


def test_an_outcome_of_another_bill_or_of_none_is_an_alarm(backend: Service) -> None:
    terminal, other = Terminal(backend), Terminal(backend, "00330402")
    event = bill(terminal)
    terminal.add(event)
    terminal.send()
    other.add(bill(other), BillDone(1, event.operation, "offline"), BillDone(1, "0" * 20, "offline"))
    other.send()
    assert verdict(backend, event.operation).state == "held" and left(backend) == 10_000
    assert alarms(backend) == ["outcome_without_bill", "outcome_without_bill"]


def test_a_bill_that_claims_more_from_the_funds_is_corrected_to_what_is_due(backend: Service) -> None:
    terminal = Terminal(backend)
    generous = Sums(medfee_sumamt=100_000, hifp_pay=100_000, fund_pay_sumamt=100_000)
    made(terminal, sums=generous)
    terminal.send()
    (difference,) = corrections(backend)
    assert generous.plus(difference) == CASE.sums and difference.fund_pay_sumamt == -58_000


def test_a_sealed_value_moved_from_another_row_is_an_alarm_and_the_bill_stands_as_said(backend: Service) -> None:
    terminal = Terminal(backend)
    first = bill(terminal)
    terminal.add(first)
    operation = made(terminal, sealed=first.sealed)
    terminal.send()
    assert {"bill_unreadable", "bill_not_settled"} <= set(alarms(backend))
    assert verdict(backend, operation).why == "as_said" and left(backend) == 10_000


def test_a_bill_for_somebody_who_is_not_insured_moves_no_account(backend: Service) -> None:
    terminal = Terminal(backend)
    made(terminal, person="f" * 32)
    terminal.send()
    assert "bill_not_settled" in alarms(backend) and left(backend) == 10_000


def test_a_mirror_of_nothing_gives_nothing_back(backend: Service) -> None:
    terminal = Terminal(backend)
    back = CASE.sums.negative()
    for cancels in ("0" * 20, made(terminal)):
        made(terminal, cancels=cancels, sums=back)
    made(terminal, cancels=settling.operation("00330401", 1, 1), sums=back)
    terminal.send()
    assert left(backend) == 10_000, "one of the three was right: the account is back, once"
    wrong = [one for one in corrections(backend) if one.medfee_sumamt]
    assert [one.medfee_sumamt for one in wrong] == [100_000, 100_000], "the refunds of nothing are claimed back"


def test_a_mirror_for_another_person_or_from_another_counter_moves_no_money(backend: Service) -> None:
    terminal, other = Terminal(backend), Terminal(backend, "00330402")
    stranger = VAULT.ref("person", "somebody else")
    with backend.transaction() as database:
        hospital.write_insured(database, VAULT, stranger, insured(0), NOW)
    operation = made(terminal)
    made(terminal, cancels=operation, person=stranger, sums=CASE.sums.negative())
    terminal.send()
    made(other, cancels=operation, sums=CASE.sums.negative())
    other.send()
    assert left(backend) == 0, "the bill stands, nobody got its money"
    with backend.transaction() as database:
        person = hospital.read_insured(database, VAULT, stranger)
    assert person is not None and person.entitlement.accounts == {"account": 0}


def test_a_bill_under_a_false_name_is_set_aside(backend: Service) -> None:
    terminal = Terminal(backend)
    terminal.add(bill(terminal, operation="0" * 20))
    terminal.send()
    assert alarms(backend) == ["quarantined"]


def test_a_backend_without_hospital_keys_keeps_the_rows_and_raises_an_alarm(tmp_path: Path) -> None:
    plain = Backend(tmp_path / "plain", KEYS, lambda: NOW)
    try:
        terminal = Terminal(plain)
        made(terminal)
        assert terminal.send().ack_through == 2
        assert set(alarms(plain)) == {"no_hospital"}
    finally:
        plain.close()


# Over HTTP


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    with city(tmp_path_factory.mktemp("town"), POLICY) as running:
        yield running


PATHS = ("insured", "verdict", "statement", "corrections", "persons")


questions = st.binary(max_size=80) | st.dictionaries(
    st.sampled_from(["person", "operation", "terminal", "day", "after"]), st.text(max_size=9) | st.integers()
).map(lambda told: json.dumps(told).encode())


@given(st.sampled_from(PATHS), questions)
def test_any_question_gets_an_answer_and_leaves_the_centre_standing(town: City, path: str, body: bytes) -> None:
    assert ask(f"{town.address}/v1/hospital/{path}", body or b" ")[0] in (200, 400)


def test_too_long_a_question_is_refused(town: City) -> None:
    body = json.dumps({"operation": "0" * 5_000}).encode()
    assert ask(f"{town.address}/v1/hospital/verdict", body)[0] == 400


def test_persons_that_are_no_list_of_persons_are_refused_whole(town: City) -> None:
    at = "2026-11-24T02:00:00+08:00"
    for entry in (Person("f" * 32, 1, "k1", "not base64"), Person("f" * 32, 9, "k1", "AAAA")):
        raw = build_delta("insured", 0, 2, at, [Person("e" * 32, 2, "k1", "AAAA"), entry])
        assert ask(f"{town.address}/v1/hospital/persons", raw)[0] == 400
    assert ask(f"{town.address}/v1/hospital/insured", json.dumps({"person": "e" * 32}).encode())[1]["person"] is None


def test_a_person_who_is_no_longer_insured_is_gone_at_the_centre_and_in_the_next_delta(town: City) -> None:
    ref = town.insure(ZHANG, insured())
    desk = town.desk()
    assert desk.store.find(ref) is not None
    version = desk.store.told("insured").version + 1
    raw = build_delta("insured", 0, version, "2026-11-24T02:00:00+08:00", [Person(ref, version, "", "")])
    assert ask(f"{town.address}/v1/hospital/persons", raw) == (200, {"taken": 1})
    town.deliver(desk)
    assert desk.store.find(ref) is None
