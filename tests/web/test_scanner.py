"""A barcode scanner on a serial line at the library's page: codes go where the cursor is, unplugged and back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from apdu.virtual.timing import NO_DELAY
from sync.events import LoanAsked
from terminal.drivers import inlet
from terminal.faces.web.page import Role
from terminal.training.build import PASSWORD, PEOPLE, Training, start
from tests.lines import Line
from tests.web.browser import Browser
from tests.web.served import Client
from tests.web.trained import chromium, events, opened

__all__ = ["chromium"]


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(tmp_path)


@pytest.fixture
def training(tmp_path: Path, line: Line, monkeypatch: pytest.MonkeyPatch) -> Iterator[Training]:
    monkeypatch.setattr(inlet, "LINE_OPEN_S", 0.02)
    made = start(tmp_path / "training", 0, NO_DELAY, str(line.path))
    assert made.built.face.ready.wait(15)
    yield made
    made.close()


def test_books_and_readers_are_scanned_without_a_hand_on_mouse_or_keyboard(
    chromium: Browser, training: Training, line: Line
) -> None:
    desk = opened(chromium, training, "library")
    desk.says("#scanner", "● 扫码枪已连接")
    line.say(b"31400000000012345678\rB0001\rB0002\r")
    desk.says("#reader", "王** …5678")
    desk.says("#results li:first-child", "B0002")
    assert [book.holder[-4:] for book in training.library.shelf.books.values()][:3] == ["5678", "5678", ""]
    line.unplug()
    desk.says("#scanner", "✗ 扫码枪未连接")
    line.plug()
    desk.says("#scanner", "● 扫码枪已连接")
    line.say(b"B0003\r")
    desk.says("#results li:first-child", "B0003")
    desk.driver.refresh()
    desk.says("#reader", "王** …5678")
    assert len(events(training, LoanAsked)) == 3, "no scan of before is taken again by a page that is loaded anew"


def test_two_tabs_take_a_scan_once(chromium: Browser, training: Training, line: Line) -> None:
    desk = opened(chromium, training, "library")
    line.say(b"31400000000012345678\r")
    desk.says("#reader", "王** …5678")
    desk.driver.switch_to.new_window("tab")
    desk.open(f"{training.built.address}/library")
    desk.says("#reader", "王** …5678")
    line.say(b"B0001\r")
    desk.says("#results", "B0001")
    desk.driver.close()
    desk.driver.switch_to.window(desk.driver.window_handles[0])
    line.say(b"B0002\r")
    desk.says("#results", "B0002")
    assert "B0001" not in desk.text("#results")
    assert training.library.shelf.books["B0001"].lent == 1 and len(events(training, LoanAsked)) == 2


def test_a_page_that_asks_gets_each_code_once_and_no_card_number(training: Training, line: Line) -> None:
    client = Client(training.built.face.port).log_in_as(PEOPLE[Role.CLERK], PASSWORD)
    while (seen := client.get("/api/card").json)["scanner"] != "ready":
        pass
    line.say(b"31400000000012345678\r")
    answer = client.get(f"/api/card?nth={seen['nth']}")
    assert (answer.json["tail"], answer.json["scans"]) == ("5678", []) and b"31400000000012345678" not in answer.raw
    line.say(b"B0001\r")
    nth: int = answer.json["nth"]
    codes: list[str] = []
    while not codes:
        told = client.get(f"/api/card?nth={nth}").json
        nth, codes = told["nth"], told["scans"]
    assert codes == ["B0001"] and told["visit"] == answer.json["visit"]
    line.say(b"B0002\r")
    assert client.get(f"/api/card?nth={nth}").json["scans"] == ["B0002"]
    assert client.get("/api/card").json["scans"] == []
