"""What a settlement answers: the national interface's fields in fen, the trace, the lines' shares; and what must hold.

Source: docs/copay.md, "A bill"; names and identities of the national interface, XJ-K01-2020, 2207 and 2304.
"""

from collections.abc import Mapping
from datetime import date
from operator import attrgetter

from msgspec import Struct
from msgspec.structs import fields, replace

from tariffs.copay.claim import Key, Parted
from tariffs.copay.parameters import FUNDS
from tariffs.copay.row import Row


class Unbalanced(ValueError):
    """A bill whose numbers do not add up: it is never printed and never sent."""


class Step(Struct, frozen=True, gc=False):
    """One line of the trace: of `base_fen` the fund `field` pays `fund_fen` and the person keeps `own_fen`.

    `code` a national policy item (S001, C001, EC01 …); `ratio` the fund's share in millionths where there is one;
    `line` the item line from 1, 0 for the claim; `rows` the values that made it.
    """

    code: str
    zh: str
    en: str
    base_fen: int
    fund_fen: int
    own_fen: int
    field: str = ""
    ratio: int | None = None
    line: int = 0
    rows: tuple[Row, ...] = ()


class LineShare(Struct, frozen=True, gc=False):
    """One item line: its grade, its parts, and who pays it. `fund_fen + hosp_fen + person_fen` is the line."""

    grade: str
    parted: Parted
    fund_fen: int
    hosp_fen: int
    person_fen: int


class Bill(Struct, frozen=True):
    """One settlement. Money fields are national names in whole fen; a cancellation has them all negated.

    `accounts`: what each account paid. `counted`: what the accumulators grow by. `policy`: version of the policy.
    `unverified`: a value without official source took part; every print must say so.
    """

    id: str
    day: date
    policy: str
    currency: str
    decimals: int
    medfee_sumamt: int
    fulamt_ownpay_amt: int
    overlmt_selfpay: int
    preselfpay_amt: int
    inscp_scp_amt: int
    act_pay_dedc: int
    hifp_pay: int
    hifob_pay: int
    hifmi_pay: int
    hifes_pay: int
    cvlserv_pay: int
    hifdm_pay: int
    maf_pay: int
    oth_pay: int
    fund_pay_sumamt: int
    hosp_part_amt: int
    psn_part_amt: int
    acct_pay: int
    acct_mulaid_pay: int
    psn_cash_pay: int
    balc: int
    accounts: Mapping[str, int]
    counted: Mapping[Key, int]
    lines: tuple[LineShare, ...]
    steps: tuple[Step, ...]
    unverified: bool
    cancels: str = ""

    def check(self) -> None:
        """Raises Unbalanced when an identity of the national interface does not hold (I1 to I7)."""
        parts = self.fulamt_ownpay_amt + self.overlmt_selfpay + self.preselfpay_amt + self.inscp_scp_amt
        side = -1 if self.cancels else 1
        rows = [
            (part.fulamt, part.overlmt, part.preself, part.scope, line.fund_fen, line.hosp_fen, line.person_fen)
            for line in self.lines
            for part in (line.parted,)
        ]
        by_name = [*zip(*rows, strict=True)]
        *sums, fund, hospital, person = map(sum, by_name)
        mine = _shares(self)
        least = -max(map(max, (mine, *by_name))) if self.cancels else min(map(min, (mine, *by_name)))
        family = side * min(side * self.acct_pay, side * self.acct_mulaid_pay)
        holds = (
            ("I1 total = funds + person + hospital", self.medfee_sumamt,
             self.fund_pay_sumamt + self.psn_part_amt + self.hosp_part_amt),
            ("I2 funds = sum of the funds", self.fund_pay_sumamt, sum(_funds(self))),
            ("I3 the family's part lies in the account's", self.acct_mulaid_pay, family),
            ("I4 total = parts", self.medfee_sumamt, parts),
            ("I5 person = account + cash", self.psn_part_amt, self.acct_pay + self.psn_cash_pay),
            ("I6 account = sum of the accounts", self.acct_pay, sum(self.accounts.values())),
            ("I7 person = what the lines leave", self.psn_part_amt, person),
            ("lines: amount", self.medfee_sumamt, sum(sums)),
            ("lines: funds", self.fund_pay_sumamt, fund),
            ("lines: hospital", self.hosp_part_amt, hospital),
            ("no share is negative", min(least, 0), 0),
        )  # fmt: skip
        if wrong := [name for name, one, other in holds if one != other]:
            raise Unbalanced(f"{self.id}: " + "; ".join(wrong))

    def mirror(self, id: str) -> "Bill":
        """The cancellation of this bill: the same with every sign reversed. Its `balc` is what it was before."""
        assert not self.cancels, "a cancellation is not cancelled: the claim is settled again"
        return replace(
            self,
            id=id,
            cancels=self.id,
            **{name: -getattr(self, name) for name in MONEY if name != "balc"},
            balc=self.balc + self.acct_pay,
            accounts={name: -paid for name, paid in self.accounts.items()},
            counted={key: -value for key, value in self.counted.items()},
            lines=tuple(_negated(line) for line in self.lines),
            steps=tuple(
                replace(step, base_fen=-step.base_fen, fund_fen=-step.fund_fen, own_fen=-step.own_fen)
                for step in self.steps
            ),
        )


MONEY = tuple(field.name for field in fields(Bill) if field.name.endswith(("amt", "pay", "dedc", "balc")))
"""The money fields of a bill, in the order in which they are written."""

_shares = attrgetter(*(name for name in MONEY if name != "balc"))
_funds = attrgetter(*FUNDS)


def _negated(line: LineShare) -> LineShare:
    parted = line.parted
    return LineShare(
        line.grade,
        Parted(-parted.fulamt, -parted.overlmt, -parted.preself, -parted.scope),
        -line.fund_fen,
        -line.hosp_fen,
        -line.person_fen,
    )
