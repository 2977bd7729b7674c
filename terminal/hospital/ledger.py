"""A counter's own book, read from its journal: what was made, what stands, what was cancelled and corrected."""

from collections.abc import Iterable
from typing import NamedTuple

from sync.events import BillCorrected, BillDone, BillHeld, BillVoid, CounterOff, CounterOn, Sums
from sync.record import Row
from sync.statement import Detail

NOTHING = Sums()


class Made(NamedTuple):
    """One bill: its held row, and its outcome's row, None while it is open."""

    row: Row
    held: BillHeld
    outcome: Row | None

    @property
    def stands(self) -> bool:
        """The patient paid and has the receipt."""
        return self.outcome is not None and isinstance(self.outcome.event, BillDone)

    @property
    def closed_at(self) -> int:
        """Its outcome's row, 0 while it is open."""
        return self.outcome.seq if self.outcome is not None else 0

    @property
    def is_open(self) -> bool:
        """Nobody here knows whether it stands."""
        return self.outcome is None

    @property
    def offline(self) -> bool:
        """It stands without the centre's word."""
        event = self.outcome.event if self.outcome else None
        return isinstance(event, BillDone) and event.by == "offline"


class Shift(NamedTuple):
    """What one clerk's shift came to: bills, mirrors among them, provisional ones, and their money."""

    bills: int
    cancelled: int
    provisional: int
    sums: Sums


class Ledger:
    """Built from journal rows in order; `follow` takes each new one."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self.made: dict[str, Made] = {}
        self.corrections: list[BillCorrected] = []
        self.cancelled: dict[str, str] = {}
        self.on: Row | None = None
        self._by_seq: dict[int, str] = {}
        for row in rows:
            self.follow(row)

    def follow(self, row: Row) -> None:
        """Enter a row."""
        match row.event:
            case BillHeld() as held:
                self.made[held.operation] = Made(row, held, None)
                self._by_seq[row.seq] = held.operation
            case BillDone() | BillVoid() as outcome:
                operation = self._by_seq.get(outcome.held, "")
                if operation:
                    self.made[operation] = self.made[operation]._replace(outcome=row)
                    if isinstance(outcome, BillDone) and self.made[operation].held.cancels:
                        self.cancelled[self.made[operation].held.cancels] = operation
            case BillCorrected() as correction:
                self.corrections.append(correction)
            case CounterOn():
                self.on = row
            case CounterOff():
                self.on = None
            case _:
                pass

    def open(self) -> list[Made]:
        """Bills without an outcome, oldest first."""
        return [made for made in self.made.values() if made.is_open]

    def standing(self) -> set[str]:
        """The operations of all bills that stand."""
        return {operation for operation, made in self.made.items() if made.stands}

    def corrected(self) -> dict[str, Sums]:
        """What the corrections booked here come to, by operation."""
        total: dict[str, Sums] = {}
        for one in self.corrections:
            total[one.operation] = total.get(one.operation, NOTHING).plus(one.sums)
        return total

    def undoes(self, mirror: BillHeld, sums: Sums) -> bool:
        """Whether a mirror with these sums takes its bill back to the fen, and what was corrected of it too."""
        corrected = self.corrected().get(mirror.cancels)
        return corrected is not None and sums == mirror.sums.minus(corrected)

    def rest_open(self, operation: str, person: str) -> bool:
        """Whether it is a cancelled bill of that person whose rest no bill settles that stands or may stand."""
        return (
            operation in self.cancelled
            and self.made[operation].held.person == person
            and not any(
                (made.stands or made.is_open) and made.held.replaces == operation for made in self.made.values()
            )
        )

    def exposure_fen(self, acknowledged: int) -> int:
        """What the funds may owe on bills that the centre has not booked; its rows end at `acknowledged`.

        A cancelled bill owes nothing; what its mirror gives back of a bill that is booked makes no room for others.
        """
        return sum(
            made.held.sums.fund_pay_sumamt
            for operation, made in self.made.items()
            if made.stands
            and made.closed_at > acknowledged
            and not made.held.cancels
            and operation not in self.cancelled
        )

    def shift(self, since: int) -> Shift:
        """What came to stand since row `since`: a bill that an earlier shift left open counts where its money came."""
        standing = [made for made in self.made.values() if made.stands and made.closed_at >= since]
        total = Sums()
        for made in standing:
            total = total.plus(made.held.sums)
        mirrors = sum(bool(made.held.cancels) for made in standing)
        return Shift(len(standing) - mirrors, mirrors, sum(made.offline for made in standing), total)

    def details(self, day: str, also: Iterable[str] = ()) -> list[Detail]:
        """Our lines of the statement: bills made on `day` (YYYYMMDD) and those that `also` names, corrections too."""
        named, corrected = set(also), self.corrected()
        lines: list[Detail] = []
        for operation, made in self.made.items():
            on = made.row.at[:10].replace("-", "")
            if not (on == day or operation in named) or (made.outcome is not None and not made.stands):
                continue
            lines.append(_detail(made, on, "bill", made.held.sums))
            if (sums := corrected.get(operation, NOTHING)) != NOTHING:
                lines.append(_detail(made, on, "correction", sums))
        return lines


def _detail(made: Made, day: str, part: str, sums: Sums) -> Detail:
    return Detail(
        setl_id=made.held.operation,
        part="bill" if part == "bill" else "correction",
        mdtrt_id=made.held.cancels,
        psn_no=made.held.person,
        insutype=made.held.insutype,
        medfee_sumamt=sums.medfee_sumamt,
        fund_pay_sumamt=sums.fund_pay_sumamt,
        acct_pay=sums.acct_pay,
        refd_setl_flag="1" if made.held.cancels else "0",
        day=day,
        state="held" if made.is_open else "done",
    )
