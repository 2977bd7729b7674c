"""A journey asked for and answered as JSON values: the machine's door to the engine. docs/fares.md, "The interface"."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from tariffs.fares.currency import units_text
from tariffs.fares.feed import Feed, Product
from tariffs.fares.journey import Engine, Leg, Quote, Rider, Ticket, Transfer
from tariffs.limits import JOURNEY_LEGS_MAX

_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d{1,3}):(\d\d)(?::(\d\d))?", re.ASCII)


class BadRequest(ValueError):
    """A request that is no journey."""


def answer(engine: Engine, request: Mapping[str, Any]) -> dict[str, Any]:
    """Answer `journey` and `select` of a request. Raises BadRequest."""
    legs = request.get("journey")
    if not isinstance(legs, list) or not all(isinstance(leg, dict) for leg in legs):
        raise BadRequest("journey: a list of legs")
    if len(legs) > JOURNEY_LEGS_MAX:
        raise BadRequest(f"journey: at most {JOURNEY_LEGS_MAX} legs")
    return shown(engine.quote(tuple(map(_leg, legs)), _rider(request.get("select") or {})), engine.feed)


def shown(quote: Quote, feed: Feed) -> dict[str, Any]:
    """A quote as JSON values. Amounts are texts with all the decimals of their currency."""
    total = quote.total
    return {
        "effective_legs": [list(places) for places in quote.legs],
        "leg_products": [_products(tickets, feed.ranked) for tickets in quote.tickets],
        "transfers": [_transfer(transfer) for transfer in quote.transfers],
        "total": None if total is None else {"amount": units_text(*total), "currency": total[1]},
    }


def _products(tickets: tuple[Ticket, ...], ranked: bool) -> list[dict[str, Any]]:
    """Each product once, whichever of several rules gave it."""
    rows = {(row, rule.priority): None for rule, row in tickets}
    return [_product(row) | ({"rule_priority": priority} if ranked else {}) for row, priority in rows]


def _product(row: Product) -> dict[str, Any]:
    told = {"fare_product_id": row.id, "amount": units_text(row.units, row.currency), "currency": row.currency}
    if row.medium:
        told["fare_media_id"] = row.medium
    if row.category:
        told["rider_category_id"] = row.category
    return told


def _transfer(transfer: Transfer) -> dict[str, Any]:
    told: dict[str, Any] = {
        "from_effective_leg": transfer.place,
        "to_effective_leg": transfer.place + 1,
        "fare_transfer_type": transfer.rule.kind,
    }
    row = transfer.product
    if row is not None:
        told |= {"fare_product_id": row.id, "amount": units_text(row.units, row.currency), "currency": row.currency}
    return told


def _leg(told: Mapping[str, Any]) -> Leg:
    departure = _moment(told, "departure")
    if departure is None:
        raise BadRequest("departure: is missing")
    return Leg(
        _text(told, "route_id"),
        _text(told, "from_stop_id"),
        _text(told, "to_stop_id"),
        departure,
        _moment(told, "arrival"),
    )


def _rider(told: Any) -> Rider:
    if not isinstance(told, dict):
        raise BadRequest("select: an object")
    return Rider(_text(told, "rider_category_id") or None, _text(told, "fare_media_id") or None)


def _text(told: Mapping[str, Any], key: str) -> str:
    """An id; null or absent is "", which is no id."""
    value = told.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadRequest(f"{key}: a text")
    return value


def _moment(told: Mapping[str, Any], key: str) -> datetime | None:
    """A wall clock, None when absent. Hours from 24 on belong to the days after."""
    text = _text(told, key)
    if not text:
        return None
    found = _MOMENT.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        day, hours, minutes, seconds = found.groups()
        if int(minutes) > 59 or int(seconds or 0) > 59:
            raise ValueError
        moment = datetime.fromisoformat(day)
        if not 1900 <= moment.year < 2200:  # no time zone reaches beyond a calendar's end
            raise ValueError
        return moment + timedelta(hours=int(hours), minutes=int(minutes), seconds=int(seconds or 0))
    except ValueError:
        raise BadRequest(f"{key}: a wall clock such as 2026-03-30T08:00:00") from None
