"""A clerk's hands: over the counter's API, or, where there is a browser, at its pages by keyboard alone."""

import http.client
import json
import shutil
import time
import uuid
from pathlib import Path
from typing import Any

import click

from terminal.demo.counter.stage import CLERK, PASSWORD, SECONDS

BROWSER, DRIVER = "chromium", "chromedriver"


class Hands:
    """A program of this machine, logged in as the clerk."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._head = {"Host": f"127.0.0.1:{port}", "Content-Type": "application/json"}
        answer, cookie = self._send("POST", "/api/log_in", {"name": CLERK, "password": PASSWORD})
        self._head |= {"Cookie": cookie.partition(";")[0], "X-SMK-Token": answer["token"]}

    def get(self, question: str) -> Any:
        """A question."""
        return self._send("GET", f"/api/{question}")[0]

    def act(self, name: str, body: Any = None) -> Any:
        """An act under a name of its own."""
        return self._send("POST", f"/api/{name}", body or {}, {"X-SMK-Operation": str(uuid.uuid4())})[0]

    def open(self, page: str) -> None:
        """Go to a page."""

    def picture(self, name: str) -> None:
        """Keep a picture of the page."""

    def close(self) -> None:
        """Leave."""

    def visit(self) -> str:
        """The token of the card that lies there, once the counter has read it."""
        return str(self._until("card", lambda seen: seen["visit"])["visit"])

    def deal(self, *steps: str) -> dict[str, Any]:
        """The till's deal once it stands in one of these steps."""
        found = self._until("till", lambda stand: stand["deal"] and stand["deal"]["step"] in steps)
        return dict(found["deal"])

    def reader(self) -> dict[str, Any]:
        """Whose card lies at the library's desk."""
        return dict(self.get(f"library_reader?visit={self.visit()}"))

    def lend(self, item: str) -> None:
        """Scan a book to be lent."""
        self.act("library_lend", {"visit": self.visit(), "item": item})

    def take_back(self, item: str) -> None:
        """Scan a book to be taken back."""
        self.act("library_return", {"item": item})

    def pay_fee(self, fen: int) -> None:
        """Key a fee that the card which lies there is to pay."""
        self.act("library_pay", {"visit": self.visit(), "fen": fen})

    def sell(self, items: list[tuple[str, int]]) -> None:
        """Key a sale."""
        self.act("market_sell", {"items": [{"name": name, "fen": fen} for name, fen in items]})

    def load(self, fen: int, source: str = "cash", refund: str = "") -> dict[str, Any]:
        """Key a top-up; the answer."""
        return dict(self.act("topup_load", {"fen": fen, "source": source, "refund": refund}))

    def _until(self, question: str, holds: Any) -> Any:
        nth, deadline = 0, time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            found = self.get(f"{question}?nth={nth}")
            if holds(found):
                return found
            nth = found["nth"]
        raise click.ClickException(f"the counter does not come so far: {question}")

    def _send(self, method: str, path: str, body: Any = None, more: dict[str, str] | None = None) -> tuple[Any, str]:
        raw = b"" if body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        try:
            connection.request(method, path, raw, {**self._head, **(more or {})})
            answer = connection.getresponse()
            return json.loads(answer.read()), answer.getheader("Set-Cookie", "")
        finally:
            connection.close()


class PageHands(Hands):
    """The same at the pages, in headless Chromium; what is typed goes to whatever has the focus."""

    def __init__(self, port: int, pictures: Path | None) -> None:
        super().__init__(port)
        from selenium.webdriver import Chrome, ChromeOptions
        from selenium.webdriver.chrome.service import Service

        self._pictures = pictures
        options = ChromeOptions()
        options.binary_location = shutil.which(BROWSER) or BROWSER
        for flag in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "window-size=1280,900"):
            options.add_argument(f"--{flag}")
        self._driver = Chrome(options, Service(shutil.which(DRIVER)))
        self._driver.get(f"http://127.0.0.1:{port}/login")
        self._type(CLERK, field="[name=name]")
        self._type(PASSWORD + "\n", field="[name=password]")
        self._wait(lambda: "/login" not in self._driver.current_url)

    def open(self, page: str) -> None:
        """Go to a page."""
        self._driver.get(f"http://127.0.0.1:{self.port}/{page}")

    def picture(self, name: str) -> None:
        """Keep a picture of the page, once it has drawn what it was told."""
        time.sleep(0.4)
        if self._pictures is not None:
            self._pictures.mkdir(parents=True, exist_ok=True)
            self._driver.save_screenshot(str(self._pictures / f"{name}.png"))

    def close(self) -> None:
        """Close the browser."""
        self._driver.quit()

    def reader(self) -> dict[str, Any]:
        """Whose card lies there, once the page says it."""
        found = super().reader()
        self._says("#reader h1", found["tail"])
        return found

    def lend(self, item: str) -> None:
        """F2, the barcode."""
        self._type(_KEYS["F2"], item + "\n")
        self._says("#results li", item)

    def take_back(self, item: str) -> None:
        """F3, the barcode."""
        self._type(_KEYS["F3"], item + "\n")
        self._says("#results li:first-child", item)

    def pay_fee(self, fen: int) -> None:
        """F9, the amount, F10."""
        self._type(_KEYS["F9"], f"{fen // 100}.{fen % 100:02}", _KEYS["F10"])
        self._wait(lambda: self._order())

    def sell(self, items: list[tuple[str, int]]) -> None:
        """The items, F2."""
        self._type(*(f"{name} {fen // 100}.{fen % 100:02}\n" for name, fen in items), _KEYS["F2"])
        self.deal("asked")

    def load(self, fen: int, source: str = "cash", refund: str = "") -> dict[str, Any]:
        """The amount, F2 for cash or F3 for the account."""
        if refund:
            return super().load(fen, source, refund)
        before = self._order()
        self._wait(lambda: self._find("#cash").is_enabled())
        self._type(f"{fen // 100}.{fen % 100:02}", _KEYS["F2" if source == "cash" else "F3"])
        self._wait(lambda: self._order() != before)
        return {}

    def _order(self) -> str:
        deal = self.get("till?nth=0")["deal"]
        return str(deal["order"]) if deal else ""

    def _find(self, selector: str) -> Any:
        return self._driver.find_element("css selector", selector)

    def _type(self, *words: str, field: str = "") -> None:
        for word in words:
            target = self._find(field) if field else self._driver.switch_to.active_element
            target.send_keys(word)

    def _says(self, selector: str, words: str) -> None:
        self._wait(lambda: words in self._find(selector).text)

    def _wait(self, holds: Any) -> None:
        from selenium.webdriver.support.wait import WebDriverWait

        WebDriverWait(self._driver, SECONDS, 0.05, [Exception]).until(lambda _: holds())


_KEYS = {f"F{nth}": chr(0xE030 + nth) for nth in range(1, 13)}
"""WebDriver's own code points."""


def hands(port: int, pictures: Path | None) -> Hands:
    """At the pages where there is a browser to open them with, else over the API."""
    from importlib.util import find_spec

    if shutil.which(BROWSER) and shutil.which(DRIVER) and find_spec("selenium"):
        return PageHands(port, pictures)
    return Hands(port)
