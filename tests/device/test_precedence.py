"""The device's other threads give way to its loop."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.device.rig import Rig, eventually


def test_the_sync_thread_asks_the_loop_for_leave(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    journal, worker, asked, leave = rig.box.journal, rig.box.worker, threading.Event(), threading.Event()

    def give_way() -> None:
        asked.set()
        assert leave.wait(60)

    assert worker is not None
    monkeypatch.setattr(rig.box.device.precedence, "give_way", give_way)
    rig.tap(rig.card())
    assert asked.wait(60)
    assert journal.acknowledged < journal.last_seq
    leave.set()
    assert eventually(lambda: journal.acknowledged == journal.last_seq)


def test_new_tables_are_read_without_hurry(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []

    def unhurried(work: Callable[[], Any]) -> Any:
        given.append(work())
        return given[-1]

    monkeypatch.setattr(rig.box.device.precedence, "unhurried", unhurried)
    rig.box.reload(rig.configuration)
    [(pack, _hot_list)] = given
    assert eventually(lambda: rig.box.device.tables.pack is pack.value)
