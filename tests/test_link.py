"""The wire to the backend: safe addresses, bounded answers, a kept connection that may have died."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sync import link as link_module
from sync.limits import ANSWER_BYTES_MAX
from sync.link import BadAddress, HttpAnswer, Link, LinkDown

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@contextmanager
def answering(*answers: bytes | None, closing: bool = False) -> Iterator[tuple[str, list[bytes]]]:
    """A server that gives these answers, one for each request; None closes the connection instead.

    `closing`: it closes after every answer, so that a length that promised more is a lie.
    """
    requests: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            waiting = list(answers)
            while waiting:
                try:
                    connection, _ = listening.accept()
                except OSError:  # the test is over
                    return
                with connection:
                    while waiting and (request := _request(connection)):
                        requests.append(request)
                        answer = waiting.pop(0)
                        if answer is None:
                            break
                        connection.sendall(answer)
                        if closing:
                            break

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", requests


def _request(connection: socket.socket) -> bytes:
    """One POST with its body; empty when the other side closed."""
    received = b""
    while b"\r\n\r\n" not in received:
        part = connection.recv(65_536)
        if not part:
            return b""
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65_536)
    return head + b"\r\n\r\n" + body


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:80", "http://[::1]:80", "http://localhost", "https://bus.example"]
)
def test_addresses_that_are_safe_are_taken(address: str) -> None:
    assert Link(address).address == address


@pytest.mark.parametrize(
    "address",
    [
        "http://bus.example",
        "http://10.0.0.1",
        "http://127.0.0.1.bus.example",
        "http://0x7f000001",
        "ftp://127.0.0.1",
        "127.0.0.1:80",
        "",
        "https://",
        "https://user:word@bus.example",
        "https://bus.example?x=1",
        "https://bus.example:port",
        "https://bus.example:99999",
        "https://[::1",
    ],
)
def test_records_leave_this_machine_over_https_only(address: str) -> None:
    with pytest.raises(BadAddress):
        Link(address)


def test_https_verifies_its_certificate() -> None:
    trust = Link("https://bus.example")._trust
    assert trust and trust.verify_mode is ssl.CERT_REQUIRED and trust.check_hostname


def test_a_message_goes_out_whole_and_its_answer_comes_back() -> None:
    busy = b"HTTP/1.1 503 Busy\r\nRetry-After: 30\r\nContent-Length: 4\r\n\r\nlate"
    with answering(OK, busy) as (address, requests):
        link = Link(address + "/base/")
        assert link.post("/v1/x", b"body", "gzip") == HttpAnswer(200, "", b"ok")
        assert link.post("/v1/x", b"body") == HttpAnswer(503, "30", b"late")
        link.close()
    assert requests[0].startswith(b"POST /base/v1/x HTTP/1.1") and requests[0].endswith(b"\r\n\r\nbody")
    assert b"Content-Encoding: gzip" in requests[0] and b"Content-Encoding" not in requests[1]


def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    with answering(b"HTTP/1.0 200 OK\r\n\r\nold") as (address, _):
        assert Link(address).post("/v1/x", b"").body == b"old"


def test_a_connection_that_was_not_kept_is_no_reason_to_post_twice() -> None:
    with answering(b"HTTP/1.0 200 OK\r\n\r\nold", None, OK, closing=True) as (address, requests):
        link = Link(address)
        link.post("/v1/x", b"1")
        with pytest.raises(LinkDown):
            link.post("/v1/x", b"2")
    assert [request[-1:] for request in requests] == [b"1", b"2"]


def test_a_kept_connection_that_the_server_closed_is_opened_again() -> None:
    with answering(OK, None, OK) as (address, requests):
        link = Link(address)
        link.post("/v1/x", b"1")
        assert link.post("/v1/x", b"2").body == b"ok"
        link.close()
    assert [request[-1:] for request in requests] == [b"1", b"2", b"2"]


def test_after_an_answer_that_was_cut_short_the_next_message_takes_a_new_connection() -> None:
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no", b"", OK, closing=True) as (address, requests):
        link = Link(address)
        assert link.post("/v1/x", b"1").body == b"o"
        with pytest.raises(LinkDown):
            link.post("/v1/x", b"2")
        assert link.post("/v1/x", b"3").body == b"ok"
        link.close()
    assert [request[-1:] for request in requests] == [b"1", b"2", b"3"]


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    away = b"HTTP/1.1 302 Found\r\nLocation: http://bus.example/login\r\nContent-Length: 0\r\n\r\n"
    with answering(away) as (address, requests):
        assert Link(address).post("/v1/x", b"").status == 302
    assert len(requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (ANSWER_BYTES_MAX + 1) + bytes(ANSWER_BYTES_MAX + 1),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"SSH-2.0-server\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        None,
    ],
)
def test_an_answer_that_is_none_means_that_the_link_is_down(answer: bytes | None) -> None:
    with answering(answer) as (address, _):
        link = Link(address)
        with pytest.raises(LinkDown):
            link.post("/v1/x", b"")
        link.close()


def test_a_server_that_never_answers_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "ANSWER_SECONDS", 0.1)
    with answering(b"", OK) as (address, _), pytest.raises(LinkDown, match="timed out"):
        Link(address).post("/v1/x", b"")


def test_an_answer_that_drips_for_ever_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "ANSWER_SECONDS", 0)
    monkeypatch.setattr(socket.socket, "settimeout", lambda _socket, _seconds: None)
    with answering(OK) as (address, _), pytest.raises(LinkDown, match="never ends"):
        Link(address).post("/v1/x", b"")


def test_nobody_there_is_said_with_the_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(LinkDown, match=str(port)):
        Link(f"http://127.0.0.1:{port}").post("/v1/x", b"")
