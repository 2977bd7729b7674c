"""An act is done once, whatever becomes of its answer: repeated, altered, cut by power, asked for again."""

import threading
from typing import Any
from uuid import uuid4

import apsw
import pytest

from sync.events import AdjustAsked, ClerkAct
from terminal.faces.web.operations import Operations
from terminal.faces.web.page import Role
from terminal.faces.web.pages.redress import Redress
from tests.bus import card
from tests.web.served import Answer, Client, Served

KEEP = Redress._keep


@pytest.fixture
def debit(served: Served) -> int:
    """The HELD row of a tap."""
    served.tap(card(7))
    return served.bus.kinds().index("HELD") + 1


def wanted(debit: int, fen: int = 20) -> dict[str, Any]:
    return {"debit": debit, "amount_fen": fen, "why": "wrong_fare"}


def asked(served: Served) -> list[AdjustAsked]:
    return [event for event in served.bus.events() if isinstance(event, AdjustAsked)]


@pytest.fixture
def clerk(served: Served) -> Client:
    return served.client(Role.CLERK)


def test_the_same_name_and_body_is_the_same_answer_and_done_once(served: Served, clerk: Client, debit: int) -> None:
    name = str(uuid4())
    first = clerk.act("adjust_ask", wanted(debit), name)
    assert first.status == 200
    spaced = b' {"why":"wrong_fare", "amount_fen":20,\n"debit":%d} ' % debit
    for body in (wanted(debit), spaced):
        again = clerk.act("adjust_ask", body, name)
        assert (again.status, again.raw) == (first.status, first.raw)
    assert len(asked(served)) == 1


def test_another_body_or_another_act_under_the_name_is_a_conflict(served: Served, clerk: Client, debit: int) -> None:
    name = str(uuid4())
    clerk.act("adjust_ask", wanted(debit), name)
    assert clerk.act("adjust_ask", wanted(debit, 21), name).json["problem"] == "operation_used"
    assert clerk.act("adjust_drop", {"asked": 1}, name).status == 409
    other = served.client(Role.SUPERVISOR)
    assert other.act("adjust_ask", wanted(debit), name).status == 409
    assert other.get(f"/api/operations/{name}").status == 404
    assert len(asked(served)) == 1


def test_a_lost_answer_can_be_asked_for_also_after_a_restart(served: Served, clerk: Client, debit: int) -> None:
    name = str(uuid4())
    answer = clerk.act("adjust_ask", wanted(debit), name)
    told = clerk.get(f"/api/operations/{name}").json
    assert (told["state"], told["act"], told["answer"]) == ("done", "adjust_ask", answer.json)
    served.restart()
    again = served.client(Role.CLERK)
    assert again.get(f"/api/operations/{name}").json["answer"] == answer.json
    assert again.act("adjust_ask", wanted(debit), name).raw == answer.raw
    assert len(asked(served)) == 1


def test_a_refusal_is_an_answer_like_any_other(served: Served, clerk: Client, debit: int) -> None:
    name = str(uuid4())
    first = clerk.act("adjust_ask", wanted(debit, 100_000), name)
    assert (first.status, first.json["problem"]) == (422, "too_much")
    assert clerk.act("adjust_ask", wanted(debit, 100_000), name).raw == first.raw
    assert clerk.get(f"/api/operations/{name}").json["state"] == "refused"
    assert not asked(served)


def test_a_power_cut_after_the_row_is_found_as_done(
    served: Served, clerk: Client, debit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = str(uuid4())

    def cut(self: Redress, event: Any) -> int:
        KEEP(self, event)
        raise RuntimeError("power cut")

    monkeypatch.setattr(Redress, "_keep", cut)
    assert clerk.act("adjust_ask", wanted(debit), name).status == 500
    monkeypatch.setattr(Redress, "_keep", KEEP)
    served.restart()
    again = served.client(Role.CLERK)
    assert again.get(f"/api/operations/{name}").json["state"] == "done"
    assert again.act("adjust_ask", wanted(debit), name).status == 200
    assert len(asked(served)) == 1


def test_a_power_cut_before_the_row_is_not_done_and_the_same_call_does_it(
    served: Served, clerk: Client, debit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = str(uuid4())

    def cut(self: Redress, event: Any) -> int:
        raise RuntimeError("power cut")

    monkeypatch.setattr(Redress, "_keep", cut)
    assert clerk.act("adjust_ask", wanted(debit), name).status == 500
    monkeypatch.setattr(Redress, "_keep", KEEP)
    served.restart()
    again = served.client(Role.CLERK)
    assert again.get(f"/api/operations/{name}").json["state"] == "not_done"
    assert not asked(served)
    assert again.act("adjust_ask", wanted(debit), name).status == 200
    assert len(asked(served)) == 1


def test_two_tabs_that_send_one_operation_at_once_do_it_once(served: Served, clerk: Client, debit: int) -> None:
    name, answers = str(uuid4()), list[Answer]()
    send = lambda: answers.append(clerk.act("adjust_ask", wanted(debit), name))  # noqa: E731
    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.raw for answer in answers} == {answers[0].raw} and answers[0].status == 200
    assert len(asked(served)) == 1


@pytest.mark.parametrize("name", ["", "short", "x" * 65, "with space and more", "../../../../etc/passwd"])
def test_an_operation_needs_a_name_of_its_own(clerk: Client, debit: int, name: str) -> None:
    assert clerk.send("POST", "/api/adjust_ask", wanted(debit), X_SMK_Operation=name).status == 400


HALF_A_FEN = b'{"debit": 1, "amount_fen": 1.5, "why": "goodwill"}'


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"debit": "1"}', HALF_A_FEN, b"\xff"])
def test_a_body_that_is_none_does_nothing(served: Served, clerk: Client, body: bytes) -> None:
    answer = clerk.act("adjust_ask", body)
    assert answer.status == 400 and answer.json["zh"] and answer.json["en"]
    assert not asked(served)


def test_each_act_leaves_a_row_of_who_did_it(served: Served, clerk: Client, debit: int) -> None:
    names = [str(uuid4()), str(uuid4())]
    clerk.act("adjust_ask", wanted(debit), names[0])
    clerk.act("adjust_ask", wanted(debit), names[0])
    clerk.act("adjust_ask", wanted(debit, 100_000), names[1])
    acts = [event for event in served.bus.events() if isinstance(event, ClerkAct) and event.operation]
    assert [(act.clerk, act.role, act.act, act.operation, act.outcome) for act in acts] == [
        ("0101", "clerk", "adjust_ask", names[0], "done"),
        ("0101", "clerk", "adjust_ask", names[1], "too_much"),
    ]


def test_a_full_disk_begins_nothing(served: Served, clerk: Client, debit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise apsw.FullError("full")

    monkeypatch.setattr(Operations, "begin", full)
    assert clerk.act("adjust_ask", wanted(debit)).json["problem"] == "disk"
    assert not asked(served)
