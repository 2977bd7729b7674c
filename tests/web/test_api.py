"""The API's description, its state and its stream."""

import http.client
import json
from dataclasses import replace
from pathlib import Path
from time import monotonic

from terminal.faces.web import openapi
from terminal.faces.web.face import WebFace
from terminal.faces.web.page import Role
from terminal.mode import Mode
from tests.bus import card
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
