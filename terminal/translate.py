"""Between the chips' words and the tariffs': a purse becomes a wallet, a verdict becomes records for the card.

The one file that knows both rooms. Pure.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from apdu.profile import Cache, Profile
from apdu.purse.debit import COMPOSITE, SIMPLE, Draft, Opened
from apdu.purse.heal import Open
from apdu.purse.read import Purse
from sync.events import Held, Service
from tariffs.pack import Pack
from tariffs.terms import Terms
from tariffs.use import Pass, Use
from tariffs.verdict import Charge
from tariffs.wallet import LastRide, Wallet

CONCESSIONS = ("student", "senior", "senior_free", "love")
ON, OFF = "01", "02"
"""The state of a ride in a T-Union trip record (docs/cards.md)."""

RIDE_MEMBERS = ("line", "direction", "vehicle", "boarded_at")
COUNTED = ("day_fen", "day_rides", "week_fen", "week_rides", "month_fen", "month_rides")
ANY_RIDES = 0xFF
"""A pass without a count of rides, as the card has it."""


def wallet_of(purse: Purse, hot_level: int | None, today: date) -> Wallet:
    """What the tariffs know of this card. `hot_level` as the hot list says; `today` the service day."""
    profile = purse.profile
    class_ = card_class(purse)
    end = purse.fact("end") or date.max
    composite = profile.composite and all(name in purse.files for name in _proofs(purse))
    used = (purse.fact("use") if composite else None) or {}
    if profile.until is not None:
        end = min(end, profile.until)
    return Wallet(
        number=purse.number,
        scheme=scheme_of(profile),
        card_class=class_,
        city=str(purse.fact("city") or ""),
        issuer=str(purse.fact("issuer") or ""),
        start=purse.fact("start") or date.min,
        end=end,
        enabled=purse.fact("enable") != "00",
        composite=composite,
        simple=profile.simple,
        composite_locked=purse.fact("composite_lock") not in (None, "00"),
        application_locked=purse.locked,
        hot_level=hot_level,
        last_ride=last_ride(purse),
        rides_on=profile.rides_on,
        class_end=purse.fact("class_end") if class_ in CONCESSIONS else None,
        use=_use(used, today),
        passes=_passes(used),
    )


def unasked(purse: Purse, pack: Pack) -> Collection[str]:
    """The files of which the pack asks nothing for a card of this class."""
    class_ = card_class(purse)
    if class_ in pack.plain_classes:
        return [file.name for file in purse.profile.files]
    return () if class_ in pack.extras.counted_classes else purse.profile.facts.get("use", ())[:1]


def _use(values: Mapping[str, Any], today: date) -> Use | None:
    """What caps count; None where the record is not there, or not ours to make out."""
    counts: list[Any] = [values.get(name) for name in COUNTED]
    if None in counts or (values["day"] is None and any(counts)):
        return None
    return Use(values["day"] or today, *counts)


def _passes(values: Mapping[str, Any]) -> tuple[Pass, ...]:
    id_, start, end, rides = (values.get(f"pass_{name}") for name in ("id", "start", "end", "rides"))
    if not id_ or start is None or end is None or rides is None:
        return ()
    return (Pass(id_, start, end, None if rides == ANY_RIDES else rides),)


def scheme_of(profile: Profile) -> str:
    """The card family by the tariffs' word."""
    return "tunion" if profile.scheme == "tunion" else "jiaxing"


def card_class(purse: Purse) -> str:
    """The field's word for the card's class; "" for a code without one, or one in a file that is not read yet."""
    return purse.profile.classes.get(str(purse.fact("main_type")), "")


def last_ride(purse: Purse) -> LastRide | None:
    """The ride that the composite record tells of; None when it tells none, or what we cannot read."""
    values = purse.fact("ride")
    if values is None or any(values.get(name) is None for name in RIDE_MEMBERS):
        return None
    return LastRide(
        line=values["line"],
        direction=values["direction"],
        vehicle=values["vehicle"],
        boarded_at=values["boarded_at"],
        first_boarded_at=values.get("first_boarded_at") or values["boarded_at"],
        taps=values.get("taps", 1),
        transfers=values.get("transfers", 0),
        amount_fen=values.get("amount") or 0,
        leg_group=values.get("leg_group") or "",
        on=values.get("state") == ON and values.get("board_org") in _own(purse),
        held_fen=values.get("marked_fare") or 0,
        station=values.get("board_station") or 0,
    )


def _own(purse: Purse) -> set[str]:
    """The organisations that this terminal writes as: a ride that began with another is another's to end."""
    return {cache.fixed["board_org"] for cache in purse.profile.caches if "board_org" in cache.fixed}


def compose(purse: Purse, charge: Charge, psam: str, opened: Opened) -> tuple[bytes, ...]:
    """The records to cache with this debit, one for each of the purse's caches. `psam` 12 digits."""
    ride = charge.ride
    common: dict[str, Any] = {
        "line": ride.line,
        "direction": ride.direction,
        "vehicle": ride.vehicle,
        "boarded_at": ride.boarded_at,
        "written_at": ride.left_at or ride.boarded_at,
        "first_boarded_at": ride.first_boarded_at,
        "taps": ride.taps,
        "transfers": ride.transfers,
        "leg_group": ride.leg_group,
        "amount": charge.amount_fen,
        "balance_after": opened.balance_fen - charge.amount_fen,
        "marked_fare": charge.cash_fare_fen,
        "state": OFF,
        "psam": psam,
        "terminal": psam.zfill(16),
    }
    records = []
    for cache in purse.caches:
        before = purse.files.get(cache.proof, {})
        if cache.optional:
            records.append(_used(purse, cache, charge))
            continue
        if ("line", "number") in cache.layout.forms:  # a shared record has digits only: K1 is written as 1
            common["line"] = "".join(filter(str.isdigit, ride.line))[-4:]
        whole = _whole_ride(charge, common, cache.fixed) if ("state", "hex") in cache.layout.forms else {}
        records.append(cache.layout.build({**before, **common, **whole, **cache.fixed}))
    return tuple(records)


def _used(purse: Purse, cache: Cache, charge: Charge) -> bytes:
    """The record of what is used up after this ride; as it was where the ride does not count."""
    if charge.use is None and charge.held is None:
        return purse.raw[cache.proof]
    values = dict(purse.files[cache.proof])
    if charge.use is not None:
        most = {field.name: (1 << 8 * field.size) - 1 for field in cache.layout.fields}
        values |= {name: min(getattr(charge.use, name), most[name]) for name in COUNTED} | {"day": charge.use.day}
    if charge.held is not None:
        values["pass_rides"] = ANY_RIDES if charge.held.rides is None else charge.held.rides
    return cache.layout.build(values | dict(cache.fixed))


def _whole_ride(charge: Charge, common: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """What a record of a ride's two ends says beyond `common`, where the ride is paid at its end."""
    ride = charge.ride
    values: dict[str, Any] = {"amount": ride.amount_fen, "board_station": ride.station}
    if not ride.on and ride.left_at is None:
        return values
    ends = {
        "alight_line": common["line"],
        "alight_station": ride.left_station,
        "alight_vehicle": ride.vehicle,
        "alight_terminal": common["terminal"],
        "alighted_at": ride.left_at,
        "alight_city": own.get("board_city"),
        "alight_org": own.get("board_org"),
        "alight_operator": common.get("operator"),
    }
    if ride.on:
        ends = dict.fromkeys(ends)
    return values | ends | {"state": ON if ride.on else OFF, "marked_fare": ride.held_fen}


def unfit(pack: Pack, profiles: Sequence[Profile]) -> list[str]:
    """Routes, leg groups and passes of a pack that do not fit the records of a card family, each with its family."""
    groups = {price.group for terms in _all_terms(pack) for price in terms.prices.values()}
    told = {"line": set(pack.routes), "leg_group": groups, "pass_id": set(pack.extras.passes)}
    found = []
    for profile in profiles:
        for cache in profile.caches:
            for field in cache.layout.fields:
                if field.form == "ascii":
                    texts = sorted(told.get(field.name, ()))
                    found += [f"{profile.name}: {text}" for text in texts if not _fits(text, field.size)]
    return found


def _all_terms(pack: Pack) -> list[Terms]:
    return [terms for dated in (*pack.local.values(), *pack.visiting.values()) for terms in dated.editions]


def _fits(text: str, size: int) -> bool:
    return text.isascii() and text.isprintable() and len(text) <= size


def held(draft: Draft, charge: Charge, wallet: Wallet, uid: bytes, service: Service) -> Held:
    """The durable row of a draft: what the issuer's file, the TAC check and healing need."""
    order, opened, purse = draft.order, draft.opened, draft.order.purse
    return Held(
        card=purse.number,
        uid=uid.hex().upper(),
        aid=purse.profile.aid.hex().upper(),
        main_type=str(purse.fact("main_type")),
        sub_type=str(purse.fact("sub_type")),
        card_valid=_day(purse.fact("end")),
        app_start=_day(purse.fact("start")),
        app_valid=_day(purse.fact("end")),
        counter=opened.counter,
        psam=order.psam.number,
        psam_counter=draft.psam_counter,
        balance=opened.balance_fen,
        amount=order.amount_fen,
        when=order.when,
        type=order.type,
        key_version=opened.key_version.hex().upper(),
        algorithm=opened.algorithm.hex().upper(),
        random=opened.random.hex().upper(),
        mac1=draft.mac1.hex().upper(),
        serial_factor=purse.serial.hex().upper(),
        issuer_factor=purse.issuer_factor.hex().upper(),
        cached=[record.hex().upper() for record in draft.records],
        scheme=purse.profile.scheme,
        card_class=wallet.card_class,
        reason=charge.reason.value,
        product=charge.product,
        cash_fare=charge.cash_fare_fen,
        service=service,
    )


def open_draft(row: Held) -> Open:
    """A held row as healing needs it."""
    cached = tuple(bytes.fromhex(record) for record in row.cached)
    return Open(row.type, row.counter, row.amount, row.when, row.psam, cached)


def purchase_type(charge: Charge) -> str:
    """06 or 09."""
    return COMPOSITE if charge.composite else SIMPLE


def _proofs(purse: Purse) -> list[str]:
    return [cache.proof for cache in purse.profile.caches if cache.proof and not cache.optional]


def when(at: datetime) -> str:
    """YYYYMMDDhhmmss of a wall clock reading; three times as fast as strftime, and every tap needs it."""
    text = at.isoformat()
    return text[:4] + text[5:7] + text[8:10] + text[11:13] + text[14:16] + text[17:19]


def _day(value: date | None) -> str:
    return value.isoformat().replace("-", "") if value else "00000000"
