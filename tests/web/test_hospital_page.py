"""The hospital counter in a browser, over a training: from the chip to the receipt, and no step out of turn."""

import logging
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from sync.events import BillDone, BillHeld, HolderChecked
from terminal.training.build import Training
from tests.web.browser import Browser
from tests.web.served import Client
from tests.web.trained import chromium, client, events, keys, opened, training

__all__ = ["chromium", "client", "training"]

HEAR_STORAGE = """
const keep = Storage.prototype.setItem;
window.heard = [];
Storage.prototype.setItem = function (key, value) { heard.push(value); keep.call(this, key, value); };
"""


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


def test_the_holder_keys_the_pin_and_the_page_keeps_it_nowhere(counter: Browser, training: Training) -> None:
    training.tray.insert("wang")
    counter.run(HEAR_STORAGE)
    keys(counter, Keys.F6, "739164\n")
    counter.says("#pin-said", "还可试 2 次")
    heard = counter.run("return heard")
    assert "hospital_pin" in str(heard) and "739164" not in str(heard)
    field = counter.one("#pin input")
    assert (field.get_attribute("type"), field.get_attribute("value")) == ("password", "")
    kept = counter.run("return JSON.stringify([sessionStorage, localStorage, document.documentElement.outerHTML])")
    assert "739164" not in kept
    keys(counter, Keys.F6, "123456\n")
    counter.says("#at", "请录入项目")
    counter.says("#patient", "王**")
    assert not counter.all("#pin-said:not([hidden])") and not counter.all("#pin:not([hidden])")
    [checked] = events(training, HolderChecked)
    assert isinstance(checked, HolderChecked) and checked.by == "pin"


def test_a_pin_is_tried_once_an_operation_until_the_chip_blocks_and_no_file_or_log_has_it(
    client: Client, training: Training, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client.act("hospital_sign_in", {})
    training.tray.insert("wang")
    assert client.act("hospital_pin", {"pin": "7391"}).json["problem"] == "pin_impossible"
    first = client.act("hospital_pin", {"pin": "739164"}, "p" * 16)
    assert first.json["problem"] == "pin_wrong" and "2 tries left" in first.json["en"]
    assert client.act("hospital_pin", {"pin": "739164"}, "p" * 16).raw == first.raw
    assert client.act("hospital_pin", {"pin": "123456"}, "p" * 16).raw == first.raw
    last = client.act("hospital_pin", {"pin": "739164"}).json
    assert "还可试 1 次" in last["zh"] and "再错即锁卡" in last["zh"]
    for pin in ("739164", "123456"):
        assert client.act("hospital_pin", {"pin": pin}).json["problem"] == "pin_blocked"
    assert client.act("hospital_pin", {"pin": "73916x"}).json["problem"] == "bad_body"
    assert events(training, HolderChecked) == []
    assert client.act("hospital_read", {}).json["step"] == "card"
    assert client.act("hospital_check", {}).json["step"] == "entitled"
    digest = sha256(b'hospital_pin\0{"pin":"739164"}').digest()
    files = {file.name: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    assert "operations.db" in files
    assert [name for name, raw in files.items() if b"739164" in raw or digest in raw] == []
    assert "739164" not in caplog.text


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


def test_a_stay_is_settled_and_the_clerk_sees_whose_word_the_entitlement_is(
    counter: Browser, training: Training
) -> None:
    training.tray.insert("wang")
    for seen in ("王**", "职工医保"):
        keys(counter, Keys.F2)
        counter.says("main", seen)
    counter.says("#entitlement", "500.00")
    counter.says("#entitlement", "单位 employer")
    assert [one.is_displayed() for one in counter.all(".stay")] == [False, False]
    counter.type("#visit [name=care]", "住")
    counter.type("[name=stay]", "20261124-1")
    counter.type("#visit [name=admission]", "2")
    counter.type("#item input", "检查 1000\n")
    keys(counter, Keys.F2)
    counter.says("#bill", "250.00")
    counter.says("#bill", "deductible")
    keys(counter, Keys.F4)
    counter.says("#at", "请患者插卡")
    [held] = events(training, BillHeld)
    assert isinstance(held, BillHeld) and (held.med_type, held.sums.act_pay_dedc) == ("21", 25_000)


def test_the_hospitals_own_system_brings_its_claim_and_a_cancelled_bills_rest_is_settled_once(
    client: Client, training: Training
) -> None:
    def settled(claim: dict[str, Any], replaces: str = "") -> Any:
        for name in ("read", "check"):
            assert client.act(f"hospital_{name}", {}).status == 200
        priced = client.act("hospital_claim", {"claim": claim, "replaces": replaces})
        return client.act("hospital_confirm", {}).json if priced.status == 200 else priced.json

    line = {"name": "检查", "pric": "12.50", "cnt": "4", "chrgitm_lv": "01"}
    claim = {"id": "HIS-1", "date": date.today().isoformat(), "facts": {"care": "11"}, "lines": [line, line]}
    client.act("hospital_sign_in", {})
    training.tray.insert("li")
    assert settled(claim)["step"] == "ready"
    [held] = events(training, BillHeld)
    assert isinstance(held, BillHeld) and held.sums.medfee_sumamt == 10_000
    assert settled(claim, held.operation)["problem"] == "no_rest", "it was not cancelled"
    client.act("hospital_give_up", {})
    client.act("hospital_cancel", {"operation": held.operation})
    client.act("hospital_confirm", {})
    assert "bad_case" in settled(claim | {"lines": []}).values()
    client.act("hospital_give_up", {})
    training.tray.insert("wang")
    assert settled(claim, held.operation)["problem"] == "no_rest", "it is another's"
    client.act("hospital_give_up", {})
    training.tray.insert("li")
    rest = settled(claim | {"lines": [line]}, held.operation)
    assert f"重结 settles the rest of {held.operation}" in rest["lines"]
    assert settled(claim, held.operation)["problem"] == "no_rest", "it was settled already"


def test_no_step_is_taken_out_of_turn(client: Client, training: Training) -> None:
    assert client.act("hospital_pin", {"pin": "123456"}).json["problem"] == "wrong_step"
    for name in ("read", "check", "confirm", "ask", "offline", "void", "give_up", "sign_out"):
        assert client.act(f"hospital_{name}", {}).json["problem"] == "wrong_step", name
    client.act("hospital_sign_in", {})
    assert client.act("hospital_read", {}).json["problem"] == "no_chip"
    training.tray.insert("zhao")
    client.act("hospital_read", {})
    assert client.act("hospital_check", {}).json["problem"] == "not_insured"
    assert client.act("hospital_price", {"items": [{"name": "检查", "fen": 1}]}).json["problem"] == "wrong_step"
    assert events(training, BillHeld) == []
