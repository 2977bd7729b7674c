"""Over the network as on a stick: the same folder behind a web server, which nobody believes."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from config.model import Configuration
from config.signing import fetch
from config.store import sample
from terminal import cli
from terminal.commands import signed as commands
from tests.signing.offices import NOW, OfficeRoom, refusal, take


@contextmanager
def served(handler: Callable[..., BaseHTTPRequestHandler]) -> Iterator[str]:
    """A web server on this machine; gives its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Folder(SimpleHTTPRequestHandler):
    """A folder as it is."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def test_the_repository_behind_a_web_server_is_taken(office: OfficeRoom, bus: Configuration) -> None:
    with served(partial(Folder, directory=str(office.repository))) as address:
        assert take(bus, address) == {"jiaxing-2026.12": "new"}
        assert take(bus, address) == {"jiaxing-2026.12": "waiting"}


def test_a_stick_and_the_network_take_turns(office: OfficeRoom, bus: Configuration) -> None:
    """The stick's timestamp has a number of its own, and the network's next one a later."""
    assert take(bus, office.folder / "usb") == {"jiaxing-2026.12": "new"}
    with served(partial(Folder, directory=str(office.repository))) as address:
        assert take(bus, address) == {"jiaxing-2026.12": "waiting"}
        again = office.stick("again")
        assert take(bus, again) == {"jiaxing-2026.12": "waiting"}
        assert take(bus, address) == {"jiaxing-2026.12": "waiting"}


class Endless(BaseHTTPRequestHandler):
    """Answers with bytes that do not end."""

    def do_GET(self) -> None:
        """A root that is asked for is not there; all else never ends."""
        if "root" in self.path:
            return self.send_error(404)
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(bytes(65_536))
        except OSError:
            return None

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Dripping(Endless):
    """A byte now and then, for ever: each step is quick, the whole is not."""

    def do_GET(self) -> None:
        """The same for every name."""
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(b" ")
                self.wfile.flush()
                time.sleep(0.02)
        except OSError:
            return None


class Silent(Endless):
    """Takes the connection and says nothing."""

    def do_GET(self) -> None:
        """The same for every name."""
        time.sleep(2)


class Elsewhere(Endless):
    """Sends the asker to another place."""

    def do_GET(self) -> None:
        """The same for every name."""
        self.send_response(302)
        self.send_header("Location", f"file://{Path('/etc/passwd')}")
        self.end_headers()


@pytest.mark.parametrize(
    ("handler", "why"),
    [
        (Endless, "longer than it may be"),
        (Dripping, "could not be read"),
        (Silent, "could not be read"),
        (Elsewhere, "file is missing"),
    ],
)
def test_a_server_that_does_not_end_does_not_hold_the_device(
    office: OfficeRoom,
    bus: Configuration,
    monkeypatch: pytest.MonkeyPatch,
    handler: type[BaseHTTPRequestHandler],
    why: str,
) -> None:
    monkeypatch.setattr(fetch, "FETCH_STEP_S", 0.3)
    monkeypatch.setattr(fetch, "FETCH_ALL_S", 0.3)
    with served(handler) as address:
        assert why in refusal(bus, address)


def test_a_server_that_is_not_there_is_told(bus: Configuration) -> None:
    said = refusal(bus, "http://127.0.0.1:9/")
    assert "could not be read" in said and "check the network" in said and "the stick" not in said


@pytest.mark.parametrize("address", ["http://example.invalid/", "ftp://127.0.0.1/", "file:///etc/"])
def test_an_address_without_tls_leads_to_this_machine_only(bus: Configuration, address: str) -> None:
    assert "https" in refusal(bus, address)


def test_the_timer_takes_what_is_new_and_is_silent_where_no_address_is_configured(
    office: OfficeRoom, bus: Configuration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "now", lambda: NOW)
    own = tmp_path / "terminal.toml"
    own.write_text(sample().replace('data = "/var/lib/smk"', f'data = "{bus.terminal.data}"'), "utf-8")
    silent = CliRunner().invoke(cli.main, ["pack", "load", "--from-network", str(own)])
    assert (silent.exit_code, silent.output) == (0, "")
    with served(partial(Folder, directory=str(office.repository))) as address:
        told = own.read_text("utf-8").replace('operator = ""', 'operator = "bus"')
        own.write_text(told.replace('url = ""', f'url = "{address}"'), "utf-8")
        said = CliRunner().invoke(cli.main, ["pack", "load", "--from-network", str(own)])
    assert said.exit_code == 0 and "loaded: tariff jiaxing-2026.12" in said.output, said.output
