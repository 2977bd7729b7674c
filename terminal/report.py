"""The end-of-shift report: what a driver's shift took, by outcome and by reason. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sync.events import Done, Held, Refused, SignOff, SignOn
from sync.record import Row
from sync.totals import Totals, count
from terminal.signal import yuan


@dataclass(frozen=True, slots=True)
class ShiftReport:
    """One shift. Times ISO 8601 with offset, "" while it runs. `taken`: reason to (taps, fen); `refused`: to taps."""

    shift: int
    driver: str
    line: str
    direction: int
    vehicle: str
    began_at: str
    ended_at: str
    ended_by: str
    totals: Totals
    taken: dict[str, tuple[int, int]]
    refused: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return {**asdict(self), "totals": self.totals._asdict()}

    def lines(self) -> list[str]:
        """For people."""
        totals = self.totals
        ended = f"{self.ended_at[11:19]} ({self.ended_by})" if self.ended_at else "进行中 · running"
        rows = [
            f"班次 shift {self.shift}   线路 line {self.line}/{self.direction}   车 vehicle {self.vehicle}",
            f"司机卡 driver …{self.driver[-6:]}   {self.began_at[:19]} → {ended}",
            f"完成 DONE      {totals.done:>5}  {yuan(totals.done_fen):>10} 元",
            f"灰记录 GREY    {totals.grey:>5}  {yuan(totals.grey_fen):>10} 元",
            f"待定 open      {totals.open:>5}  {yuan(totals.open_fen):>10} 元",
            f"未扣 VOID      {totals.void:>5}",
            f"拒绝 refused   {totals.refused:>5}",
            f"放行 admitted  {totals.admitted:>5}",
        ]
        rows += [f"  {reason:18} {taps:>5}  {yuan(fen):>10} 元" for reason, (taps, fen) in self.taken.items()]
        rows += [f"  拒绝 {reason:15} {taps:>5}" for reason, taps in self.refused.items()]
        return rows


def last_shift(rows: Sequence[Row]) -> int:
    """The number of the last shift; 0 when there is none."""
    return max((row.event.service.shift for row in rows if isinstance(row.event, SignOn)), default=0)


def shift_report(rows: Sequence[Row], shift: int) -> ShiftReport | None:
    """The report of `shift`; None when nobody signed on under that number."""
    on = next((row for row in rows if isinstance(row.event, SignOn) and row.event.service.shift == shift), None)
    if on is None or not isinstance(on.event, SignOn):
        return None
    off = next((row for row in rows if isinstance(row.event, SignOff) and row.event.service.shift == shift), None)
    done = {row.event.held for row in rows if isinstance(row.event, Done)}
    taps: Counter[str] = Counter()
    fen: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for row in rows:
        event = row.event
        if isinstance(event, Held) and event.service.shift == shift and row.seq in done:
            taps[event.reason] += 1
            fen[event.reason] += event.amount
        elif isinstance(event, Refused) and event.service.shift == shift:
            refused[event.reason] += 1
    service = on.event.service
    return ShiftReport(
        shift,
        on.event.card,
        service.line,
        service.direction,
        service.vehicle,
        on.at,
        off.at if off else "",
        off.event.by if off and isinstance(off.event, SignOff) else "",
        count(rows, shift),
        {reason: (taps[reason], fen[reason]) for reason in sorted(taps)},
        dict(sorted(refused.items())),
    )
