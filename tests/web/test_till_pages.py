"""The market's till and the top-up desk in a browser, over a training: each fen is where it should be, once."""

import threading
from pathlib import Path

import apsw
import pytest
from selenium.webdriver.common.keys import Keys

from apdu.virtual.timing import NO_DELAY
from sync.events import Done, Held, LoadDone, Refund, SaleAsked, ShiftOff
from terminal.faces.web.operations import Operations
from terminal.till.counter import Till
from terminal.training.build import Training, start
from tests.web.browser import Browser
from tests.web.served import Client
from tests.web.trained import chromium, client, events, keys, opened, training

__all__ = ["chromium", "client", "training"]

SELL, SHIFT, Z, LEAVE, CASH, ACCOUNT = Keys.F2, Keys.F4, Keys.F9, Keys.F10, Keys.F2, Keys.F3


@pytest.fixture
def market(chromium: Browser, training: Training) -> Browser:
    """The market's page with an open shift."""
    page = opened(chromium, training, "market")
    page.says("#shift", "未开班")
    keys(page, SHIFT)
    page.says("#shift", "操作员 0101 · 班次 1")
    return page


@pytest.fixture
def shift(client: Client) -> Client:
    assert client.act("till_shift", {}).status == 200
    return client


def fen(training: Training, name: str) -> int:
    """What a card's purse holds."""
    return next(card.fen or 0 for card in training.tray.cards() if card.name == name)


def waited(client: Client, *steps: str) -> dict[str, object]:
    """The till's deal once it stands in one of these steps."""
    nth = 0
    while True:
        stand = client.get(f"/api/till?nth={nth}").json
        if stand["deal"] and stand["deal"]["step"] in steps:
            return dict(stand["deal"])
        nth = stand["nth"]


def test_a_sale_of_two_items_by_keyboard_alone(market: Browser, training: Training) -> None:
    keys(market, "鱼 12.50\n", "3\n", SELL)
    market.says("#deal", "请放卡")
    market.says("#deal", "15.50")
    assert fen(training, "wang") == 8650
    market.press("[data-card=wang] button")
    market.says("#deal h1", "✓ 交易成功")
    market.says("#slip", "*** 培训 TRAINING ***")
    market.says("#slip", "71.00")
    market.says("#shift", "收款 1 笔 ￥15.50")
    assert fen(training, "wang") == 7100
    keys(market, Z)
    market.says("#slip", "日结 Z")
    [closed] = events(training, ShiftOff)
    assert isinstance(closed, ShiftOff) and closed.sales_fen == 1550


def test_a_page_loaded_anew_while_the_card_pays_takes_the_money_once(market: Browser, training: Training) -> None:
    keys(market, "8\n", SELL)
    market.says("#deal", "请放卡")
    threading.Timer(0.05, training.tray.put_down, ["wang"]).start()
    for _ in range(3):
        market.driver.refresh()
    market.says("#deal h1", "✓ 交易成功")
    assert (fen(training, "wang"), len(events(training, SaleAsked)), len(events(training, Held))) == (7850, 1, 1)


def test_a_second_tab_cannot_begin_a_second_sale_and_sees_the_first(market: Browser, training: Training) -> None:
    keys(market, "8\n", SELL)
    market.says("#deal", "请放卡")
    market.driver.switch_to.new_window("tab")
    market.open(f"{training.built.address}/market")
    market.says("#deal", "8.00")
    keys(market, "9\n", SELL)
    market.says("#said", "上一笔还在等待刷卡")
    training.tray.put_down("wang")
    market.says("#deal h1", "✓ 交易成功")
    market.driver.close()
    market.driver.switch_to.window(market.driver.window_handles[0])
    market.says("#deal h1", "✓ 交易成功")
    assert fen(training, "wang") == 7850


def test_a_top_up_from_cash_and_from_the_account(market: Browser, training: Training) -> None:
    market.open(f"{training.built.address}/topup")
    market.press("[data-card=li] button")
    market.says("#reader", "12.00")
    keys(market, "50", CASH)
    market.says("#deal h1", "✓ 交易成功")
    market.says("#reader", "62.00")
    market.press("[data-card=li] button")  # lifted
    market.says("#reader", "请放卡")
    keys(market, "300", ACCOUNT)
    market.says("#deal", "请放卡")
    market.press("[data-card=li] button")
    market.says("#deal", "余额不足")
    keys(market, LEAVE)
    market.says("#deal h1", "✗ 已取消")
    assert fen(training, "li") == 6200


@pytest.mark.parametrize("executed", [False, True])
def test_a_card_pulled_away_in_a_payment_pays_once(shift: Client, training: Training, executed: bool) -> None:
    training.tray.pull_at_debit(executed)
    shift.act("market_sell", {"items": [{"name": "鱼", "fen": 500}]})
    training.tray.put_down("wang")
    assert waited(shift, "unclear")["zh"] == "请放回同一张卡"
    training.tray.put_down("wang")
    assert waited(shift, "done")["step"] == "done"
    assert fen(training, "wang") == 8150
    assert len(events(training, Done)) == 1


def test_a_card_that_was_left_lying_does_not_pay_the_next_sale(shift: Client, training: Training) -> None:
    shift.act("market_sell", {"items": [{"name": "鱼", "fen": 500}]})
    training.tray.put_down("wang")
    waited(shift, "done")
    shift.act("market_sell", {"items": [{"name": "鱼", "fen": 700}]})
    threading.Event().wait(0.5)
    assert waited(shift, "asked", "done")["step"] == "asked"
    training.tray.take_away()
    threading.Event().wait(0.6)
    training.tray.put_down("wang")
    waited(shift, "done")
    assert fen(training, "wang") == 8650 - 1200


def test_a_refund_is_noted_and_given_back_to_the_card_that_paid(shift: Client, training: Training) -> None:
    shift.act("market_sell", {"items": [{"name": "鱼", "fen": 500}]})
    training.tray.put_down("wang")
    lines = waited(shift, "done")["lines"]
    assert isinstance(lines, list)
    number = next(line.removeprefix("No. ") for line in lines if line.startswith("No. "))
    assert shift.act("till_refund", {"receipt": number, "fen": 501}).json["problem"] == "refund_limit"
    assert "*** 培训 TRAINING ***" in "".join(shift.act("till_refund", {"receipt": number, "fen": 500}).json["lines"])
    visit = shift.get("/api/card?nth=0").json["visit"]
    [due] = shift.get(f"/api/topup_due?visit={visit}").json
    assert due["amount_fen"] == 500
    training.tray.take_away()
    shift.act("topup_load", {"fen": 500, "source": "refund", "refund": due["operation"]})
    threading.Event().wait(0.6)
    training.tray.put_down("wang")
    waited(shift, "done")
    assert fen(training, "wang") == 8650 and len(events(training, LoadDone)) == 1


@pytest.mark.parametrize("noted", [True, False])
def test_a_refund_whose_end_a_power_cut_hid_is_noted_once_and_answered(
    shift: Client, training: Training, monkeypatch: pytest.MonkeyPatch, noted: bool
) -> None:
    shift.act("market_sell", {"items": [{"name": "鱼", "fen": 500}]})
    training.tray.put_down("wang")
    lines = waited(shift, "done")["lines"]
    assert isinstance(lines, list)
    number = next(line.removeprefix("No. ") for line in lines if line.startswith("No. "))
    body, name = {"receipt": number, "fen": 200}, "refund-of-a-test-1"

    def fails(*_: object) -> None:
        raise apsw.FullError("no room")

    breaks: tuple[type, str] = (Operations, "end") if noted else (Till, "refund")
    with monkeypatch.context() as patch:
        patch.setattr(breaks[0], breaks[1], fails)
        assert shift.act("till_refund", body, name).status == 503
    again = shift.act("till_refund", body, name)
    assert again.status == 200 and "2.00" in "".join(again.json["lines"])
    assert shift.act("till_refund", body, name).json == again.json
    assert len(events(training, Refund)) == 1


def test_a_sale_is_asked_once_under_its_name_and_needs_an_own_shift(client: Client, training: Training) -> None:
    body = {"items": [{"name": "鱼", "fen": 500}]}
    assert client.act("market_sell", body).json["problem"] == "no_shift"
    client.act("till_shift", {})
    first, again = (client.act("market_sell", body, "o" * 16) for _ in range(2))
    assert first.raw == again.raw and len(events(training, SaleAsked)) == 1
    assert client.act("market_sell", {"items": [{"name": "鱼", "fen": 600}]}, "o" * 16).status == 409
    other = Client(client.port).log_in_as("0201", "training")
    assert other.act("market_sell", body).json["problem"] == "other_shift"
    bad: list[list[dict[str, object]]] = [[], [{"name": "", "fen": 1}], [{"name": "a", "fen": 0.5}]]
    for items in bad:
        assert client.act("market_sell", {"items": items}).status == 400


def test_the_till_is_looked_after_while_nobody_stands_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = threading.Event()
    monkeypatch.setattr(Till, "idle", lambda till: looked.set())
    began = start(tmp_path / "training", 0, NO_DELAY)
    try:
        assert looked.wait(15)
    finally:
        began.close()
