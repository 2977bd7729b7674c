"""The API's description, its state and its stream."""

import http.client
import json
import socket
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep

import pytest

from config.store import load_pack_files
from terminal.faces.web import limits, openapi
from terminal.faces.web.face import WebFace
from terminal.faces.web.page import Role
from terminal.faces.web.server import CONNECTIONS_MAX
from terminal.mode import Mode
from terminal.packs import shelf_of
from tests.bus import PACKS, card
from tests.serving import wait_until
from tests.web.served import PATIENCE, Client, Served

DOCS = Path(__file__).parents[2] / "docs"


class Listening:
    """One page that listens to the stream."""

    def __init__(self, served: Served) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", served.face.port, timeout=PATIENCE)
        self._connection.request("GET", "/api/events")
        self._answer = self._connection.getresponse()
        self.status = self._answer.status

    def next(self, kind: str) -> dict[str, object]:
        """The data of the next event of that kind."""
        deadline, found = monotonic() + PATIENCE, False
        while monotonic() < deadline:
            line = self._answer.readline().decode().rstrip("\n")
            if line.startswith("event: "):
                found = line == f"event: {kind}"
            elif line.startswith("data: ") and found:
                data: dict[str, object] = json.loads(line[6:])
                return data
        raise AssertionError(f"no event {kind}")

    def close(self) -> None:
        """Stop listening."""
        self._connection.close()


def test_the_description_in_docs_is_the_one_that_is_served(served: Served) -> None:
    assert served.face.site is not None
    made = openapi.text(served.face.site.pages)
    assert served.client().get("/api/openapi.json").raw == made
    assert (DOCS / "api.json").read_bytes() == made, "python -m tests.web.shots writes it anew"


def test_every_route_of_the_api_is_described_in_two_languages(served: Served) -> None:
    described = served.client().get("/api/openapi.json").json["paths"]
    assert served.face.site is not None
    for page in served.face.site.pages:
        parts = [("get", ask.name) for ask in page.asks] + [("post", act.name) for act in page.acts]
        assert all(" · " in described[f"/api/{name}"][method]["summary"] for method, name in parts)


def test_the_state_says_what_a_clerk_must_always_see(served: Served) -> None:
    served.tap(card(7))
    served.bus.later(hours=2)
    served.tell()
    client = served.client()
    while client.get("/api/status").json["unsent"] == 0:
        pass
    state = client.get("/api/status").json
    assert (state["terminal"], state["mode"], state["online"]) == ("00000001", "ready", None)
    assert state["unsent"] > 0 and state["unsent_fen"] == 100 and state["oldest_unsent_s"] == 7_200
    assert (state["hot_list"], state["hot_list_days"]) == ("20261101", 22)
    assert state["pack"] == served.bus.pack.version and state["pack_days"] > 0


def test_a_page_hears_each_tap_and_each_change_of_state(served: Served) -> None:
    first, second = Listening(served), Listening(served)
    assert first.next("status")["mode"] == "ready" and second.next("status")["mode"] == "ready"
    served.tap(card(7))
    for page in (first, second):
        signal = page.next("signal")
        assert (signal["outcome"], signal["amount_fen"], signal["balance_fen"]) == ("fare", 100, 9_900)
    served.device.mode = Mode.CLOSED
    served.device.troubles["reader"] = "unplugged"
    served.tell()
    assert first.next("status")["zh"] == "暂停服务：读卡器"
    first.close()
    second.close()


def test_a_page_that_does_not_read_costs_a_tap_nothing(served: Served) -> None:
    deaf = Listening(served)
    began = monotonic()
    signal = served.tap(card(7))
    for _ in range(20_000):
        served.tell()
    assert signal.served and monotonic() - began < PATIENCE
    hearing = Listening(served)
    hearing.next("status")
    served.tap(card(8))
    assert hearing.next("signal")["outcome"] == "fare"
    hearing.close()
    deaf.close()


def test_more_pages_than_the_device_can_serve_are_told_so(served: Served) -> None:
    pages = []
    for _ in range(16):
        pages.append(Listening(served))
        pages[-1].next("status")
    assert Listening(served).status == 503
    for page in pages:
        page.close()


@pytest.mark.parametrize("sent", [b"", b"GET /api/status HTTP/1.1\r\n", b"half a body"])
def test_who_does_not_send_a_whole_request_gives_its_place_back(
    served: Served, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(limits, "REQUEST_S", 0.3)
    if sent == b"half a body":
        head = f"POST /api/log_in HTTP/1.1\r\nHost: 127.0.0.1:{served.face.port}\r\nContent-Length: 99\r\n"
        sent = head.encode() + b'Content-Type: application/json\r\n\r\n{"name"'
    silent = [socket.create_connection(("127.0.0.1", served.face.port), PATIENCE) for _ in range(CONNECTIONS_MAX)]
    for one in silent:
        one.sendall(sent)
    wait_until(lambda: served.client().get("/api/status").status == 200, PATIENCE)
    for one in silent:
        one.close()


def test_a_page_that_listens_is_not_hung_up_on(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REQUEST_S", 0.05)
    page = Listening(served)
    page.next("status")
    for number in (1, 2, 3):
        sleep(0.1)  # longer than a request may take
        served.tap(card(number))
        page.next("signal")
    page.close()


HUGE = 2**63


def test_numbers_and_days_that_nothing_has_are_refused_in_words(served: Served) -> None:
    clerk, technician = served.client(Role.SUPERVISOR), served.client(Role.TECHNICIAN)
    asked = [f"taps?before={HUGE}", f"tap?seq={HUGE}", "day?day=2026-13-45", "day?day=0000-00-00"]
    assert [clerk.get(f"/api/{question}").status for question in asked] == [400, 400, 422, 422]
    acts = [("adjust_ask", {"debit": HUGE, "amount_fen": 5, "why": "goodwill"}), ("adjust_confirm", {"asked": HUGE})]
    assert [clerk.act(name, body).status for name, body in acts] == [400, 400]
    shelf, flat = shelf_of(served.bus.configuration), PACKS["jiaxing-flat"]
    shelf.load(load_pack_files("builtin:jiaxing-flat"), flat.version, flat.in_force_from)
    said = technician.act("pack_order", {"version": flat.version, "on": "2027-02-30"})
    assert (said.status, said.json["problem"]) == (422, "bad_day")


def test_another_terminal_on_the_same_port_is_waited_for(served: Served) -> None:
    """A port that somebody else holds is tried again, and taps go on meanwhile."""
    late = WebFace(served.face.port)
    late.open(served.house)
    assert not late.ready.wait(0.3)
    assert served.tap(card(7)).served and served.client(Role.CLERK).get("/api/taps").status == 200
    late.close()


def test_a_counter_without_a_validator_has_its_own_pages_only(served: Served) -> None:
    counter = WebFace(0)
    counter.open(lambda: replace(served.house(), device=None))
    assert counter.ready.wait(PATIENCE) and counter.site is not None
    assert {page.name for page in counter.site.pages} == {"technician", "stick"}
    state = Client(counter.port).get("/api/status").json
    assert state["terminal"] == "00000001", "asked for where no loop tells it"
    counter.close()
