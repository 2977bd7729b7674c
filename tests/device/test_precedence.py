"""The device's sync thread gives way to its loop."""

import threading

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
