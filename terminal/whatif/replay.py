"""Taps decided anew under another pack, each card remembering what that pack would have written on it. Pure."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from tariffs.asks import Ride
from tariffs.decide import decide
from tariffs.pack import Pack
from tariffs.use import Use
from tariffs.verdict import Charge, Refuse, Verdict
from tariffs.wallet import LastRide, Wallet
from terminal.whatif.cast import group_of
from terminal.whatif.pairs import Pair

WEEK = timedelta(days=7)


class Tapped(Struct, frozen=True):
    """One tap: the card as it stood but for its last ride, what was asked, when, and what was taken (fen).

    `taken` None: a tap that was made up.
    """

    wallet: Wallet
    ask: Ride
    at: datetime
    taken: int | None = None


def replay(taps: Iterable[Tapped], pack: Pack) -> list[Verdict]:
    """The pack's verdicts on `taps`, which are in the order of time.

    A card's last ride, and the rides that caps count, are those under this pack; before its first tap here it has none.
    """
    last: dict[str, LastRide] = {}
    uses: dict[str, Use] = {}
    verdicts = []
    for tap in taps:
        number = tap.wallet.number
        use = uses.get(number, Use(tap.at.date()))
        verdict = decide(replace(tap.wallet, last_ride=last.get(number), use=use), tap.ask, tap.at, pack)
        if isinstance(verdict, Charge) and verdict.use is not None:
            uses[number] = verdict.use
        if isinstance(verdict, Charge) and verdict.composite:
            last[number] = verdict.ride
        verdicts.append(verdict)
    return verdicts


def paid(verdict: Verdict) -> int | None:
    """What the rider pays in fen, None when refused."""
    return None if isinstance(verdict, Refuse) else verdict.amount_fen if isinstance(verdict, Charge) else 0


def paired(taps: Sequence[Tapped], old: Pack, new: Pack) -> list[Pair]:
    """Each tap under both packs."""
    both = zip(taps, replay(taps, old), replay(taps, new), strict=True)
    return [
        Pair(group_of(tap.wallet, new, tap.at.date()), tap.wallet.number, paid(before), paid(after))
        for tap, before, after in both
    ]


def as_taken(taps: Sequence[Tapped], pack: Pack) -> int:
    """For how many taps the pack asks what was really taken: how far a replay is to be believed."""
    return sum(paid(verdict) == tap.taken for tap, verdict in zip(taps, replay(taps, pack), strict=True))


def moved(taps: Sequence[Tapped], day: date) -> list[Tapped]:
    """The taps moved by whole weeks so that the first one is not before `day`, cards' dates with them."""
    if not taps or taps[0].at.date() >= day:
        return list(taps)
    by = WEEK * -((taps[0].at.date() - day).days // 7)
    return [_moved(tap, by) for tap in taps]


def _moved(tap: Tapped, by: timedelta) -> Tapped:
    wallet, ask = tap.wallet, tap.ask
    ends = {name: _later(getattr(wallet, name), by) for name in ("start", "end", "class_end")}
    began = ask.trip_began_at
    return replace(
        tap,
        wallet=replace(wallet, **ends),
        ask=replace(ask, trip_began_at=began + by if began else None),
        at=tap.at + by,
    )


def _later(day: date | None, by: timedelta) -> date | None:
    return day if day is None or day > date.max - by else day + by
