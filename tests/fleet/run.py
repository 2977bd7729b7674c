"""The city's days: the plan's events and every terminal's hours, one after another; then the checks and the report."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from sync.chain import Identity
from sync.events import Refused
from sync.record import Row, encode
from terminal.drivers.clock import CHINA
from tests.fleet.check import BAD, checked
from tests.fleet.city import NEW_PACK, City, released
from tests.fleet.crew import Crew, Hour, Said, Whole
from tests.fleet.plan import FIRST_HOUR, HOURS, Plan, planned
from tests.fleet_wire import Wire, packed
from tests.rows import AT, SERVICE

MONDAY = datetime(2026, 11, 23, tzinfo=CHINA)
CREWS = 2
LAST_ROUNDS = 20


@dataclass(slots=True)
class Report:
    """What is told at the end; `faults` is empty where every promise was kept. `again`: rows sent once more after the
    restoration."""

    terminals: int
    days: int
    rows: int = 0
    debits: int = 0
    fen: int = 0
    refused: int = 0
    caught_up_rows: int = 0
    caught_up_seconds: float = 0.0
    again: int = 0
    seconds: float = 0.0
    bytes_a_day: float = 0.0
    on_pack_after: int = 0
    on_list_after: int = 0
    faults: list[str] = field(default_factory=list)


class Run:
    """One play. `told` hears how many hours of how many are over, and what is on."""

    def __init__(self, terminals: int, days: int, taps: int, seed: int, folder: Path) -> None:
        self.names = [f"{number:08d}" for number in range(1, terminals + 1)]
        self.plan: Plan = planned(seed, days, self.names)
        self.taps = taps
        self.folder = folder
        self.report = Report(terminals, days)
        self.releases = released(folder, [f"3140{int(name):08d}{0:08d}" for name in self.names])
        self._said: list[Said] = []

    def play(self, told: Callable[[int, int, str], None]) -> Report:
        """Play it to the end."""
        began, plan, report = time.monotonic(), self.plan, self.report
        with ExitStack() as stack:
            city = City(self.folder)
            stack.callback(city.end)
            crews = [self._crew(nth, city, stack) for nth in range(CREWS)]
            for crew in crews:
                crew.answer()
            for hour in range(plan.hours):
                self._office(city, crews, hour)
                self._hour(crews, hour, self.taps)
                if hour == 1:
                    send_a_damaged_row(city.address)
                self._watch_rolling(hour)
                told(hour + 1, plan.hours, "")
            for hour in range(plan.hours, plan.hours + LAST_ROUNDS):
                unsent = self._hour(crews, hour, 0, away=False)
                self._watch_rolling(hour)
                if not unsent:
                    break
            told(plan.hours, plan.hours, "the books")
            whole = self._ended(crews)
            city.wait_for_the_books()
            report.faults += checked(city.line, whole)
        report.seconds = time.monotonic() - began
        self._sum_up(whole)
        return report

    def _crew(self, nth: int, city: City, stack: ExitStack) -> Crew:
        place = self.folder / f"crew-{nth}"
        place.mkdir()
        crew = Crew(place, self.names[nth::CREWS], city.address, self.releases)
        stack.callback(crew.end)
        return crew

    def _office(self, city: City, crews: list[Crew], hour: int) -> None:
        """What happens at the city's side as this hour begins."""
        plan, report = self.plan, self.report
        if hour == plan.delta:
            city.publish("hot_list", self.releases.list_after)
        if hour == plan.tariff:
            city.publish("pack", NEW_PACK)
        if hour == plan.backup:
            city.back_up()
        if hour == plan.outage[0]:
            city.shut()
        if hour == plan.outage[1]:
            city.open()
            self._catch_up(crews, hour)
        if hour == plan.restore:
            before = city.acknowledged()
            city.restore()
            report.again = before - city.acknowledged()

    def _catch_up(self, crews: list[Crew], hour: int) -> None:
        waiting, began = sum(said.unsent for said in self._said), time.monotonic()
        left = self._hour(crews, hour, 0)
        self.report.caught_up_rows, self.report.caught_up_seconds = waiting - left, time.monotonic() - began

    def _hour(self, crews: list[Crew], hour: int, taps: int, away: bool = True) -> int:
        """One hour of all crews; rows that are unsent at its end."""
        plan = self.plan
        gone = frozenset(name for name in self.names if away and not plan.is_up(name, hour))
        at = MONDAY + timedelta(days=hour // HOURS, hours=FIRST_HOUR + hour % HOURS)
        for crew in crews:
            crew.tell(Hour(at, taps, gone))
        self._said = [crew.answer() for crew in crews]
        return sum(said.unsent for said in self._said)

    def _watch_rolling(self, hour: int) -> None:
        """In how many hours the last terminal has the new list and the new tariff."""
        plan, report, all_ = self.plan, self.report, len(self.names)
        if not report.on_list_after and sum(said.on_list for said in self._said) == all_:
            report.on_list_after = hour + 1 - plan.delta
        if not report.on_pack_after and sum(said.on_pack for said in self._said) == all_:
            report.on_pack_after = hour + 1 - plan.tariff

    def _ended(self, crews: list[Crew]) -> list[Whole]:
        for crew in crews:
            crew.tell(None)
        return [one for crew in crews for one in crew.answer()]

    def _sum_up(self, whole: list[Whole]) -> None:
        report = self.report
        report.rows = sum(one.rows for one in whole)
        report.debits, report.fen = sum(one.debits for one in whole), sum(one.fen for one in whole)
        report.refused = sum(said.refused for said in self._said)
        bytes_ = sum(said.sent + said.received for said in self._said)
        report.bytes_a_day = bytes_ / report.terminals / report.days
        if not report.refused:
            report.faults.append("no card of the new hot list was refused: the delta did nothing")
        if self.plan.restore and not report.again:
            report.faults.append("the restoration lost nothing: it proved nothing")


def send_a_damaged_row(address: str) -> None:
    """A terminal whose disk has spoiled one of its rows: the others are taken, this one is set aside."""
    wire = Wire(address)
    _, told = wire.post(f"/v1/terminals/{BAD}/enrol", b"")
    who = Identity(told["terminal"], told["epoch"], told["first_serial"])
    event = Refused("", "04A1B2C3", "unreadable", "", SERVICE)
    rows = [encode(Row(BAD, who.epoch, seq, who.first_serial + seq - 1, AT, "rtc", "b", 0, event)) for seq in (1, 2, 3)]
    rows[1] = b"\x00damaged\xff"
    status, answer = wire.post(f"/v1/terminals/{BAD}/batches", packed(who, rows).batches[0])
    wire.close()
    assert (status, answer["ack_through"], answer["quarantined"]) == (200, 3, [2]), answer
