"""What systemd says of the unit, and when a release has proved that it serves."""

from collections.abc import Iterator

import pytest

from terminal.appliance.unit import CRASHES, LOOK_S, PROOF_S, Unit, parse, proven

SHOWN = """NRestarts=2
MainPID=104
StatusText=ready: 请刷卡 · tap your card
ExecStart={ path=/opt/smk/bin/smk ; argv[]=/opt/smk/bin/smk run --plain /etc/smk/terminal.toml ; pid=0 }
ActiveState=active
"""
BEFORE = Unit(104, "/opt/smk/bin/smk", 2, "ready")


def test_the_units_program_process_restarts_and_mode_are_read_from_what_systemctl_shows() -> None:
    assert parse(SHOWN) == BEFORE
    assert parse(SHOWN.replace("=active", "=activating")) == BEFORE._replace(mode=""), "not up: what it said is old"
    assert parse("MainPID=0\nNRestarts=0\nActiveState=inactive\nStatusText=\n") is None, "no such unit"
    assert parse("") is None, "systemd does not answer"


class Watched:
    """A unit that goes through states, one a look; the last one stays. `seconds` is the time that passed."""

    def __init__(self, *states: Unit | None) -> None:
        self._states: Iterator[Unit | None] = iter(states)
        self._now: Unit | None = None
        self.seconds = 0.0

    def proven(self, before: Unit = BEFORE) -> bool:
        return proven(before, self._look, lambda: self.seconds, self._sleep)

    def _look(self) -> Unit | None:
        self._now = next(self._states, self._now)
        return self._now

    def _sleep(self, seconds: float) -> None:
        self.seconds += seconds


STARTING, CLOSED = BEFORE._replace(pid=0, mode=""), BEFORE._replace(pid=200, restarts=3, mode="closed")


@pytest.mark.parametrize("mode", ["ready", "serving"])
def test_a_release_is_proven_when_another_process_serves(mode: str) -> None:
    watched = Watched(BEFORE, None, STARTING, CLOSED, CLOSED._replace(mode=mode))
    assert watched.proven() and watched.seconds == pytest.approx(4 * LOOK_S)


def test_one_that_stays_closed_is_not_proven_unless_the_device_was_closed_before() -> None:
    watched = Watched(CLOSED)
    assert not watched.proven() and watched.seconds == pytest.approx(PROOF_S, abs=1)
    assert Watched(CLOSED).proven(BEFORE._replace(mode="closed"))
    assert not Watched(BEFORE._replace(pid=200, mode="")).proven(BEFORE._replace(mode="")), "it must be up"


def test_the_old_process_proves_nothing() -> None:
    assert not Watched(BEFORE).proven()


def test_one_that_ends_again_and_again_is_given_up_early() -> None:
    crashing = (STARTING._replace(restarts=2 + nth) for nth in range(9))
    watched = Watched(*crashing)
    assert not watched.proven() and watched.seconds == pytest.approx((CRASHES + 1) * LOOK_S)
