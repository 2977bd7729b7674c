"""The verdict on a tap: `decide(wallet, ask, moment, tables)`, a function of what it is told."""

from datetime import date, datetime, timedelta

from msgspec import structs

from tariffs import sections
from tariffs.asks import Ride
from tariffs.extras import NO_EXTRAS, discounted
from tariffs.fares.feed import INSTEAD, PLUS_BOTH, TransferRule
from tariffs.fares.transfer import Run
from tariffs.limits import TRANSFERS_COUNTED_MAX
from tariffs.money import yuan_en, yuan_zh
from tariffs.pack import Pack
from tariffs.rules import LOCAL
from tariffs.tables import Tables
from tariffs.terms import Price, Repeat, Terms
from tariffs.use import Pass, capped, paying_pass
from tariffs.verdict import Admit, Charge, Reason, Refuse, Verdict, Warning
from tariffs.wallet import LastRide, SettledRide, Wallet

Why = tuple[tuple[str, str], ...]
"""Steps in words: Chinese, English."""

NUMBER_DIGITS = 20
ZERO = timedelta()


def decide(wallet: Wallet, ask: Ride, moment: datetime, tables: Pack) -> Verdict:
    """Decide on one tap at `moment` (local wall clock, aware; its date chooses the tables). The first row decides:

    ====  ==========================================  ================================================
    no.   what holds                                  verdict
    ====  ==========================================  ================================================
    1     the application is locked                   Refuse LOCKED
    2     a number that is no card's                  Refuse JUNK_NUMBER
    3     on the hot list                             Refuse HOT_LISTED; lock where the level orders it
    4     the application is not enabled              Refuse NOT_ENABLED
    5     family unknown, or its issuer not listed    Refuse FOREIGN_ISSUER
    6     its city not listed                         Refuse FOREIGN_CITY
    7     before the start date                       Refuse NOT_YET_VALID
    8     after the end date (the last day is valid)  Refuse EXPIRED
    9     the composite record bears its lock flag    Refuse COMPOSITE_LOCKED
    10    local card of a class without terms         Refuse CLASS_NOT_SERVED
    11    no purchase that the terms allow            Refuse NOT_A_PURSE
    12    this ride was paid and torn, healed now     Admit HEALED
    13    no fare for the route                       Refuse FARE_UNKNOWN
    13a   the ride goes on, and is paid where it ends Charge TAP_OUT, or PASS or CAPPED
    13b   a network that is paid where the ride ends  Charge TAP_IN: nothing, or what row 19 says
    14    second tap in the same ride, too many taps  Refuse PASSED_BACK
    15    second tap in the same ride                 Charge GROUP or REPEAT_FULL_FARE
    16    a cheaper transfer                          Charge TRANSFER
    17    otherwise                                   Charge FARE, CONCESSION, FREE_CLASS or INTEROP
    18    a pass pays for 16 or 17, or caps lower it  Charge PASS or CAPPED
    19    an earlier ride was never ended             14 to 17 and its maximum fare: Charge TAP_OUT_MISSED
    ====  ==========================================  ================================================

    Rows 13a and 13b are for cards that can remember such a ride (`Wallet.rides_on`); others pay the maximum when they
    board.

    **A clock behind the card's last boarding.** Up to `clock_tolerance` counts as no time at all: two vehicles'
    clocks differ. Beyond it the record proves nothing: no second tap, no transfer, the plain fare of the class. A
    healed ride is told by its trip, so that a clock that went back does not charge it again.
    """
    now = moment.replace(tzinfo=None, microsecond=0)
    today = now.date()
    held = _terms(wallet, today, tables)
    if isinstance(held, Refuse):
        return held
    if not wallet.composite and (held.always_composite or not wallet.simple):
        return Refuse(Reason.NOT_A_PURSE)
    last = wallet.last_ride
    if ask.healed is not None and _is_this_ride(ask.healed, ask, now, tables) and not _leaves(last, ask, tables):
        return Admit(Reason.HEALED)
    terms, why = _still_held(wallet, today, tables, held)
    if terms is None:
        return Refuse(Reason.CLASS_NOT_SERVED)
    fares = tables.tables.at(today)
    price = fares and fares.price(terms, ask.line or tables.unattributed_route, ask.stop, now)
    if not fares or not price:
        return Refuse(Reason.FARE_UNKNOWN)
    if fares.maxima and wallet.rides_on and wallet.composite:
        return _paid_at_end(wallet, ask, now, tables, fares, terms, price, why)
    return _paid_at_boarding(wallet, ask, now, tables, fares, terms, price, why + price.why)


def _paid_at_end(
    wallet: Wallet, ask: Ride, now: datetime, tables: Pack, fares: Tables, terms: Terms, price: Price, why: Why
) -> Verdict:
    """Rows 13a, 13b and 19: a tap in a pack with networks that are paid where the ride ends, of a card that can."""
    last, owed_fen = wallet.last_ride, 0
    if last is not None and last.on:
        if _is_second_tap(last, ask, now, tables):
            price = sections.fare(ask, now, last, terms, price, tables)
            ride = sections.ended(ask, now, last, price.amount_fen, tables)
            charge = _settled(wallet, tables, fares, terms, price, Reason.TAP_OUT, ride, why + price.why)
            return structs.replace(charge, composite=True)
        owed_fen = 0 if _since(last.boarded_at, now, tables) is None else sections.owed(last, terms, fares)
    if fares.engine.feed.routes.get(ask.line or tables.unattributed_route) in fares.maxima:
        most = price.amount_fen
        why += ((f"下车时扣款，至多 {yuan_zh(most)}", f"paid at the end: at most {yuan_en(most)}"),)
        ride = sections.begun(ask, now, price, tables)
        charge = _charge(wallet, now.date(), tables, terms, price, Reason.TAP_IN, ride, why)
        found: Verdict = structs.replace(charge, composite=True, reserve_fen=most)
    else:
        found = _paid_at_boarding(wallet, ask, now, tables, fares, terms, price, why + price.why)
    if not isinstance(found, Charge) or not owed_fen:
        return found
    told = (f"上次下车未刷卡 {yuan_zh(owed_fen)}", f"no tap-out on the ride before: {yuan_en(owed_fen)}")
    return structs.replace(
        found,
        amount_fen=found.amount_fen + owed_fen,
        owed_fen=owed_fen,
        reason=Reason.TAP_OUT_MISSED,
        composite=True,
        why=(told, *found.why),
    )


def _paid_at_boarding(
    wallet: Wallet, ask: Ride, now: datetime, tables: Pack, fares: Tables, terms: Terms, price: Price, why: Why
) -> Verdict:
    """Rows 14 to 18."""
    last = wallet.last_ride
    if last is not None and _is_second_tap(last, ask, now, tables):
        return _second_tap(wallet, ask, now, tables, terms, price, last, why)
    fare = None if last is None else _transfer_fare(wallet, ask, now, tables, fares, terms, price, last)
    if last is None or fare is None:
        ride = _ride(ask, now, now, 1, 0, price.amount_fen, price)
        return _settled(wallet, tables, fares, terms, price, price.reason, ride, why)
    transfers = min(last.transfers + 1, TRANSFERS_COUNTED_MAX)
    ride = _ride(ask, now, last.first_boarded_at, 1, transfers, fare, price)
    why += ((f"换乘 {yuan_zh(fare)}", f"transfer: {yuan_en(fare)}") if fare else ("免费换乘", "free transfer"),)
    return _settled(wallet, tables, fares, terms, price, Reason.TRANSFER, ride, why)


def _settled(
    wallet: Wallet, tables: Pack, fares: Tables, terms: Terms, price: Price, reason: Reason, ride: LastRide, why: Why
) -> Charge:
    """The charge for `ride` after what other rides change: a pass pays it all, else a discount, then the caps."""
    extras, today, fen = tables.extras, ride.boarded_at.date(), ride.amount_fen
    use = None if wallet.use is None or not terms.id else wallet.use.on(today)
    held: Pass | None = None
    if extras is not NO_EXTRAS and terms.id and fen:
        network = fares.engine.feed.routes.get(ride.line or tables.unattributed_route, "")
        held = paying_pass(extras, wallet.passes, terms.id, network, today)
        first = _is_first(wallet.last_ride, today) if use is None else use.day_rides == 0
        cut = 0 if held else discounted(extras, fen, terms.id, first, ride.boarded_at)
        if cut < fen and held is None:
            why += ((f"优惠 {yuan_zh(cut)}", f"discount: {yuan_en(cut)}"),)
        most = cut if use is None else capped(extras, cut, terms.id, use)
        if most < cut:
            why += ((f"封顶 {yuan_zh(most)}", f"capped: {yuan_en(most)}"),)
            reason = Reason.CAPPED
        fen = most
    if held is not None:
        reason, why = Reason.PASS, (("月票/计次票", "paid by a pass"),)
        held = held if held.rides is None else structs.replace(held, rides=held.rides - 1)
    ride = structs.replace(ride, amount_fen=fen)
    charge = _charge(wallet, today, tables, terms, price, reason, ride, why)
    return structs.replace(charge, use=use and use.with_ride(fen), held=held) if use or held else charge


def _terms(wallet: Wallet, today: date, tables: Pack) -> Terms | Refuse:
    """Rows 1 to 10: may this card ride at all, and on what terms."""
    if wallet.application_locked:
        return Refuse(Reason.LOCKED)
    number = wallet.number
    if len(number) != NUMBER_DIGITS or not (number.isascii() and number.isdigit()) or number in tables.junk_numbers:
        return Refuse(Reason.JUNK_NUMBER)
    if wallet.hot_level is not None:
        return Refuse(Reason.HOT_LISTED, lock=tables.hot_locks.get(wallet.hot_level, False))
    if not wallet.enabled:
        return Refuse(Reason.NOT_ENABLED)
    scheme = tables.schemes.get(wallet.scheme)
    if scheme is None:
        return Refuse(Reason.FOREIGN_ISSUER)
    listed = scheme.accepted.get(wallet.issuer if scheme.by_issuer else wallet.city)
    accepted = None if listed is None else listed.at(today)
    if not accepted:
        return Refuse(Reason.FOREIGN_ISSUER if scheme.by_issuer else Reason.FOREIGN_CITY)
    if today < wallet.start:
        return Refuse(Reason.NOT_YET_VALID)
    if today > wallet.end:
        return Refuse(Reason.EXPIRED)
    if wallet.composite_locked:
        return Refuse(Reason.COMPOSITE_LOCKED)
    editions = tables.local.get(wallet.card_class) if accepted == LOCAL else tables.visiting.get(accepted)
    terms = None if editions is None else editions.at(today)
    return Refuse(Reason.CLASS_NOT_SERVED) if terms is None else terms


def barred(wallet: Wallet, today: date, tables: Pack) -> Refuse | None:
    """Rows 1 to 10 alone: why this card may not be used on `today`, whatever for; None when it may."""
    found = _terms(wallet, today, tables)
    return found if isinstance(found, Refuse) else None


def _still_held(wallet: Wallet, today: date, tables: Pack, terms: Terms) -> tuple[Terms | None, Why]:
    """The terms, or those by which a card rides whose concession has ended; None when these have no terms."""
    if not terms.expired_as or wallet.class_end is None or wallet.class_end >= today:
        return terms, ()
    why = ((f"{terms.name_zh}优惠已到期", f"{terms.name_en}: the concession has ended"),)
    return tables.local[terms.expired_as].at(today), why


def _since(then: datetime, now: datetime, tables: Pack) -> timedelta | None:
    """The time passed; none at all within the clocks' tolerance; None when `then` lies further ahead of our clock."""
    passed = now - then
    if passed >= ZERO:
        return passed
    return ZERO if -passed <= tables.clock_tolerance else None


def _is_this_ride(healed: SettledRide, ask: Ride, now: datetime, tables: Pack) -> bool:
    """Whether the healed tap paid for this very boarding: same trip, and not longer ago than the window.

    A named trip is evidence enough when the clock went back. Without one only the clock's tolerance is allowed.
    """
    if healed.vehicle != ask.vehicle or healed.trip != ask.trip:
        return False
    passed = now - healed.boarded_at.replace(tzinfo=None)
    return passed <= tables.healed_window and (bool(ask.trip) or -passed <= tables.clock_tolerance)


def _is_first(last: LastRide | None, today: date) -> bool:
    """Whether the card's record shows that its last ride was on an earlier day. A blank record shows nothing."""
    return last is not None and last.boarded_at.date() < today


def _leaves(last: LastRide | None, ask: Ride, tables: Pack) -> bool:
    """Whether the card's ride goes on and this is surely another stop: not its torn boarding again, but its end."""
    if last is None or not last.on or not ask.stop:
        return False
    return sections.boarding_stop(ask, last, tables) not in ("", ask.stop)


def _is_second_tap(last: LastRide, ask: Ride, now: datetime, tables: Pack) -> bool:
    """Whether the card's last boarding was on this vehicle and in this trip.

    A sign-on that lies ahead of our clock says nothing about the trip, then the window alone decides.
    """
    if not ask.vehicle or last.vehicle != ask.vehicle:
        return False
    passed = _since(last.boarded_at, now, tables)
    if passed is None or passed > tables.same_ride_window:
        return False
    began = ask.trip_began_at
    return began is None or began > now or last.boarded_at >= began


def _second_tap(
    wallet: Wallet,
    ask: Ride,
    now: datetime,
    tables: Pack,
    terms: Terms,
    price: Price,
    last: LastRide,
    why: Why,
) -> Verdict:
    """Rows 14 and 15. The transfer window stays as the first tap of the ride opened it."""
    taps = max(last.taps, 1) + 1
    if terms.repeat is Repeat.REFUSE or taps > terms.taps_max:
        return Refuse(Reason.PASSED_BACK)
    full = terms.repeat is Repeat.FULL_FARE
    fare = price.cash_fare_fen if full else price.amount_fen
    ride = _ride(ask, now, last.first_boarded_at, taps, last.transfers, fare, price)
    if full:
        why = ((f"本车第{taps}次刷卡 全价 {yuan_zh(fare)}", f"tap {taps} on this vehicle: full fare {yuan_en(fare)}"),)
    else:
        why += ((f"本车第{taps}次刷卡", f"tap {taps} on this vehicle"),)
    reason = Reason.REPEAT_FULL_FARE if full else Reason.GROUP
    return _charge(wallet, now.date(), tables, terms, price, reason, ride, why)


def _transfer_fare(
    wallet: Wallet, ask: Ride, now: datetime, tables: Pack, fares: Tables, terms: Terms, price: Price, last: LastRide
) -> int | None:
    """What this boarding costs as a transfer; None when it is none, or none that is cheaper than the fare.

    The card must be able to record it, and the window must have been opened by a boarding that was paid.
    """
    if not terms.transfers or not wallet.composite or (last.transfers == 0 and last.amount_fen == 0):
        return None
    allowed = tables.transfers.at(now.date())
    if allowed is not None and (
        (not allowed.same_line and last.line == ask.line) or (not allowed.same_vehicle and last.vehicle == ask.vehicle)
    ):
        return None
    passed = _since(last.first_boarded_at, now, tables)
    if passed is None or _since(last.boarded_at, now, tables) is None:
        return None
    before = last.leg_group
    if not before:
        earlier = fares.price(terms, last.line, "", last.boarded_at)
        if earlier is None:
            return None
        before = earlier.group
    transfers = fares.engine.transfers
    run = Run(transfers.pair(before, price.group), last.transfers + 1, 0, 0)
    costs = [
        cost
        for rule in transfers.find(run, lambda limit_type, start: passed)
        if (cost := _cost(rule, terms, price, last)) is not None
    ]
    fare = min(costs, default=price.amount_fen)
    return fare if fare < price.amount_fen else None


def _cost(rule: TransferRule, terms: Terms, price: Price, last: LastRide) -> int | None:
    """What a transfer takes from the card now that all before it is paid; a purse gives nothing back."""
    extra = terms.fares.get(rule.product) if rule.product else 0
    if extra is None:
        return None
    if rule.kind == PLUS_BOTH:
        extra += price.amount_fen
    elif rule.kind == INSTEAD and last.transfers == 0:
        extra -= last.amount_fen
    return max(extra, 0)


def _ride(
    ask: Ride, now: datetime, first: datetime, taps: int, transfers: int, amount_fen: int, price: Price
) -> LastRide:
    return LastRide(ask.line, ask.direction, ask.vehicle, now, first, taps, transfers, amount_fen, price.group)


def _charge(
    wallet: Wallet,
    today: date,
    tables: Pack,
    terms: Terms,
    price: Price,
    reason: Reason,
    ride: LastRide,
    why: Why,
) -> Charge:
    """The charge for `ride`. Composite where the terms or a free ride want the record and the card can."""
    wanted = terms.keeps_record or ride.amount_fen == 0 or not wallet.simple
    warnings: tuple[Warning, ...] = ()
    if terms.expired_as and wallet.class_end is not None and wallet.class_end - today <= tables.ends_soon:
        warnings = (Warning.CONCESSION_ENDS_SOON,)
    if wallet.end - today <= tables.ends_soon:
        warnings += (Warning.CARD_ENDS_SOON,)
    return Charge(
        amount_fen=ride.amount_fen,
        reason=reason,
        composite=wanted and wallet.composite,
        cash_fare_fen=price.cash_fare_fen,
        product=price.product,
        ride=ride,
        warnings=warnings,
        low_balance_fen=tables.low_balance_fen,
        why=why,
    )
