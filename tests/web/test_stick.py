"""Signed sticks at the technician's page: told, loaded, undone, and refused in both languages."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from selenium.webdriver.common.keys import Keys

from config import hotfile
from config.hotlist import HotList
from config.model import HotListFile, Packs
from config.signing import keys
from sync.events import ClerkAct
from terminal.drivers.clock import CHINA
from terminal.faces.web.page import Role
from terminal.faces.web.pages import stick as module
from terminal.packs import shelf_of
from terminal.signed import trust_of
from tests.bus import Bus
from tests.signing.offices import OfficeRoom
from tests.web.browser import Browser
from tests.web.served import NAMES, PASSWORDS, Client, Served
from tests.web.trained import chromium

__all__ = ["chromium"]

NOW = datetime.now(CHINA).replace(microsecond=0)
"""The machine's own day: what surely passed is taken from the journal's file, which the machine dates."""

WINTER = (NOW + timedelta(days=7)).date()


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OfficeRoom:
    """An office that has published a tariff for the week after, and its stick `usb`."""
    monkeypatch.setattr(keys, "SCRYPT_LOG_N", 10)
    room = OfficeRoom(tmp_path / "office", NOW)
    room.publish("winter", WINTER)
    room.stick("media/usb")
    return room


@pytest.fixture
def trusting(bus: Bus, office: OfficeRoom) -> Iterator[Served]:
    """A bus of that operator which trusts that office."""
    bus.at = NOW
    bus.configuration = replace(bus.configuration, packs=Packs("bus"))
    trust_of(bus.configuration).enrol(office.root)
    made = Served(bus)
    yield made
    made.close()


@pytest.fixture
def technician(trusting: Served) -> Client:
    return trusting.client(Role.TECHNICIAN)


def looked(client: Client, place: Path, clock: str = "") -> Any:
    return client.get(f"/api/stick?{urlencode({'place': str(place), 'clock': clock})}").json


def test_a_stick_is_told_loaded_and_taken_back(technician: Client, trusting: Served, office: OfficeRoom) -> None:
    usb, shelf = office.folder / "media" / "usb", shelf_of(trusting.bus.configuration)
    [offer] = looked(technician, usb)["offers"]
    told = offer["kind"], offer["version"], offer["how"], offer["day"]
    assert told == ("tariff", "winter", "new", WINTER.isoformat())
    assert offer["signed"].startswith("bus v") and "holder of bus-1" in offer["signed"] and offer["when_en"]
    assert shelf.state().waiting == ()
    first, again = (technician.act("stick_load", {"place": str(usb)}, "s" * 16) for _ in range(2))
    assert first.raw == again.raw
    assert [(one["taken"], one["undo"]) for one in first.json["offers"]] == [(True, "drop")]
    [waiting] = shelf.state().waiting
    assert (waiting.edition.version, waiting.ordered_for) == ("winter", WINTER)
    assert [one["how"] for one in looked(technician, usb)["offers"]] == ["waiting"]
    assert technician.act("pack_drop", {"version": "winter"}).status == 200
    assert shelf.state().waiting == ()
    rows = [event for event in trusting.bus.events() if isinstance(event, ClerkAct)]
    assert ("0901", "stick_load", "done") in [(row.clerk, row.act, row.outcome) for row in rows]


def refused(answer: Any) -> str:
    """What a refusal says in English; it says so in Chinese too."""
    assert any("\u4e00" <= letter <= "\u9fff" for letter in answer["zh"]), answer
    return str(answer["en"])


def test_what_is_not_good_is_refused_in_both_languages_and_changes_nothing(
    technician: Client, trusting: Served, office: OfficeRoom
) -> None:
    shelf, usb = shelf_of(trusting.bus.configuration), office.folder / "media" / "usb"
    assert technician.act("stick_load", {"place": str(usb)}).status == 200  # the device has seen this state
    before = shelf.state()
    office.publish("spring", WINTER + timedelta(days=90))
    newer = office.stick("newer")
    bad = next((newer / "smk" / "targets").rglob("*spring*"))
    bad.write_bytes(bad.read_bytes()[:-1] + b"?")
    offers = {one["version"]: one for one in technician.act("stick_load", {"place": str(newer)}).json["offers"]}
    assert (offers["winter"]["how"], offers["spring"]["taken"]) == ("waiting", False)
    assert refused({"zh": offers["spring"]["refused_zh"], "en": offers["spring"]["refused_en"]})
    assert "old" in refused(technician.act("stick_load", {"place": str(usb)}).json).lower()
    assert refused(looked(technician, office.folder / "pulled out"))
    assert refused(looked(technician, Path("usb"))).startswith("name the stick's folder")
    assert shelf.state() == before


def test_a_stick_that_has_ended_is_refused(technician: Client, trusting: Served, office: OfficeRoom) -> None:
    trusting.bus.later(days=301)
    assert "date" in refused(looked(technician, office.folder / "media" / "usb"))


def test_a_clock_far_ahead_is_asked_about(technician: Client, trusting: Served, office: OfficeRoom) -> None:
    trusting.bus.later(days=3_000)
    question = looked(technician, office.folder / "media" / "usb")
    assert question["problem"] == "clock_question" and "Is that today?" in refused(question)
    assert looked(technician, office.folder / "media" / "usb", "wrong")["clock"] == "denied"


def test_only_a_technician_loads_and_looks(trusting: Served, office: OfficeRoom) -> None:
    for role in (Role.CLERK, Role.SUPERVISOR):
        client = trusting.client(role)
        assert client.get(f"/api/stick?place={office.folder}").status == 403
        assert client.act("stick_load", {"place": str(office.folder)}).status == 403
        assert client.act("hotlist_rollback", {}).status == 403


def test_a_technician_looks_loads_and_takes_back_at_the_page(
    trusting: Served, office: OfficeRoom, chromium: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOUNTS", (str(office.folder / "media"),))
    trusting.client(Role.TECHNICIAN)
    chromium.log_in(trusting.address, NAMES[Role.TECHNICIAN], PASSWORDS[Role.TECHNICIAN])
    chromium.open(f"{trusting.address}/technician")
    chromium.until(lambda: chromium.one("[name=place]").get_attribute("value") == str(office.folder / "media" / "usb"))
    chromium.type("[name=place]", Keys.ENTER)
    chromium.says("#stick-offers", "＋ 新")
    chromium.says("#stick-offers", "holder of bus-1")
    chromium.says("#stick-offers", f"自 {WINTER} 起")
    chromium.press("#stick-load")
    chromium.says("#stick-offers", "✓ 已装入")
    chromium.says("#packs", "winter")
    chromium.press("#stick-offers button")
    chromium.says("#said", "已删去 winter")
    assert shelf_of(trusting.bus.configuration).state().waiting == ()


def test_the_hot_list_before_is_back_with_a_click_and_another_undoes_it(bus: Bus, tmp_path: Path) -> None:
    path = tmp_path / "hot.map"
    bus.configuration = replace(bus.configuration, hot_list=HotListFile(str(path)))
    hotfile.write_list(path, HotList(NOW.date(), ()))
    hotfile.write_list(tmp_path / "fresh.map", HotList(WINTER, ()))
    hotfile.install(path, tmp_path / "fresh.map")
    served = Served(bus)
    try:
        client = served.client(Role.TECHNICIAN)
        for day in (NOW.date(), WINTER):
            assert client.act("hotlist_rollback", {}).json["version"] == f"{day:%Y%m%d}"
            assert hotfile.open_list(path).version == f"{day:%Y%m%d}"
    finally:
        served.close()


def test_a_device_without_a_hot_list_says_so(technician: Client) -> None:
    assert technician.act("hotlist_rollback", {}).json["problem"] == "no_hot_list"
