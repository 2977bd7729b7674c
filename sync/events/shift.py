"""Under which duty things happen, and who took it over."""

import msgspec

from sync.events.event import Event


class Service(msgspec.Struct, frozen=True):
    """Under which duty and which data the event happened; every card event carries it.

    `trip` names the service trip on this vehicle; "" and driver "" where nobody signed on (unattributed). `stop`: the
    GTFS stop_id where it happened, left out of the row when it is not known.
    """

    merchant: str
    line: str
    direction: int
    vehicle: str
    trip: str
    driver: str
    shift: int
    pack: str
    hot_list: str
    profile: str = ""
    stop: str | msgspec.UnsetType = msgspec.UNSET


class SignOn(Event, frozen=True, tag="SIGN_ON"):
    """A driver took over; opens shift `service.shift` and trip `service.trip`."""

    card: str
    service: Service


class SignOff(Event, frozen=True, tag="SIGN_OFF"):
    """A shift ends. `by` "driver" or "next_sign_on" (forgotten). Totals by outcome: rows and fen."""

    card: str
    by: str
    done: int
    done_fen: int
    grey: int
    grey_fen: int
    void: int
    refused: int
    admitted: int
    open: int
    open_fen: int
    service: Service
