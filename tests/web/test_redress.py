"""A wrong charge, from the tap's evidence to money owed to the rider: two people, never more than was taken."""

from typing import Any

import apsw
import pytest
from msgspec.structs import replace

from sync.events import AdjustDropped, Adjusted
from terminal.faces.web.page import Role
from terminal.faces.web.pages import journal
from tests.bus import Bus, card
from tests.web.served import Answer, Client, Served

People = tuple[Client, Client]


@pytest.fixture
def people(served: Served) -> People:
    """A clerk and a supervisor."""
    return served.client(Role.CLERK), served.client(Role.SUPERVISOR)


@pytest.fixture
def debit(served: Served) -> int:
    served.tap(card(7))
    return served.bus.kinds().index("HELD") + 1


def ask(client: Client, debit: int, fen: int) -> Answer:
    return client.act("adjust_ask", {"debit": debit, "amount_fen": fen, "why": "charged_twice"})


def evidence(client: Client, debit: int) -> Any:
    return client.get(f"/api/tap?seq={debit}").json


def test_a_tap_shows_its_evidence_and_why_it_cost_that(served: Served, people: People, debit: int) -> None:
    clerk, _ = people
    [line] = clerk.get("/api/taps?card=0007").json["lines"]
    assert (line["seq"], line["outcome"], line["zh"], line["amount_fen"]) == (debit, "DONE", "已扣款", 100)
    shown = evidence(clerk, debit)
    assert shown["held"]["mac1"] and shown["outcomes"][0]["event"]["tac"]
    assert shown["explained_by"] == served.bus.pack.version
    assert all(step["zh"] and step["en"] for step in shown["steps"]) and len(shown["steps"]) > 2
    assert shown["left_fen"] == 100 and shown["adjustments"] == []


def test_one_asks_another_confirms_and_then_it_is_money(served: Served, people: People, debit: int) -> None:
    clerk, supervisor = people
    asked = ask(clerk, debit, 60).json["asked"]
    assert [one["state"] for one in clerk.get("/api/adjustments").json] == ["asked"]
    assert supervisor.act("adjust_confirm", {"asked": asked}).status == 200
    [given] = [event for event in served.bus.events() if isinstance(event, Adjusted)]
    assert (given.debit, given.amount_fen, given.asked_by, given.confirmed_by) == (debit, 60, "0101", "0201")
    assert evidence(clerk, debit)["left_fen"] == 40
    assert supervisor.act("adjust_confirm", {"asked": asked}).json["problem"] == "ended"
    assert ask(clerk, debit, 41).json["problem"] == "too_much" and ask(clerk, debit, 40).status == 200


def test_nobody_confirms_what_they_asked_for_themselves(people: People, debit: int) -> None:
    _, supervisor = people
    asked = ask(supervisor, debit, 100).json["asked"]
    assert supervisor.act("adjust_confirm", {"asked": asked}).json["problem"] == "same_person"


def test_a_clerk_a_technician_and_a_program_do_not_confirm(
    served: Served, people: People, debit: int
) -> None:
    clerk, _ = people
    asked = ask(clerk, debit, 100).json["asked"]
    assert clerk.act("adjust_confirm", {"asked": asked}).status == 403
    assert served.client(Role.TECHNICIAN).act("adjust_confirm", {"asked": asked}).status == 403
    token = served.accounts.give_token("pos-1", Role.SUPERVISOR)
    program = served.client()
    answer = program.act("adjust_confirm", {"asked": asked}, Authorization=f"Bearer {token}")
    assert answer.json["problem"] == "a_person"


def test_who_asked_withdraws_and_a_supervisor_refuses(served: Served, people: People, debit: int) -> None:
    clerk, supervisor = people
    first = ask(clerk, debit, 100).json["asked"]
    assert clerk.act("adjust_drop", {"asked": first}).status == 200
    second = ask(clerk, debit, 100).json["asked"]
    served.accounts.add("0102", Role.CLERK, "another-word")
    assert served.client().log_in_as("0102", "another-word").act("adjust_drop", {"asked": second}).status == 422
    assert supervisor.act("adjust_drop", {"asked": second}).status == 200
    dropped = [event.why for event in served.bus.events() if isinstance(event, AdjustDropped)]
    assert dropped == ["withdrawn", "refused"] and evidence(clerk, debit)["left_fen"] == 100


def test_a_debit_that_did_not_happen_is_not_given_back(served: Served, people: People) -> None:
    clerk, _ = people
    torn = card(8)
    served.bus.tap_torn_at_debit(torn, executed=False)
    seq = served.bus.kinds().index("HELD") + 1
    assert ask(clerk, seq, 1).json["problem"] == "too_much"
    assert ask(clerk, 1_000, 1).json["problem"] == "no_debit"


def test_a_bad_row_in_the_queue_hides_no_other(served: Served, people: People, debit: int) -> None:
    """A debit whose pack is gone, and one with an odd reason, are shown with what is known of them."""
    clerk, _ = people
    event = served.bus.held()[0]
    service = replace(event.service, pack="of-another-year")
    odd = replace(event, reason="of another program", service=service, card="31400000000000000099")
    seq = served.bus.journal.hold(odd, *served.bus.moment().stamp()).seq
    lines = clerk.get("/api/taps").json["lines"]
    assert [line["seq"] for line in lines] == [seq, debit]
    shown = evidence(clerk, seq)
    assert shown["line"]["outcome"] == "OPEN" and shown["explained_by"] == "" and shown["steps"] == []


def test_a_search_goes_on_where_it_ended(bus: Bus, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "SEARCH_ROWS_MAX", 2)
    for serial in range(5):
        served.tap(card(serial + 1))
    client, before, seen = served.client(Role.CLERK), 0, list[int]()
    while True:
        found = client.get(f"/api/taps?before={before}").json
        seen += [line["seq"] for line in found["lines"]]
        before = found["next"]
        if not before:
            break
    assert seen == sorted(seen, reverse=True) and len(seen) == 5
    assert client.get("/api/taps?day=2001-01-01").json["lines"] == []
    assert client.get("/api/taps?card=12").status == 400 and client.get("/api/taps?day=x").status == 400




def test_a_row_that_the_disk_damaged_hides_no_other_from_list_day_and_queue(served: Served, debit: int) -> None:
    served.tap(card(8))
    served.close()
    connection = apsw.Connection(str(served.bus.path))
    connection.execute("DROP TRIGGER row_never_changes")
    connection.execute("UPDATE row SET raw = x'7b00' WHERE seq = ?", (debit,))
    connection.close()
    served.bus.restart()
    served.again()
    clerk = served.client(Role.CLERK)
    assert served.client().get("/api/status").json["mode"] == "ready", "a row that waits damaged stops nobody"
    assert [line["seq"] for line in clerk.get("/api/taps").json["lines"]] == [debit + 2]
    assert sum(hour["passed"] for hour in clerk.get("/api/day").json["hours"]) == 1
    assert sum(one["rows"] for one in clerk.get("/api/queue").json["waiting"]) == served.bus.journal.last_seq - 1
    assert clerk.get(f"/api/tap?seq={debit}").json["problem"] == "journal"
