"""The technician's page, and that its bundle tells of no person."""

import io
import json
import logging
import zipfile
from datetime import date
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.store import load_pack_files
from sync.events import Alarm
from terminal.faces.web.bundle import without_persons
from terminal.faces.web.page import Role
from terminal.packs import shelf_of
from tests.bus import DRIVER, PACKS, card, driver
from tests.web.served import Client, Served


@pytest.fixture
def technician(served: Served) -> Client:
    return served.client(Role.TECHNICIAN)


def test_the_parts_are_tried_while_the_device_runs_and_what_it_holds_is_left_alone(technician: Client) -> None:
    parts = {part["en"]: part["how"] for part in technician.get("/api/selftest").json}
    assert parts["tables"] == "ok" and parts["disk"] in ("ok", "warning")
    assert {parts[name] for name in ("journal", "reader", "PSAM", "faces")} == {"in use"}


def test_troubles_and_what_is_unsent_are_shown(served: Served, technician: Client) -> None:
    served.device.troubles["reader"] = "unplugged: plug it in"
    served.tap(card(7))
    assert technician.get("/api/device").json["troubles"] == {"reader": "unplugged: plug it in"}
    link = technician.get("/api/link").json
    assert link["backend"] == "" and link["unsent"] == link["last_row"] > 0 and link["unsent_fen"] == 100


def test_a_pack_is_ordered_dropped_and_rolled_back(served: Served, technician: Client) -> None:
    shelf, flat = shelf_of(served.bus.configuration), PACKS["jiaxing-flat"]
    edition = shelf.load(load_pack_files("builtin:jiaxing-flat"), flat.version, flat.in_force_from)
    listed = [(one["version"], one["state"]) for one in technician.get("/api/packs").json]
    assert listed == [("builtin:jiaxing", "in_force"), (flat.version, "waiting")]
    assert technician.act("pack_order", {"version": flat.version, "on": "2001-01-01"}).status == 422
    assert technician.act("pack_rollback", {}).status == 422
    assert shelf.state().waiting[0].ordered_for is None
    answer = technician.act("pack_order", {"version": flat.version, "on": "2027-01-01"})
    assert answer.json == {"version": flat.version, "holds_from": "2027-01-01"}
    assert shelf.state().due(date(2027, 1, 1)) == edition
    shelf.change(lambda state: state.switched(edition))
    assert technician.act("pack_rollback", {}).json["version"] == "builtin:jiaxing"
    shelf.load(load_pack_files("builtin:jiaxing"), PACKS["jiaxing"].version, PACKS["jiaxing"].in_force_from)
    assert technician.act("pack_drop", {"version": PACKS["jiaxing"].version}).status == 200
    assert shelf.state().waiting == ()


def test_only_a_technician_sees_these(served: Served) -> None:
    for role in (Role.CLERK, Role.SUPERVISOR):
        client = served.client(role)
        assert {client.get(f"/api/{name}").status for name in ("selftest", "bundle", "log", "packs", "link")} == {403}
        assert client.act("pack_rollback", {}).status == 403


PERSONAL = "card 31400000000000001234 id 33040219900101123X tel 138 0013 8000 uid 04A1B2C3D4E5F6 of //clerk:pass@host/x"


def bundle(client: Client) -> dict[str, str]:
    answer = client.get("/api/bundle")
    assert answer.headers["content-disposition"] == 'attachment; filename="bundle.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.raw)) as found:
        return {name: found.read(name).decode() for name in found.namelist()}


def test_the_bundle_tells_what_a_developer_needs_and_of_no_person(served: Served, technician: Client) -> None:
    rider = card(7)
    served.bus.tap(driver())
    served.tap(rider)
    served.bus.desk.keep(Alarm("odd", PERSONAL))
    logging.getLogger("somebody").warning(PERSONAL)
    served.device.troubles["reader"] = PERSONAL
    files = bundle(technician)
    assert {"device.json", "link.json", "selftest.json", "packs.json", "state.json", "log.txt"} <= set(files)
    assert json.loads(files["journal.json"])["kinds"]["HELD"] == 1
    assert "somebody: card # id # tel # uid # of //…@host/x" in files["log.txt"]
    everything = "\n".join(files.values())
    secrets = [rider.spec.number20, rider.uid.hex().upper(), DRIVER, served.bus.held()[0].psam]
    secrets += ["31400000000000001234", "33040219900101123", "8000", "04A1B2C3", "clerk:pass"]
    assert [secret for secret in secrets if secret in everything] == []


@given(st.text("0123456789 -:XABF.T年卡", max_size=60), st.integers(10**10, 10**19))
def test_no_long_number_survives_whatever_stands_around_it(around: str, number: int) -> None:
    assert str(number) not in without_persons(f"{around}{number}{around}")


def test_dates_and_small_numbers_survive() -> None:
    said = "2026-11-23T08:00:00.400+08:00 row 1234567 took 100 fen on 2026-11-23"
    assert without_persons(said) == said


def test_a_day_is_counted_by_the_hour_without_what_did_not_happen(served: Served, technician: Client) -> None:
    served.tap(card(1))
    served.tap(card(2, balance_fen=10))
    served.bus.later(hours=2)
    served.tap(card(3))
    torn = card(4)
    served.bus.tap_torn_at_debit(torn, executed=False)
    served.bus.later(seconds=10)
    served.bus.tap(torn)
    client = served.client(Role.CLERK)
    day: Any = client.get("/api/day").json
    hours = {nth: tuple(hour.values()) for nth, hour in enumerate(day["hours"]) if any(hour.values())}
    assert hours == {8: (1, 1, 100), 10: (2, 0, 200)} and day["whole"]
    assert client.get("/api/day?day=2026-11-22").json["reasons"] == []
    queue: Any = client.get("/api/queue").json
    assert sum(one["rows"] for one in queue["waiting"]) == served.bus.journal.last_seq and queue["whole"]
    assert sum(one["fen"] for one in queue["waiting"]) == 300
    assert all(one["hour"] < other["hour"] for one, other in pairwise(queue["waiting"]))
