"""Whatever a request's head is, only one from this machine's own page or program reaches what lies behind the guard."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from terminal.faces.web.accounts import Accounts
from terminal.faces.web.guard import Guard
from terminal.faces.web.page import Role, Who
from terminal.faces.web.sessions import Sessions

PORT = 8700
HOSTS = (b"127.0.0.1:8700", b"localhost:8700")

sessions = Sessions(lambda name: Role.CLERK)
COOKIE = sessions.begin(Who("0101", Role.CLERK))
SESSION = sessions.find(COOKIE)
assert SESSION is not None
TOKEN = SESSION.token.encode()

garbage = st.binary(max_size=40)
values = {
    b"host": st.sampled_from([*HOSTS, b"evil.example", b"127.0.0.1", b"LOCALHOST:8700"]) | garbage,
    b"origin": st.sampled_from([b"http://127.0.0.1:8700", b"http://localhost:8700", b"null", b"http://evil"]) | garbage,
    b"sec-fetch-site": st.sampled_from([b"same-origin", b"none", b"same-site", b"cross-site"]) | garbage,
    b"content-type": st.sampled_from([b"application/json", b"text/plain", b"application/json; charset=x"]) | garbage,
    b"content-length": st.sampled_from([b"0", b"65536", b"65537", b"99999999999"]) | garbage,
    b"cookie": st.sampled_from([b"smk-8700=" + COOKIE.encode(), b"smk-8700=x", b"a=b; smk-8700"]) | garbage,
    b"x-smk-token": st.sampled_from([TOKEN, b"x"]) | garbage,
    b"authorization": st.sampled_from([b"Bearer x", b"Basic x", b"Bearer"]) | garbage,
}
one = st.sampled_from(sorted(values)).flatmap(lambda name: st.tuples(st.just(name), values[name]))
headers = st.lists(one, max_size=9)
RIGHT = [(b"host", HOSTS[0]), (b"cookie", b"smk-8700=" + COOKIE.encode()), (b"content-type", b"application/json")]


@given(st.sampled_from(["GET", "POST", "PUT", "OPTIONS"]), headers)
@example("POST", [*RIGHT, (b"x-smk-token", TOKEN)])
@example("POST", RIGHT)
def test_whatever_stands_in_the_head(method: str, given_headers: list[tuple[bytes, bytes]]) -> None:
    reached: list[Any] = []
    sent: list[Any] = []

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope["state"])
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    with TemporaryDirectory() as folder:
        guard = Guard(behind, PORT, f"smk-{PORT}", Accounts(Path(folder)), sessions)
        scope = {"type": "http", "method": method, "path": "/api/x", "headers": given_headers}
        asyncio.run(guard(scope, receive, send))
    assert any(name == b"content-security-policy" for name, _ in sent[0]["headers"])
    if not reached:
        assert sent[0]["status"] in (403, 405, 413, 415, 421)
        return
    found: dict[bytes, list[bytes]] = {}
    for name, value in given_headers:
        found.setdefault(name, []).append(value)
    [host] = found[b"host"]
    assert host.lower() in HOSTS and method in ("GET", "POST")
    assert all(origin.lower() == b"http://" + host.lower() for origin in found.get(b"origin", []))
    assert all(site in (b"same-origin", b"none") for site in found.get(b"sec-fetch-site", []))
    if method == "POST":
        assert all(kind.lower().lstrip().startswith(b"application/json") for kind in found[b"content-type"])
    if reached[0]["who"] is not None:
        assert b"authorization" not in found and COOKIE.encode() in b"; ".join(found[b"cookie"])
        assert method == "GET" or found[b"x-smk-token"] == [TOKEN]


def test_the_right_head_gets_in() -> None:
    reached: list[Any] = []

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope["state"]["who"])

    async def nothing(*_: Any) -> None:
        pass

    with TemporaryDirectory() as folder:
        guard = Guard(behind, PORT, f"smk-{PORT}", Accounts(Path(folder)), sessions)
        scope = {"type": "http", "method": "POST", "path": "/api/x", "headers": [*RIGHT, (b"x-smk-token", TOKEN)]}
        asyncio.run(guard(scope, nothing, nothing))
    assert reached == [Who("0101", Role.CLERK)]
