"""Taps out of a journal's rows. Pure.

Of a card only what its draft holds is known: not the end of a concession, and no ride before the journal's first row.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime

from apdu.profile import Profile
from sync.events import Done, Held, SignOn
from sync.record import Row
from tariffs.asks import Ride
from tariffs.wallet import Wallet
from terminal import translate
from terminal.whatif.replay import Tapped


def taps_of(rows: Iterable[Row], profiles: Mapping[str, Profile]) -> list[Tapped]:
    """The rides of journals that were paid for (a draft with DONE), in the order of time; the rows in any order.

    `profiles` by name; a ride of a card that none of them describes is left out.
    """
    held: list[Row] = []
    done: set[tuple[str, int, int]] = set()
    began: dict[str, datetime] = {}
    for row in rows:
        event = row.event
        if isinstance(event, Held) and event.service.profile in profiles:
            held.append(row)
        elif isinstance(event, Done):
            done.add((row.terminal, row.epoch, event.held))
        elif isinstance(event, SignOn):
            began[event.service.trip] = datetime.fromisoformat(row.at).replace(tzinfo=None, microsecond=0)
    taps = [
        _tapped(row, row.event, profiles[row.event.service.profile], began)
        for row in held
        if isinstance(row.event, Held) and (row.terminal, row.epoch, row.seq) in done
    ]
    return sorted(taps, key=lambda tap: tap.at)


def _tapped(row: Row, held: Held, profile: Profile, began: Mapping[str, datetime]) -> Tapped:
    service = held.service
    wallet = Wallet(
        number=held.card,
        scheme=translate.scheme_of(profile),
        card_class=held.card_class,
        city=held.card[:4],
        issuer=held.issuer_factor,
        start=_day(held.app_start, date.min),
        end=_day(held.app_valid, date.max),
        enabled=True,
        composite=profile.composite,
        simple=profile.simple,
        composite_locked=False,
        application_locked=False,
        hot_level=None,
        last_ride=None,
        rides_on=profile.rides_on,
    )
    trip, stop = service.trip, service.stop or ""
    ask = Ride(service.line, service.direction, service.vehicle, trip, began.get(trip), stop)
    return Tapped(wallet, ask, datetime.fromisoformat(row.at), held.amount)


def _day(text: str, unknown: date) -> date:
    try:
        return datetime.strptime(text, "%Y%m%d").date()
    except ValueError:
        return unknown
