"""A ride that is paid where it ends: what alighting costs, and what is owed for one that nobody ended.

A purse gives nothing back, so boarding takes nothing: the card remembers the maximum fare, alighting takes the fare,
and the next boarding takes the maximum for a ride without an end. Source: docs/transit.md, "What a validator does".
"""

from dataclasses import replace
from datetime import datetime

from tariffs.asks import Ride
from tariffs.money import yuan_en, yuan_zh
from tariffs.pack import Pack
from tariffs.tables import Tables
from tariffs.terms import Price, Terms
from tariffs.wallet import LastRide


def begun(ask: Ride, now: datetime, price: Price, tables: Pack) -> LastRide:
    """What the card remembers of a boarding; `price` is the maximum fare."""
    number = tables.line_stops.number(ask.line, ask.direction, ask.vehicle, ask.stop, now.date())
    return LastRide(
        ask.line,
        ask.direction,
        ask.vehicle,
        boarded_at=now,
        first_boarded_at=now,
        taps=1,
        transfers=0,
        amount_fen=0,
        on=True,
        held_fen=price.amount_fen,
        station=number,
    )


def ended(ask: Ride, now: datetime, last: LastRide, fen: int, tables: Pack) -> LastRide:
    """What the card remembers of the ride when it has cost `fen`."""
    day = last.boarded_at.date()
    return LastRide(
        ask.line,
        ask.direction,
        ask.vehicle,
        boarded_at=last.boarded_at,
        first_boarded_at=last.first_boarded_at,
        taps=1,
        transfers=0,
        amount_fen=fen,
        held_fen=last.held_fen,
        station=last.station,
        left_station=tables.line_stops.number(ask.line, ask.direction, ask.vehicle, ask.stop, day),
        left_at=now,
    )


def boarding_stop(ask: Ride, last: LastRide, tables: Pack) -> str:
    """The stop at which the card's ride on this vehicle began, by its number in the table of that day; "" unknown."""
    stops = tables.line_stops.of(ask.line, ask.direction, ask.vehicle, last.boarded_at.date())
    return stops[last.station - 1] if 0 < last.station <= len(stops) else ""


def fare(ask: Ride, now: datetime, last: LastRide, terms: Terms, maximum: Price, tables: Pack) -> Price:
    """What alighting costs, by the tables of the boarding: the fare between the stops, never more than the maximum,
    which is also the fare where a stop is not known or no row has the two.
    """
    most = min(last.held_fen, maximum.amount_fen)
    start = boarding_stop(ask, last, tables)
    fares = tables.tables.at(last.boarded_at.date())
    route = ask.line or tables.unattributed_route
    known = fares is not None and start and ask.stop
    found = fares.section(terms, route, (start, ask.stop), last.boarded_at, now) if fares and known else None
    if found is None or found.amount_fen > most:
        why = (f"最高票价 {yuan_zh(most)}", f"the maximum fare: {yuan_en(most)}")
        return replace(found or maximum, amount_fen=most, why=(why,))
    return found


def owed(last: LastRide, terms: Terms, fares: Tables) -> int:
    """What a ride without an end costs: what the card remembers, never more than the dearest maximum of these terms."""
    prices = (terms.prices.get(network) for network in fares.maxima)
    return min(last.held_fen, max((price.amount_fen for price in prices if price is not None), default=0))
