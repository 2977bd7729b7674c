"""A pack takes force on a running device: ordered between two trips, rolled back between two taps."""

import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from config.model import Duty
from config.store import load_pack_files
from sync.events import Alarm, Held
from tariffs.pack import parse_pack
from terminal import loop
from terminal.packs import shelf_of
from tests.device.rig import Rig, eventually

DRIVER = "31400000000000987001"


@pytest.fixture
def rig(make_rig: Callable[..., Rig], monkeypatch: pytest.MonkeyPatch) -> Rig:
    """A device with one driver that looks at its shelf every tenth of a second."""
    monkeypatch.setattr(loop, "PSAM_CHECK_INTERVAL_S", 0.1)
    return make_rig(duties=(Duty(DRIVER, "1", 0, "1001"),))


def dearer(version: str) -> dict[str, bytes]:
    """The Jiaxing pack under another version, its ordinary card at 1.50 yuan."""
    files = load_pack_files("builtin:jiaxing")
    files["pack.toml"] = files["pack.toml"].replace(b"jiaxing-2022.1", version.encode())
    files["fare_products.txt"] = files["fare_products.txt"].replace(b"adult,card,1.00", b"adult,card,1.50")
    return files


def put(rig: Rig, version: str) -> None:
    files = dearer(version)
    shelf_of(rig.configuration).load(files, version, parse_pack(files).in_force_from)


def packs(rig: Rig) -> list[tuple[str, int]]:
    """Pack and fare of each ride."""
    return [(row.event.service.pack, row.event.amount) for row in rig.rows() if isinstance(row.event, Held)]


def later(rig: Rig, card: str) -> str:
    """Tap a card once the time is over in which its last signal is repeated."""
    time.sleep(1.2)
    return rig.tap(card).outcome


def in_force(rig: Rig, version: str) -> bool:
    return eventually(lambda: rig.box.device.tables.pack.version == version)


def test_an_ordered_pack_waits_for_the_end_of_the_trip_and_a_rollback_for_no_one(rig: Rig) -> None:
    driver = rig.card(serial=DRIVER[4:], main_type="70")
    assert rig.tap(driver).outcome == "signed_on"
    put(rig, "dearer-1")
    shelf = shelf_of(rig.configuration)
    shelf.change(lambda state: state.ordered("dearer-1", date.today()))
    rig.tap(rig.card())
    assert eventually(lambda: rig.box.device._at_next_trip is not None)
    rig.tap(rig.card())
    assert shelf.state().active is None
    assert later(rig, driver) == "signed_off"
    rig.tap(rig.card())
    assert packs(rig) == [("jiaxing-2022.1", 100)] * 2 + [("dearer-1", 150)]
    active = shelf.state().active
    assert active is not None and active.version == "dearer-1"
    assert later(rig, driver) == "signed_on"
    shelf.change(lambda state: state.rolled_back())
    assert in_force(rig, "jiaxing-2022.1")
    rig.tap(rig.card())
    assert packs(rig)[-1] == ("jiaxing-2022.1", 100)


def test_a_pack_that_came_due_while_the_power_was_off_holds_from_the_first_tap(rig: Rig) -> None:
    rig.ready()
    rig.stop()
    put(rig, "dearer-2")
    shelf_of(rig.configuration).change(lambda state: state.ordered("dearer-2", date.today()))
    rig.start()
    rig.tap(rig.card())
    rig.restart()
    rig.tap(rig.card())
    assert packs(rig) == [("dearer-2", 150)] * 2


def test_a_damaged_pack_leaves_the_old_one_in_force_with_an_alarm(rig: Rig) -> None:
    rig.ready()
    shelf = shelf_of(rig.configuration)
    put(rig, "dearer-3")
    copy = shelf.folder / f"{shelf.state().find('dearer-3').edition.sha256}.zip"
    Path(copy).write_bytes(b"damaged")
    shelf.change(lambda state: state.ordered("dearer-3", date.today()))

    def alarms() -> list[str]:
        return [row.event.what for row in rig.rows() if isinstance(row.event, Alarm)]

    assert eventually(lambda: "pack_not_taken" in alarms())
    rig.tap(rig.card())
    assert packs(rig) == [("jiaxing-2022.1", 100)] and shelf.state().active is None
