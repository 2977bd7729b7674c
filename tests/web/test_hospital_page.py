"""The hospital counter in a browser, over a training: from the chip to the receipt, and no step out of turn."""

import pytest
from selenium.webdriver.common.keys import Keys

from sync.events import BillDone, BillHeld, HolderChecked
from terminal.training.build import Training
from tests.web.browser import Browser
from tests.web.served import Client
from tests.web.trained import chromium, client, events, keys, opened, training

__all__ = ["chromium", "client", "training"]


@pytest.fixture
def counter(chromium: Browser, training: Training) -> Browser:
    """The hospital's page, the clerk signed in."""
    page = opened(chromium, training, "hospital")
    page.says("#at", "未签到")
    keys(page, Keys.F2)
    page.says("#at", "请患者插卡")
    return page


def test_a_patient_from_card_to_receipt_by_keyboard(counter: Browser, training: Training) -> None:
    counter.press("[data-card=wang] button:nth-of-type(2)")
    counter.says("[data-card=wang]", "退卡")
    keys(counter, Keys.F2)
    counter.says("#patient", "王**")
    keys(counter, Keys.F2)
    counter.says("#at", "请录入项目")
    keys(counter, "诊查费 25\n", "检查 420 乙\n", Keys.F2)
    counter.says("#at", "请患者确认")
    counter.says("#bill", "445.00")
    counter.says("#bill", "为什么")
    assert events(training, BillHeld) == []
    counter.driver.refresh()
    counter.says("#bill", "445.00")
    counter.says("#at", "请患者确认")
    keys(counter, Keys.F4)
    counter.says("#slip", "*** 培训 TRAINING ***")
    counter.says("#at", "请患者插卡")
    assert [len(events(training, kind)) for kind in (HolderChecked, BillHeld, BillDone)] == [1, 1, 1]
    assert "小明" not in counter.text("main")


def test_a_bill_is_cancelled_by_its_mirror(client: Client, training: Training) -> None:
    client.act("hospital_sign_in", {})
    training.tray.insert("li")
    for name in ("read", "check"):
        assert client.act(f"hospital_{name}", {}).status == 200
    client.act("hospital_price", {"items": [{"name": "检查", "fen": 42000}]})
    lines = client.act("hospital_confirm", {}, "o" * 16).json["lines"]
    assert client.act("hospital_confirm", {}, "o" * 16).json["lines"] == lines
    [held] = events(training, BillHeld)
    assert isinstance(held, BillHeld)
    assert client.act("hospital_cancel", {"operation": held.operation}).json["step"] == "priced"
    assert "撤销" in "".join(client.act("hospital_confirm", {}).json["lines"])
    assert client.act("hospital_cancel", {"operation": held.operation}).json["problem"] == "cancelled_already"


def test_no_step_is_taken_out_of_turn(client: Client, training: Training) -> None:
    for name in ("read", "check", "confirm", "ask", "offline", "void", "give_up", "sign_out"):
        assert client.act(f"hospital_{name}", {}).json["problem"] == "wrong_step", name
    client.act("hospital_sign_in", {})
    assert client.act("hospital_read", {}).json["problem"] == "no_chip"
    training.tray.insert("zhao")
    client.act("hospital_read", {})
    assert client.act("hospital_check", {}).json["problem"] == "not_insured"
    assert client.act("hospital_price", {"items": [{"name": "检查", "fen": 1}]}).json["problem"] == "wrong_step"
    assert events(training, BillHeld) == []
