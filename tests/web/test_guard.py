"""Nobody but this machine's own people and programs gets in, whatever a hostile page makes their browser send."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.routing import Route

from terminal.faces.web.page import Role
from terminal.faces.web.sessions import Sessions
from tests.bus import Bus
from tests.web.served import Client, Served

OPEN = {"/login", "/kiosk", "/", "/static/{name}", "/api/status", "/api/events", "/api/log_in", "/api/log_out"}
OPEN |= {"/api/openapi.json"}
"""What somebody who is not logged in may have."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One for all: nothing here changes what the next one finds."""
    made = Served(Bus(tmp_path_factory.mktemp("guarded") / "bus"))
    yield made
    made.close()


def routes(served: Served) -> list[Route]:
    assert served.face.site is not None
    return [route for route in served.face.site.app.routes if isinstance(route, Route)]


def test_it_listens_on_the_loopback_address_only(served: Served) -> None:
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines() if " 0A " in line]
    port = f"{served.face.port:04X}"
    assert [fields[1] for fields in listening if fields[1].endswith(":" + port)] == [f"0100007F:{port}"]


HOSTS = ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "0.0.0.0:{port}", ""]


@pytest.mark.parametrize("host", HOSTS)
def test_a_rebound_name_gets_nothing(served: Served, host: str) -> None:
    for path in ("/", "/login", "/api/status", "/api/events", "/static/web.js"):
        answer = served.client().get(path, Host=host.format(port=served.face.port))
        assert answer.status in (400, 421), path
    assert served.client().get("/api/status", Host=f"localhost:{served.face.port}").status == 200


FOREIGN = [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:9"}]
SITES = [{"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}]


@pytest.mark.parametrize("headers", [*FOREIGN, *SITES])
def test_another_page_is_turned_away_at_every_route_also_with_a_clerks_cookie(
    served: Served, headers: dict[str, str]
) -> None:
    client = served.client(Role.TECHNICIAN)
    for route in routes(served):
        method = "POST" if route.methods and "POST" in route.methods else "GET"
        answer = client.send(method, route.path, {} if method == "POST" else None, **headers)
        assert answer.status == 403, route.path
        assert "access-control-allow-origin" not in answer.headers


def test_every_route_asks_for_a_log_in_but_the_few_that_are_open(served: Served) -> None:
    client = Client(served.face.port)
    for route in routes(served):
        if route.path in OPEN:
            continue
        method = "POST" if route.methods and "POST" in route.methods else "GET"
        answer = client.send(method, route.path, {} if method == "POST" else None)
        sent_to_log_in = answer.status == 303 and answer.headers["location"].startswith("/login")
        assert answer.status == 401 or sent_to_log_in, route.path


def test_a_form_of_another_page_cannot_act(served: Served) -> None:
    client = served.client(Role.SUPERVISOR)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        answer = client.send("POST", "/api/log_out", {}, Content_Type=kind)
        assert answer.status == 415, kind


def test_a_cookie_alone_does_not_act(served: Served) -> None:
    client = served.client(Role.SUPERVISOR)
    for token in ("", "x" * 43):
        assert client.send("POST", "/api/log_out", {}, X_SMK_Token=token).json["problem"] == "no_token"
    assert client.send("POST", "/api/log_out", {}).status == 200
    assert client.get("/api/operations/" + "x" * 20).status == 401


def test_the_cookie_is_for_this_site_and_for_no_script(served: Served) -> None:
    client = served.client(Role.CLERK)
    answer = served.client().send("POST", "/api/log_in", {"name": "0101", "password": "clerk-1-word"})
    parts = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")}
    assert {"httponly", "samesite=strict", "path=/"} <= parts
    assert client.cookie.startswith(f"smk-{served.face.port}=")


def test_every_answer_bears_the_policy_that_keeps_foreign_scripts_out(served: Served) -> None:
    for path in ("/login", "/api/status", "/nowhere", "/static/web.css"):
        headers = served.client().get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
def test_other_methods_are_refused(served: Served, method: str) -> None:
    assert served.client().send(method, "/api/log_in").status == 405


def test_a_body_is_bounded_whatever_its_head_says(served: Served) -> None:
    client = served.client(Role.SUPERVISOR)
    assert client.send("POST", "/api/log_in", b" " * 70_000).status == 413
    with socket.create_connection(("127.0.0.1", served.face.port), 5) as wire:
        head = f"POST /api/log_in HTTP/1.1\r\nHost: 127.0.0.1:{served.face.port}\r\n"
        wire.sendall((head + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n").encode())
        for _ in range(20):
            wire.sendall(b"1000\r\n" + b" " * 4096 + b"\r\n")
        wire.sendall(b"0\r\n\r\n")
        assert wire.recv(64).startswith(b"HTTP/1.1 400")


def test_a_file_outside_the_pages_is_not_given(served: Served) -> None:
    for name in ("..%2Fface.py", "../face.py", "frame.html", "face.py", "%2e%2e/accounts"):
        assert served.client().get(f"/static/{name}").status == 404, name


def test_a_token_opens_what_its_role_may_and_is_void_once_dropped(served: Served) -> None:
    token = served.accounts.give_token("pos-1", Role.CLERK)
    client, bearer = served.client(), {"Authorization": f"Bearer {token}"}
    assert client.get("/api/operations/" + "x" * 20, **bearer).status == 404
    assert client.get("/api/operations/" + "x" * 20, Authorization="Bearer wrong").status == 401
    served.accounts.drop_token("pos-1")
    assert client.get("/api/operations/" + "x" * 20, **bearer).status == 401
    assert token not in (served.data / "accounts").read_text()


def test_what_a_page_asks_by_itself_does_not_keep_its_clerk_logged_in(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, prolonged = served.client(Role.CLERK), list[object]()
    monkeypatch.setattr(Sessions, "prolong", lambda self, session: prolonged.append(session))
    client.get("/api/queue", X_SMK_Watch="1")
    assert not prolonged
    client.get("/api/queue")
    assert len(prolonged) == 1
