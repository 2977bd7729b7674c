"""A real Chromium without a screen, driven through selenium; the caches of its start are in a directory of its own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from tests.web.served import PATIENCE

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-dev-shm-usage",
    "--autoplay-policy=no-user-gesture-required",
    "--window-size=1280,900",
    "--lang=zh-CN",
)


class Browser:
    """One window, and short words for what a test does with it."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def open(self, address: str) -> None:
        """Go there."""
        self.driver.get(address)

    def one(self, selector: str) -> WebElement:
        """The element, once it is there and shown."""
        found: list[WebElement] = []

        def shown() -> bool:
            found[:] = [one for one in self.all(selector) if one.is_displayed()]
            return bool(found)

        self.until(shown, selector)
        return found[0]

    def all(self, selector: str) -> list[WebElement]:
        """Every such element."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        """What it says."""
        return self.one(selector).text

    def says(self, selector: str, words: str) -> None:
        """Wait until it says so."""
        self.until(lambda: any(words in one.text for one in self.all(selector)), f"{selector}: {words}")

    def until(self, holds: Callable[[], Any], what: str = "") -> None:
        """Wait until it holds."""
        passing = [StaleElementReferenceException]  # the page is another one already: look again
        WebDriverWait(self.driver, PATIENCE, 0.02, passing).until(lambda _: holds(), what)

    def type(self, selector: str, words: str) -> None:
        """Put words into a field."""
        self.one(selector).send_keys(words)

    def press(self, selector: str) -> None:
        """Click it."""
        self.one(selector).click()

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a script and give its result."""
        return self.driver.execute_script(script, *arguments)

    def later(self, script: str, *arguments: Any) -> Any:
        """Run a script that ends by calling its last argument, and give what it was called with."""
        return self.driver.execute_async_script(script, *arguments)

    def complaints(self) -> list[str]:
        """What the browser complained about since: scripts that fail, and whatever the policy keeps out."""
        log: Any = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [entry["message"] for entry in log if entry["level"] == "SEVERE"]

    def log_in(self, address: str, name: str, password: str) -> None:
        """As a clerk does it, by keys alone."""
        self.open(f"{address}/login")
        self.type("[name=name]", name)
        self.type("[name=password]", password + "\n")
        self.until(lambda: "/login" not in self.driver.current_url)


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser that nobody used before."""
    options = ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options, Service("/usr/bin/chromedriver"))
    try:
        yield Browser(driver)
    finally:
        driver.quit()
