"""The library's desk in a browser, over a training: cards that are clicked, real pages, journal and library system."""

from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from apdu.virtual.timing import NO_DELAY
from config.errors import ConfigError
from sync.chain import TRAINING, Identity
from sync.events import ClerkAct, Done, Held, LoanAsked
from terminal import identity
from terminal.training.build import PASSWORD, Training, start
from terminal.training.cast import shelf
from tests.web.browser import Browser
from tests.web.served import Client
from tests.web.trained import CLERK, chromium, client, events, keys, opened, training

__all__ = ["chromium", "client", "training"]

DOCS = Path(__file__).parents[2] / "docs"
F3, F6, F7 = Keys.F3, Keys.F6, Keys.F7  # return, slip, contact chip


@pytest.fixture
def desk(chromium: Browser, training: Training) -> Browser:
    """The library's page, a clerk logged in."""
    page = opened(chromium, training, "library")
    page.says("#standing", "●")
    return page


def test_a_reader_at_the_desk_by_keyboard_and_scanner_alone(desk: Browser, training: Training) -> None:
    desk.says(".training", "培训 TRAINING")
    desk.press("[data-card=wang] button")
    desk.says("#reader", "王** …5678")
    keys(desk, "B0001\n", "B0002\n", F3, "B0001\n")
    desk.says("#results li:first-child", "✓ 还 完成 B0001 嘉兴府志")
    assert len(desk.all("#results li")) == 3
    desk.says("#reader li", "B0002")
    keys(desk, F6)
    desk.says("#slip", "*** 培训 TRAINING ***")
    assert [book.holder[-4:] for book in training.library.shelf.books.values()][:2] == ["", "5678"]


def test_a_page_loaded_anew_in_the_middle_loses_and_doubles_nothing(desk: Browser, training: Training) -> None:
    training.tray.put_down("wang")
    desk.says("#reader", "王**")
    with training.library.lock:  # the library system thinks, the clerk presses F5
        keys(desk, "B0003\n")
        desk.until(lambda: events(training, LoanAsked))
        desk.driver.refresh()
    desk.says("#results", "✓ 借 完成 B0003")
    desk.says("#reader", "王**")
    assert len(events(training, LoanAsked)) == 1
    assert training.library.shelf.books["B0003"].lent == 1


def test_two_tabs_work_side_by_side(desk: Browser, training: Training) -> None:
    training.tray.put_down("wang")
    desk.says("#reader", "王**")
    desk.driver.switch_to.new_window("tab")
    desk.open(f"{training.built.address}/library")
    desk.says("#reader", "王**")
    keys(desk, "B0001\n")
    desk.says("#results", "B0001")
    desk.driver.close()
    desk.driver.switch_to.window(desk.driver.window_handles[0])
    keys(desk, "B0002\n")
    desk.says("#results", "B0002")
    assert [book.lent for book in training.library.shelf.books.values()][:3] == [1, 1, 0]


def test_a_scanned_number_and_a_contact_chip_name_the_same_reader(desk: Browser) -> None:
    keys(desk, "31400000000012345679\n")
    desk.says("#reader", "李* …5679")
    desk.says("#reader", "欠费 ￥1.50")
    desk.press("[data-card=zhao] button:nth-of-type(2)")
    keys(desk, F7)
    desk.says("#reader", "✗ 停借")


def test_an_act_is_done_once_under_its_name_and_leaves_who_did_it(client: Client, training: Training) -> None:
    training.tray.put_down("wang")
    visit = client.get("/api/card?nth=1").json["visit"]
    first = client.act("library_lend", {"visit": visit, "item": "B0001"}, "o" * 16)
    again = client.act("library_lend", {"visit": visit, "item": "B0001"}, "o" * 16)
    other = client.act("library_lend", {"visit": visit, "item": "B0002"}, "o" * 16)
    assert (first.status, first.raw, other.status) == (200, again.raw, 409)
    assert training.library.shelf.books["B0001"].lent == 1
    rows = [event for event in events(training, ClerkAct) if isinstance(event, ClerkAct)]
    assert (rows[-1].clerk, rows[-1].act, rows[-1].operation) == (CLERK, "library_lend", "o" * 16)


def test_what_is_no_visit_no_barcode_and_no_fee_is_refused(client: Client) -> None:
    assert client.act("library_lend", {"visit": "nobody", "item": "B0001"}).json["problem"] == "no_visit"
    assert client.act("library_return", {"item": " B"}).json["problem"] == "bad_item"
    for body in ({"visit": "x"}, {"visit": "x", "fen": 0}, {"visit": "x", "fen": 1.5}, {"visit": "x", "fen": 10**9}):
        assert client.act("library_fee", body).status == 400


def test_without_the_library_system_acts_are_kept_and_told_later(client: Client, training: Training) -> None:
    training.library.__exit__()
    training.tray.put_down("wang")
    visit = client.get("/api/card?nth=1").json["visit"]
    done = client.act("library_lend", {"visit": visit, "item": "B0001"}).json
    assert (done["outcome"], done["shape"]) == ("queued", "◷")
    found = client.get("/api/library_open").json
    assert found["standing"]["waiting"] == 1 and found["acts"][0]["card"] == "…5678"
    assert client.act("library_replay", {}).json["left"] == 1


def test_the_counters_description_in_docs_is_the_one_that_is_served(client: Client) -> None:
    made = client.get("/api/openapi.json").raw
    assert (DOCS / "api-counter.json").read_bytes() == made, "python -m tests.web.shots writes it anew"


def test_no_answer_of_the_desk_bears_a_card_number_or_a_name(client: Client, training: Training) -> None:
    training.tray.put_down("wang")
    visit = client.get("/api/card?nth=1").json["visit"]
    raw = client.get(f"/api/library_reader?visit={visit}").raw
    raw += client.act("library_lend", {"visit": visit, "item": "B0001"}).raw + client.get("/api/library_open").raw
    assert b"31400000000012345678" not in raw and "小明".encode() not in raw


def test_the_trainings_library_knows_a_reader_by_either_chip_and_after_a_restart(tmp_path: Path) -> None:
    folder = tmp_path / "training"

    def at_home(client: Client) -> list[str]:
        visit = client.act("library_contact", {}).json["visit"]
        return list(client.get(f"/api/library_reader?visit={visit}").json["items"])

    for before, item in (([], "B0001"), (["B0001"], "B0002")):
        began = start(folder, 0, NO_DELAY)
        try:
            assert began.built.face.ready.wait(15)
            at = Client(began.built.face.port).log_in_as(CLERK, PASSWORD)
            began.tray.insert("wang")
            assert at_home(at) == before
            began.tray.put_down("wang")
            visit = at.get("/api/card?nth=1").json["visit"]
            assert at.act("library_lend", {"visit": visit, "item": item}).json["outcome"] == "done"
            assert at_home(at) == [*before, item]
        finally:
            began.close()


def test_a_damaged_memory_of_the_library_is_told_and_all_books_are_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for raw in (b"", b"{", b'{"books": {"B0001": 3}, "owes": {}}', b"\xff"):
        (tmp_path / "library.json").write_bytes(raw)
        assert not any(book.holder for book in shelf(tmp_path / "library.json").books.values())
    assert caplog.text.count("is damaged") == 4


def test_a_training_refuses_a_live_directory_and_a_device_a_trainings(tmp_path: Path) -> None:
    live = tmp_path / "live"
    identity.keep(live, Identity("00000301", 1, 1))
    before = sorted(path.name for path in live.iterdir())
    with pytest.raises(ConfigError, match="00000301"):
        start(live, 0)
    assert sorted(path.name for path in live.iterdir()) == before
    other = tmp_path / "other"
    other.mkdir()
    (other / "journal.db").touch()
    with pytest.raises(ConfigError, match="real device"):
        start(other, 0)
    ours = tmp_path / "ours"
    identity.keep(ours, Identity(TRAINING, 1, 1))
    with pytest.raises(ConfigError, match=TRAINING):
        identity.known_or_first(ours, "00000301", "")
    with pytest.raises(ConfigError, match="trainings"):
        identity.known_or_first(ours, TRAINING, "")


def test_a_fee_is_paid_from_the_purse_by_keyboard_and_card_and_told_to_the_library(
    desk: Browser, training: Training
) -> None:
    desk.press("[data-card=li] button")
    desk.says("#reader", "欠费 ￥1.50")
    keys(desk, Keys.F10)
    desk.says("#deal h1", "✓ 交易成功")
    desk.says("#results li:first-child", "✓ 费 完成")
    desk.says("#slip", "10.50")
    desk.until(lambda: "欠费" not in desk.text("#reader"))
    assert [paid for paid, _ in training.library.shelf.borrowers["31400000000012345679"].paid] == ["1.50"]
    [told] = events(training, LoanAsked)
    assert isinstance(told, LoanAsked) and (told.act, told.fee_fen) == ("fee", 150)
    desk.press("#till-z")
    desk.says("#slip", "日结 Z")
    desk.says("#slip", "1 / 1.50")


def test_another_readers_card_does_not_pay_the_fee_and_a_fee_can_be_given_up(desk: Browser, training: Training) -> None:
    keys(desk, "31400000000012345679\n")
    desk.says("#reader", "欠费 ￥1.50")
    keys(desk, Keys.F10)
    desk.says("#deal h1", "▭ 请放卡")
    desk.press("[data-card=wang] button")
    desk.says("#deal", "不是欠费读者的卡")
    keys(desk, Keys.F10)
    desk.says("#deal h1", "✗ 已取消")
    assert not events(training, Held) and not events(training, LoanAsked)


def paid(client: Client, order: str) -> dict[str, object]:
    """What became of a fee, once the library system was told."""
    while (found := client.get(f"/api/library_fee_told?order={order}").json["done"]) is None:
        pass
    return dict(found)


@pytest.mark.parametrize("executed", [False, True])
def test_a_fee_whose_card_is_pulled_away_is_taken_and_told_once(
    client: Client, training: Training, executed: bool
) -> None:
    training.tray.put_down("li")
    visit = client.get("/api/card?nth=1").json["visit"]
    training.tray.pull_at_debit(executed)
    body = {"visit": visit, "fen": 150}
    asked, again = (client.act("library_pay", body, "o" * 16) for _ in range(2))
    assert (asked.status, asked.raw) == (200, again.raw)
    while client.get("/api/till").json["deal"]["step"] == "asked":
        pass
    training.tray.put_down("li")
    assert paid(client, asked.json["order"])["outcome"] == "done"
    assert len(events(training, LoanAsked)) == len(events(training, Done)) == 1
    assert training.library.shelf.borrowers["31400000000012345679"].owes == ""
    assert client.act("library_pay", {"visit": visit, "fen": 160}, "o" * 16).status == 409


def test_a_fee_paid_without_the_library_system_is_kept_and_told_later(client: Client, training: Training) -> None:
    training.library.__exit__()
    training.tray.put_down("li")
    visit = client.get("/api/card?nth=1").json["visit"]
    order = client.act("library_pay", {"visit": visit, "fen": 150}).json["order"]
    assert paid(client, order)["outcome"] == "queued"
    [open_act] = client.get("/api/library_open").json["acts"]
    assert (open_act["act"], open_act["card"]) == ("fee", "…5679")


def test_a_chips_number_that_is_on_no_purse_pays_no_fee(client: Client, training: Training) -> None:
    training.tray.insert("li")
    visit = client.act("library_contact", {}).json["visit"]
    assert client.act("library_pay", {"visit": visit, "fen": 150}).json["problem"] == "no_purse"
