"""Drivers sign on and off by card; taps are booked under the duty that runs."""

from sync.events import SignOff, SignOn
from tariffs.verdict import Reason
from tests.bus import DRIVER, OTHER_DRIVER, Bus, card, driver


def test_a_driver_signs_on_serves_and_signs_off_with_totals(bus: Bus) -> None:
    assert bus.tap(driver()).reason is Reason.SIGNED_ON
    bus.later(minutes=1)
    bus.tap(card(27))
    bus.tap(card(28, end="20200101"))
    bus.later(minutes=30)
    assert bus.tap(driver()).reason is Reason.SIGNED_OFF
    off = bus.events()[-1]
    assert isinstance(off, SignOff) and (off.done, off.done_fen, off.refused, off.by) == (1, 100, 1, "driver")
    held = bus.held()[0].service
    assert (held.line, held.driver, held.shift) == ("1", DRIVER, 1)


def test_a_drivers_next_duty_follows_and_a_restart_keeps_the_shift(bus: Bus) -> None:
    bus.tap(driver())
    bus.restart()
    bus.later(minutes=10)
    assert bus.tap(driver()).reason is Reason.SIGNED_OFF
    bus.later(minutes=10)
    bus.tap(driver())
    on = bus.events()[-1]
    assert isinstance(on, SignOn) and (on.service.line, on.service.direction, on.service.shift) == ("3", 1, 2)


def test_a_forgotten_sign_off_is_closed_by_the_next_sign_on(bus: Bus) -> None:
    bus.tap(driver())
    bus.later(hours=1)
    assert bus.tap(driver(OTHER_DRIVER)).reason is Reason.SIGNED_ON
    assert bus.kinds() == ["SIGN_ON", "SIGN_OFF", "SIGN_ON"]
    off = bus.events()[1]
    assert isinstance(off, SignOff) and off.by == "next_sign_on" and off.card == DRIVER


def test_a_driver_of_no_roster_is_not_signed_on(bus: Bus) -> None:
    assert bus.tap(driver("31400000000000000999")).reason is Reason.UNKNOWN_DRIVER


def test_without_a_driver_taps_are_served_and_booked_unattributed(bus: Bus) -> None:
    bus.tap(card(29))
    assert (bus.held()[0].service.driver, bus.held()[0].service.shift) == ("", 0)
