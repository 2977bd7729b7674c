"""From a card on the reader to the reader's name on the clerk's screen, on chips as slow as real ones are estimated.

nfcpy, the library's page in Chromium, SIP2 over a socket: the time is the page's own, when the name stands there.
"""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from apdu.virtual import remote
from apdu.virtual.timing import ESTIMATES
from config.model import Library, Reader
from sync.vault import new_key_file
from terminal.counters.build import build, real
from terminal.faces.web.accounts import Accounts
from terminal.faces.web.page import Role
from terminal.training.cast import TRAINEES, shelf
from terminal.training.ils.server import Server
from tests.bench.figures import Figure, median
from tests.bench.stage import configuration
from tests.bench.web import free_port
from tests.web.browser import Browser, browser

VISITS = 12
NAME, PASSWORD = "0101", "bench-password"

WATCH = """
window.named = 0;
new MutationObserver(() => {
  if (!window.named && document.querySelector("#reader h1").textContent.includes("…")) window.named = Date.now();
}).observe(document.getElementById("reader"), { childList: true, subtree: true });
"""


def screen(chips: remote.Virtual, folder: Path) -> Iterator[Figure]:
    """VISITS of two readers in turn."""
    names = [chips.remote.add(one.card, one.name) for one in TRAINEES[:2]]
    chips.remote.timing(ESTIMATES)
    with Server(shelf()) as library:
        told = configuration(folder / "data", chips.udp_path, "jiaxing", port=free_port())
        built = build(replace(told, library=_library(folder, library.port), reader=Reader(chips.udp_path)), real(told))
        try:
            Accounts(folder / "data").add(NAME, Role.CLERK, PASSWORD)
            assert built.face.ready.wait(15)
            with browser() as page:
                page.log_in(built.address, NAME, PASSWORD)
                page.open(f"{built.address}/library")
                page.says("#standing", "●")
                page.run(WATCH)
                took = [_visit(chips, page, names[number % 2]) for number in range(VISITS)]
        finally:
            built.close()
    note = f"{VISITS} visits; the looks into an empty field are 40 ms apart, the chips' times are estimates"
    yield Figure("card on the reader to name on the screen", median(took), "ms", limit=300, p99=max(took), note=note)


def _visit(chips: remote.Virtual, page: Browser, name: str) -> float:
    page.run("window.named = 0")
    began = time.time() * 1000
    chips.remote.enter(name)
    page.until(lambda: page.run("return window.named"))
    took = float(page.run("return window.named")) - began
    chips.remote.leave()
    time.sleep(0.6)
    return took


def _library(folder: Path, port: int) -> Library:
    keys, password = folder / "personal.toml", folder / "ils-password"
    keys.write_text(new_key_file("2026-01-01"), "utf-8")
    keys.chmod(0o600)
    password.write_text("secret\n", "utf-8")
    return Library("CITY", "JXLIB", "127.0.0.1", port, "evergreen", "desk", str(password), keys=str(keys))
