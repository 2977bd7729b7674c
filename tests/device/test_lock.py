"""A hot-listed card is locked; what proves it is its next SELECT through the real stack, and the lock report."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from urllib.request import urlopen

import pytest

from apdu.purse.read import Purse, select
from apdu.script import Slot, run
from config.blacklist import build
from config.hotlist import HotList
from config.model import HotListFile
from sync.events import Locked, LockTried
from terminal.box import load_profiles, open_reader
from terminal.drivers.clock import CHINA
from tests.device.rig import Rig, eventually

SERIALS = {"lock": 990_001, "again": 990_002, "torn": 990_003, "refuse": 990_004}
LEVELS = {"lock": 1, "again": 1, "torn": 1, "refuse": 0}


@pytest.fixture
def rig(make_rig: Callable[..., Rig], tmp_path: Path) -> Rig:
    """A device with a hot list; level 1 orders the lock, level 0 does not."""
    today = datetime.now(CHINA).date()
    file = tmp_path / f"{today:%Y%m%d}_Black.txt"
    file.write_bytes(build(HotList(today, [(f"3140{SERIALS[name]:016d}", level) for name, level in LEVELS.items()])))
    return make_rig(hot_list=HotListFile(str(file)))


def listed(rig: Rig, name: str) -> str:
    return rig.card(serial=f"{SERIALS[name]:016d}")


def locks(rig: Rig) -> list[str]:
    """How each lock of the journal came about."""
    return [row.event.by for row in rig.rows() if isinstance(row.event, Locked)]


def lock_report(rig: Rig) -> str:
    rig.drain()
    with urlopen(f"{rig.backend.address}/v1/lock-report") as answer:
        return str(answer.read().decode("ascii"))


def selected(rig: Rig, card: str) -> Purse:
    """The card as another reader on nfcpy's stack finds it."""
    rig.stop()
    rig.remote.enter(card)
    reader = open_reader(rig.configuration)
    try:
        found = None
        while found is None:
            found = reader.poll()
        purse = run(select(load_profiles(("jiaxing", "tunion"))), {Slot.CARD: found.wire}, lambda draft: None)
        assert purse is not None
        return purse
    finally:
        reader.close()
        rig.remote.leave()


def test_the_next_select_of_a_listed_card_says_that_it_is_locked(rig: Rig) -> None:
    card = listed(rig, "lock")
    assert rig.tap(card).outcome == "hot_listed"
    assert rig.paid_fen(card) == 0 and locks(rig) == ["answer"]
    assert rig.tap(card).outcome == "locked"
    assert rig.cards[card] in lock_report(rig)
    assert selected(rig, card).locked


@pytest.mark.parametrize("side, outcome", [("after", "locked"), ("before", "hot_listed")])
def test_when_the_answer_to_the_lock_is_lost_the_next_select_tells(rig: Rig, side: str, outcome: str) -> None:
    card = listed(rig, "again" if side == "after" else "torn")
    rig.remote.tear(side, ins="1E")
    assert rig.tap(card).outcome == "hot_listed"
    assert [row.event.card for row in rig.rows() if isinstance(row.event, LockTried)] == [rig.cards[card]]
    assert locks(rig) == [] and rig.cards[card] not in lock_report(rig)
    assert rig.tap(card).outcome == outcome
    assert locks(rig) == ["select" if side == "after" else "answer"]
    assert eventually(lambda: rig.cards[card] in lock_report(rig))
    assert selected(rig, card).locked


def test_a_level_that_only_refuses_leaves_the_card_open(rig: Rig) -> None:
    card = listed(rig, "refuse")
    assert rig.tap(card).outcome == "hot_listed"
    assert locks(rig) == [] and rig.cards[card] not in lock_report(rig)
    assert not selected(rig, card).locked


def test_a_draft_is_healed_before_its_card_is_locked(make_rig: Callable[..., Rig], tmp_path: Path) -> None:
    rig = make_rig()
    card = rig.card()
    rig.remote.tear("after", ins="54")
    assert rig.tap(card).outcome == "present_same_card"
    paid = rig.paid_fen(card)
    hot = HotList(datetime.now(CHINA).date(), [(rig.cards[card], 1)])
    assert rig.box.device.post(lambda tables: type(tables)(tables.pack, hot))
    assert eventually(lambda: rig.box.device.tables.hot_list is hot)
    assert rig.tap(card).outcome == "hot_listed"
    assert rig.kinds("HELD", "DONE", "LOCKED") == ["HELD", "DONE", "LOCKED"]
    assert rig.tap(card).outcome == "locked" and rig.paid_fen(card) == paid
    assert rig.books().balanced
