"""`python -m tests.web.shots`: what docs shows of the web face, made anew: the API's description and the pictures."""

import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

from tariffs.dated import Dated
from tariffs.linestops import LineStops
from tariffs.stops import Place, Stop
from terminal.faces.web import openapi
from terminal.faces.web.page import Role
from terminal.training.build import start
from tests.bus import Bus, card, driver
from tests.web.browser import Browser, browser
from tests.web.served import NAMES, PASSWORDS, PATIENCE, Served

DOCS = Path(__file__).parents[2] / "docs"
API, COUNTER_API = DOCS / "api.json", DOCS / "api-counter.json"

STOPS = {
    f"S{nth}": Stop(f"S{nth}", f"示例站{nth}", Place(30_740_000 + nth * nth * 500, 120_740_000 + nth * 6_000))
    for nth in range(1, 8)
}
"""A line that does not exist: the shipped pack has no stops."""


def write_api(served: Served, folder: Path) -> None:
    """docs/api.json as a validator serves it, docs/api-counter.json as a counter with every desk does."""
    assert served.face.site is not None
    API.write_bytes(openapi.text(served.face.site.pages))
    counter = start(folder, 0)
    try:
        assert counter.built.face.ready.wait(PATIENCE) and counter.built.face.site is not None
        COUNTER_API.write_bytes(openapi.text(counter.built.face.site.pages))
    finally:
        counter.close()


def a_day(served: Served) -> None:
    """A morning of invented cards: a driver, riders, one without money, one torn."""
    bus = served.bus
    stops = LineStops({("1", 0, ""): Dated({date(2020, 1, 1): tuple(STOPS)}.items())}, STOPS)
    object.__setattr__(served.device.tables.pack, "line_stops", stops)
    bus.tap(driver())
    for nth in range(60):
        bus.later(minutes=1 + nth * 7 % 9)
        bus.stop = f"S{nth * nth % 7 + 1}"
        kinds = {"main_type": "11"} if nth % 9 == 4 else {"balance_fen": 30} if nth % 11 == 5 else {}
        served.tap(card(nth + 1, **kinds))
    bus.tap_torn_at_debit(card(900), executed=True)
    served.tell()


def main() -> None:
    """Write everything."""
    with tempfile.TemporaryDirectory() as folder, browser() as page:
        served = Served(Bus(Path(folder) / "bus"))
        try:
            write_api(served, Path(folder) / "training")
            a_day(served)
            for name, prepare in SHOTS.items():
                prepare(page, served)
                (DOCS / "web").mkdir(exist_ok=True)
                page.driver.save_screenshot(str(DOCS / "web" / f"{name}.png"))
        finally:
            served.close()


def _ready(page: Browser, served: Served, role: Role, where: str) -> None:
    if served.accounts.people().account(NAMES[role]) is None:
        served.accounts.add(NAMES[role], role, PASSWORDS[role])
    page.driver.delete_all_cookies()
    page.log_in(served.address, NAMES[role], PASSWORDS[role])
    page.open(f"{served.address}/{where}")
    page.until(lambda: page.all("body[data-ready=yes]") and page.all("#strip li"))


def _kiosk(page: Browser, served: Served) -> None:
    page.driver.set_window_size(1024, 640)
    page.open(f"{served.address}/kiosk")
    page.says("#tap h1", "请刷卡")
    served.tap(card(500, main_type="11"))
    page.until(lambda: page.one("#tap").get_attribute("data-shape") != "card")


def _redress(page: Browser, served: Served) -> None:
    page.driver.set_window_size(1500, 1300)
    _ready(page, served, Role.CLERK, "journal")
    page.one("#lines tbody tr:nth-child(3)").click()
    page.press("#adjust button")
    page.says("#adjustments", "待确认")
    page.run("document.getElementById('said').hidden = true; scrollTo(0, 0)")


def _day(page: Browser, served: Served) -> None:
    page.driver.set_window_size(1500, 1100)
    _ready(page, served, Role.CLERK, "day")


def _technician(page: Browser, served: Served) -> None:
    page.driver.set_window_size(1500, 1100)
    _ready(page, served, Role.TECHNICIAN, "technician")
    page.press("#test")
    page.says("#selftest", "时钟")
    page.run("scrollTo(0, 0)")


SHOTS: dict[str, Callable[[Browser, Served], None]] = {
    "kiosk": _kiosk,
    "redress": _redress,
    "day": _day,
    "technician": _technician,
}

if __name__ == "__main__":
    main()
