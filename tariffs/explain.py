"""Why a tap costs what it costs: the rows of the pack that matched, and why the others did not.

The verdict is `decide`'s and the matching is that of tariffs/fares; here stands only what to say about it. Rows are
told with file and line, as faults are (tariffs/explain_rows.py).
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime

from msgspec import Struct
from msgspec.structs import replace

from tariffs.asks import Ride
from tariffs.decide import decide
from tariffs.explain_rows import Note, Rows, fact
from tariffs.limits import NOTES_MAX
from tariffs.pack import Pack
from tariffs.rules import LOCAL, ClassTable
from tariffs.sections import boarding_stop
from tariffs.verdict import Admit, Reason, Refuse, Verdict
from tariffs.wallet import LastRide, Wallet

SECOND_TAPS = frozenset({Reason.GROUP, Reason.REPEAT_FULL_FARE, Reason.PASSED_BACK})
PRICED = SECOND_TAPS | {Reason.FARE, Reason.CONCESSION, Reason.FREE_CLASS, Reason.INTEROP, Reason.TRANSFER}
PRICED |= {Reason.PASS, Reason.CAPPED, Reason.TAP_IN, Reason.TAP_OUT, Reason.TAP_OUT_MISSED}
"""Reasons of verdicts for which a fare was found."""
AT_END = frozenset({Reason.TAP_IN, Reason.TAP_OUT})
"""Of rides that are paid where they end: for them there is neither a further tap nor a transfer."""


class Step(Struct, frozen=True):
    """One question on the way to the verdict, and the rows that answer it."""

    zh: str
    en: str
    notes: tuple[Note, ...]


class Explained(Struct, frozen=True):
    """A tap's verdict and the steps to it."""

    verdict: Verdict
    steps: tuple[Step, ...]


class Explainer:
    """Explains taps under one pack; `files` are those that `pack` was read from."""

    def __init__(self, files: Mapping[str, bytes], pack: Pack) -> None:
        self.pack = pack
        self.rows = Rows(files, pack)

    def explain(self, wallet: Wallet, ask: Ride, moment: datetime) -> Explained:
        """The verdict on one tap, step by step; arguments as `decide` takes them."""
        verdict = decide(wallet, ask, moment, self.pack)
        now = moment.replace(tzinfo=None, microsecond=0)
        steps = (Step(zh, en, tuple(_bounded(notes))) for zh, en, notes in self._steps(wallet, ask, now, verdict))
        return Explained(verdict, tuple(steps))

    def _steps(
        self, wallet: Wallet, ask: Ride, now: datetime, verdict: Verdict
    ) -> Iterator[tuple[str, str, Iterable[Note]]]:
        today, route = now.date(), ask.line or self.pack.unattributed_route
        yield "是否受理", "is the card accepted", self._acceptance(wallet, today, verdict)
        if verdict.reason not in PRICED | {Reason.FARE_UNKNOWN}:
            return
        terms = self._terms(wallet, today)
        table = self._class(wallet, today) if terms == LOCAL else None
        yield "按什么规则", "on which terms", self._editions(wallet, terms, table, today)
        yield "哪个网络", "which network", self.rows.network(route, today)
        fares = self.pack.tables.at(today)
        if fares is None or fares.boarding(route, ask.stop, now) is None:
            return
        at_end = self.rows.paid_at_end(route, wallet, ask, now)
        if at_end:
            yield "下车时扣款", "paid where the ride ends", at_end
        else:
            yield "票价规则", "fare rules", self.rows.leg_rules(route, (ask.stop, ""), now, None)
        if verdict.reason is Reason.TAP_OUT and wallet.last_ride is not None:
            began, start = wallet.last_ride.boarded_at, boarding_stop(ask, wallet.last_ride, self.pack)
            yield "票价规则", "fare rules", self.rows.leg_rules(route, (start, ask.stop), began, now)
        yield "产品与金额", "products and amounts", self.rows.products(route, ask.stop, now, table)
        if verdict.reason in AT_END:
            return
        if verdict.reason in PRICED:
            yield "同车再刷", "a second tap in the same ride", [self._second_tap(wallet.last_ride, ask, now, verdict)]
        if verdict.reason in PRICED - SECOND_TAPS:
            yield "换乘", "a transfer", self._transfers(wallet, replace(ask, line=route), now, table, verdict)

    def _terms(self, wallet: Wallet, today: date) -> str:
        """The allow-list's word for this card: LOCAL, a family's terms, "" for a card that is not on it."""
        scheme = self.pack.schemes.get(wallet.scheme)
        listed = None if scheme is None else scheme.accepted.get(wallet.issuer if scheme.by_issuer else wallet.city)
        return (listed.at(today) or "") if listed else ""

    def _acceptance(self, wallet: Wallet, today: date, verdict: Verdict) -> Iterator[Note]:
        yield from self.rows.allow_list(wallet, today)
        if isinstance(verdict, Refuse):
            yield fact(False, f"拒绝：{verdict.reason}", f"refused: {verdict.reason}")
        elif isinstance(verdict, Admit):
            yield fact(True, f"放行，不扣款：{verdict.reason}", f"admitted without a debit: {verdict.reason}")

    def _class(self, wallet: Wallet, today: date) -> ClassTable | None:
        """The edition of the class by which a local card is charged: when its concession has ended, another's."""
        found = self.rows.class_edition(wallet.card_class, today)
        ended = wallet.class_end is not None and wallet.class_end < today
        return self.rows.class_edition(found.expired_as, today) if found and found.expired_as and ended else found

    def _editions(self, wallet: Wallet, terms: str, table: ClassTable | None, today: date) -> Iterator[Note]:
        if terms != LOCAL:
            yield from self.rows.class_or_family("visitors", terms, today)
            return
        yield from self.rows.class_or_family("classes", wallet.card_class, today)
        if table is not None and table.id != wallet.card_class:
            yield fact(True, f"优惠于 {wallet.class_end} 到期", f"the concession ended on {wallet.class_end}")
            yield from (note for note in self.rows.class_or_family("classes", table.id, today) if note.matched)

    def _second_tap(self, last: LastRide | None, ask: Ride, now: datetime, verdict: Verdict) -> Note:
        if verdict.reason in SECOND_TAPS:
            return fact(True, f"是：{verdict.reason}", f"yes: {verdict.reason}")
        if last is None:
            return fact(False, "卡上没有上一次乘车", "the card remembers no ride")
        if not ask.vehicle or last.vehicle != ask.vehicle:
            return fact(False, f"上次在另一车 {last.vehicle}", f"the last ride was on another vehicle, {last.vehicle}")
        if ask.trip_began_at is not None and last.boarded_at < ask.trip_began_at:
            return fact(False, "此后已开始另一趟", "another trip has begun since")
        passed, window = now - last.boarded_at, self.pack.same_ride_window
        return fact(False, f"上次乘车已过 {passed}，时限 {window}", f"boarded {passed} ago, the limit is {window}")

    def _transfers(
        self, wallet: Wallet, ask: Ride, now: datetime, table: ClassTable | None, verdict: Verdict
    ) -> Iterator[Note]:
        last = wallet.last_ride
        if table is None or not table.transfers:
            yield fact(False, "此类卡没有换乘优惠", "this kind of card has no transfers")
        elif last is None:
            yield fact(False, "卡上没有上一次乘车", "the card remembers no ride")
        elif not wallet.composite:
            yield fact(False, "此卡不能记录换乘", "this card cannot record one")
        elif last.transfers == 0 and last.amount_fen == 0:
            yield fact(False, "上一次乘车未付费", "the ride before was not paid for")
        else:
            start = last.leg_group or self._group(table, last.line, "", last.boarded_at)
            end = self._group(table, ask.line, ask.stop, now)
            passed = int((now - last.first_boarded_at).total_seconds())
            yield from self.rows.transfers(start, end, last.transfers + 1, passed, now.date())
            if verdict.reason is not Reason.TRANSFER:
                yield fact(False, "没有更便宜的换乘", "no transfer is cheaper than the ride")

    def _group(self, table: ClassTable, line: str, stop: str, now: datetime) -> str:
        """The leg's group by which transfers are found."""
        terms, fares = self.pack.local[table.id].at(now.date()), self.pack.tables.at(now.date())
        price = fares.price(terms, line, stop, now) if fares and terms else None
        return price.group if price else ""


def _bounded(notes: Iterable[Note]) -> Iterator[Note]:
    """All that matched, and the first of those that did not: a province's pack has 100,000 rows."""
    told = left = 0
    for note in notes:
        if note.matched or told < NOTES_MAX:
            told += not note.matched
            yield note
        else:
            left += 1
    if left:
        yield fact(False, f"另有 {left} 行不匹配", f"{left} more rows do not match")
