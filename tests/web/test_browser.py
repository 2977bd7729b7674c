"""The pages in a real browser: what people see, by keys alone, and what a hostile page beside them cannot do."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from sync.events import AdjustAsked, Adjusted
from terminal.faces.web import state
from terminal.faces.web.page import Role
from terminal.mode import Mode
from tests.bus import card
from tests.web.browser import Browser, browser
from tests.web.served import NAMES, PASSWORDS, Served


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as made:
        yield made


@pytest.fixture
def page(chromium: Browser, served: Served) -> Browser:
    """The same browser, logged out and with an empty log."""
    chromium.open(f"{served.address}/login")
    chromium.run("sessionStorage.clear(); localStorage.clear()")
    chromium.driver.delete_all_cookies()
    chromium.complaints()
    return chromium


def log_in(page: Browser, served: Served, role: Role) -> None:
    if served.accounts.people().account(NAMES[role]) is None:
        served.accounts.add(NAMES[role], role, PASSWORDS[role])
    page.log_in(served.address, NAMES[role], PASSWORDS[role])


def test_a_passenger_sees_each_outcome_as_shape_word_and_colour(page: Browser, served: Served) -> None:
    page.open(f"{served.address}/kiosk")
    page.says("#tap h1", "请刷卡")
    served.tap(card(7))
    page.says("#tap h1", "刷卡成功")
    tap = page.one("#tap")
    assert (tap.get_attribute("data-shape"), tap.get_attribute("data-light")) == ("check", "green")
    assert "1.00" in page.text("#tap .money") and "99.00" in page.text("#tap .money")
    assert page.text("#tap .second") == "Paid"
    served.tap(card(8, balance_fen=10))
    page.until(lambda: page.one("#tap").get_attribute("data-shape") != "check")
    assert page.one("#tap").get_attribute("data-light") == "red"
    assert page.complaints() == []


def test_the_screen_waits_again_after_a_while_and_says_when_the_device_is_closed(
    page: Browser, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "SIGNAL_HOLD_S", 0.5)
    page.open(f"{served.address}/kiosk")
    served.tap(card(7))
    page.says("#tap h1", "刷卡成功")
    page.says("#tap h1", "请刷卡")
    served.device.troubles["reader"] = "unplugged"
    served.device.mode = Mode.CLOSED
    served.tell()
    page.says("#tap h1", "暂停服务")


def test_a_page_says_that_the_terminal_is_away_and_comes_back_by_itself(page: Browser, served: Served) -> None:
    page.open(f"{served.address}/kiosk")
    page.says("#tap h1", "请刷卡")
    served.face.close()
    page.one("#away")
    served.restart()
    page.until(lambda: not page.all("#away")[0].is_displayed())
    served.tap(card(7))
    page.says("#tap h1", "刷卡成功")


def test_a_clerk_logs_in_by_keys_and_a_wrong_password_says_so(page: Browser, served: Served) -> None:
    served.accounts.add("0101", Role.CLERK, PASSWORDS[Role.CLERK])
    page.open(served.address)
    page.type("[name=name]", "0101")
    page.type("[name=password]", "not-the-password\n")
    page.says("#said", "工号或密码不对")
    page.type("[name=password]", PASSWORDS[Role.CLERK] + "\n")
    page.says("h1", "交易查询")
    page.says("#strip", "终端 00000001")
    cookie = page.driver.get_cookie(f"smk-{served.face.port}")
    assert cookie is not None and cookie["sameSite"] == "Strict" and cookie["httpOnly"]


def test_english_is_one_key_away_and_stays(page: Browser, served: Served) -> None:
    log_in(page, served, Role.CLERK)
    assert "交易查询" in page.text("h1") and "Taps" not in page.text("h1")
    page.press("#language")
    assert page.text("h1") == "Taps"
    page.open(f"{served.address}/journal")
    page.says("h1", "Taps")


def test_a_wrong_charge_is_put_right_by_two_people(page: Browser, served: Served) -> None:
    served.tap(card(7))
    log_in(page, served, Role.CLERK)
    page.one("#lines tbody tr").send_keys("\n")
    page.says("#evidence dl", "TAC")
    page.says("#evidence ol", "✓")
    page.press("#adjust button")
    page.says("#adjustments", "待确认")
    page.press("#log-out")
    log_in(page, served, Role.SUPERVISOR)
    page.press("[data-act=adjust_confirm]")
    page.says("#adjustments", "已调整")
    [given] = [event for event in served.bus.events() if isinstance(event, Adjusted)]
    assert (given.amount_fen, given.asked_by, given.confirmed_by) == (100, "0101", "0201")
    assert page.complaints() == []


def test_a_page_loaded_anew_in_the_middle_tells_what_became_of_the_act(page: Browser, served: Served) -> None:
    served.tap(card(7))
    log_in(page, served, Role.CLERK)
    page.one("#lines tbody tr").click()
    page.one("#adjust button")
    page.run(
        """const act = {operation: crypto.randomUUID(), name: "adjust_ask", body: {debit: arguments[0], amount_fen: 5,
        why: "goodwill"}};
        sessionStorage.setItem("act", JSON.stringify(act));
        fetch("/api/adjust_ask", {method: "POST", keepalive: true, body: JSON.stringify(act.body), headers: {
          "Content-Type": "application/json", "X-SMK-Operation": act.operation,
          "X-SMK-Token": document.querySelector("meta[name=smk-token]").content}});
        location.reload();""",
        served.bus.kinds().index("HELD") + 1,
    )
    page.says("#said", "已完成")
    page.says("#adjustments", "待确认")
    assert len([event for event in served.bus.events() if isinstance(event, AdjustAsked)]) == 1


def test_two_tabs_do_not_give_the_same_money_back_twice(page: Browser, served: Served) -> None:
    served.tap(card(7))
    log_in(page, served, Role.CLERK)
    first = page.driver.current_window_handle
    page.one("#lines tbody tr").click()
    page.one("#adjust button")
    page.driver.switch_to.new_window("tab")
    page.open(f"{served.address}/journal")
    page.one("#lines tbody tr").click()
    page.press("#adjust button")
    page.says("#adjustments", "待确认")
    page.driver.close()
    page.driver.switch_to.window(first)
    page.press("#adjust button")
    page.says("#said", "最多还可退 0 分")
    assert len([event for event in served.bus.events() if isinstance(event, AdjustAsked)]) == 1


def test_a_device_that_restarts_under_an_act_tells_what_became_of_it(page: Browser, served: Served) -> None:
    served.tap(card(7))
    log_in(page, served, Role.CLERK)
    page.one("#lines tbody tr").click()
    page.one("#adjust button")
    served.face.close()
    page.press("#adjust button")
    page.one("#away")
    served.restart()
    page.one("[name=password]")
    page.type("[name=name]", NAMES[Role.CLERK])
    page.type("[name=password]", PASSWORDS[Role.CLERK] + "\n")
    page.says("#said", "没有办理，请重做")
    assert not [event for event in served.bus.events() if isinstance(event, AdjustAsked)]


def test_the_day_is_drawn_and_a_technician_sees_and_tries_the_parts(page: Browser, served: Served) -> None:
    served.tap(card(7))
    served.tap(card(8, balance_fen=10))
    log_in(page, served, Role.CLERK)
    page.open(f"{served.address}/day")
    page.says("#sum", "放行 1 人，拒绝 1 次，入账 ￥1.00")
    assert len(page.all("#hours rect.bar, #hours rect.hatched")) == 48 and page.all("#queue rect.bar")
    page.press("#log-out")
    log_in(page, served, Role.TECHNICIAN)
    page.open(f"{served.address}/technician")
    page.press("#test")
    page.says("#selftest", "✓")
    page.press("#rollback")
    page.says("#said", "没有上一版可回退")
    assert [fault for fault in page.complaints() if "422" not in fault] == []


HOSTILE = """
const done = arguments[arguments.length - 1], [address, debit] = arguments, tried = [];
const send = async (options) => { try { await fetch(address + "/api/adjust_ask", options); } catch {} };
const body = JSON.stringify({debit, amount_fen: 1, why: "goodwill"});
(async () => {
  for (const kind of ["text/plain", "application/x-www-form-urlencoded"])
    await send({method: "POST", mode: "no-cors", credentials: "include", body, headers: {"Content-Type": kind}});
  await send({method: "POST", credentials: "include", body,
    headers: {"Content-Type": "application/json", "X-SMK-Operation": crypto.randomUUID()}});
  let read = "nothing";
  try { read = await (await fetch(address + "/api/taps", {credentials: "include"})).text(); } catch {}
  const events = new EventSource(address + "/api/events", {withCredentials: true});
  events.onerror = () => { events.close(); done(read); };
  events.onopen = () => done("the stream was opened");
})();
"""


def test_a_hostile_page_in_the_clerks_browser_reads_nothing_and_does_nothing(page: Browser, served: Served) -> None:
    """The page of another local service is even of the same site: the cookie goes along, and still nothing happens."""
    class Evil(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><p>evil")

        def log_message(self, *_: object) -> None:
            pass

    served.tap(card(7))
    debit = served.bus.kinds().index("HELD") + 1
    log_in(page, served, Role.SUPERVISOR)
    page.one("#lines tbody tr")
    evil = HTTPServer(("127.0.0.1", 0), Evil)
    threading.Thread(target=evil.serve_forever, daemon=True).start()
    try:
        for host in ("127.0.0.1", "localhost"):
            page.open(f"http://{host}:{evil.server_port}/")
            for target in (served.address, served.address.replace("127.0.0.1", "localhost")):
                assert page.later(HOSTILE, target, debit) == "nothing"
    finally:
        evil.shutdown()
        evil.server_close()
    assert not [event for event in served.bus.events() if isinstance(event, AdjustAsked)]
    page.open(f"{served.address}/journal")
    page.one("#lines tbody tr")
