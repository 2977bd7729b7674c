"""A claim of 30 lines settled with its full trace; the same claim by the same policy in OpenFisca-core, in turns.

Both work through class, price limit, first share, deductible with an admission factor, ratio, cap, large-amount bands
and account; the results of every round are compared. Times
are those of the processor: other programs lengthen the longer run more, and would flatter the ratio.
"""

import time
from collections.abc import Iterator
from datetime import date

from tariffs.copay.bill import Bill
from tariffs.copay.claim import Claim, Entitlement, Line
from tariffs.copay.policy import Policy
from tariffs.copay.settle import settle
from tests.bench import fisca
from tests.bench.figures import Figure, median, p99
from tests.policies import BASIC, LARGE, policy

LINES = 30
PATIENTS = 50
ROUNDS = 6
TIMES_FASTER = 50
"""What is promised."""
DAY = date(2025, 3, 1)
NAMES = ("medfee_sumamt", "fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt", "act_pay_dedc",
         "hifp_pay", "hifob_pay", "fund_pay_sumamt", "psn_part_amt", "acct_pay", "psn_cash_pay")  # fmt: skip
"""What both must answer."""


def law() -> Policy:
    """The policy that tests/bench/fisca.py says in OpenFisca's words."""
    return policy(
        *(f"item.class item=D{nth} = {grade}" for nth, grade in enumerate("ABBCAB")),
        "item.first class=B = 0.05",
        "item.limit item=D2 = 12.5",
        "basic.deductible level=3 = 800",
        "basic.deductible.mode = visit",
        "basic.deductible.factor admission=2 = 0.5",
        "basic.ratio = 0.86",
        "basic.cap = 400000",
        "basic.cap.kind = payment-cut",
        "large.base = dedc own overcap",
        "large.band.1.from = 20000",
        "large.band.1.ratio = 0.6",
        "large.band.2.from = 50000",
        "large.band.2.ratio = 0.7",
        "large.band.3.from = 100000",
        "large.band.3.ratio = 0.8",
        "account.account.parts = dedc own overcap preself overlmt fulamt",
        layers=BASIC + LARGE,
    )


def patients() -> list[tuple[Claim, Entitlement]]:
    """Claims whose prices, admission and sums so far differ; the last ones pass the cap and enter large amounts."""
    found = []
    for nth in range(PATIENTS):
        lines = tuple(
            Line(
                item=f"D{number % 6}",
                quantity=10_000 * (number % 3 + 1),
                price=10_000 * (100 + 37 * number * (nth + 1)),
            )
            for number in range(LINES)
        )
        facts = {"level": "3", "admission": str(nth % 2 + 1), "person": ("11", "12")[nth % 2]}
        counted = {("basic.paid", "2025"): 39_000_000 + 20_000 * nth, ("large.entered", "2025"): 100_000 * nth}
        found.append((Claim(str(nth), DAY, facts, lines), Entitlement({"account": 60_000}, counted)))
    return found


def claims() -> Iterator[Figure]:
    """Our time, OpenFisca-core's, and the share."""
    rules, people = law(), patients()
    ours: list[float] = []
    theirs: list[float] = []
    situations = [fisca.situation(*person) for person in people]
    for _ in range(ROUNDS):
        bills, answers = [], []
        for claim, entitlement in people:
            began = time.process_time()
            bills.append(settle(claim, entitlement, rules))
            ours.append(time.process_time() - began)
        for situation in situations:
            began = time.process_time()
            answers.append(fisca.settle(situation, NAMES))
            theirs.append(time.process_time() - began)
        for bill, answer in zip(bills, answers, strict=True):
            _agree(bill, answer)
    name = f"a claim of {LINES} lines settled with its trace"
    yield Figure(name, median(ours) * 1e3, "ms", limit=1.0, p99=p99(ours) * 1e3)
    yield Figure("  the same in OpenFisca-core, with its trace", median(theirs) * 1e3, "ms", p99=p99(theirs) * 1e3)
    share = median(ours) / median(theirs)
    note = f"{1 / share:.0f} times faster"
    yield Figure("  our share of its time", 100 * share, "%", limit=100 / TIMES_FASTER, note=note)


def _agree(bill: Bill, answer: dict[str, float]) -> None:
    """To the fen, but for what single precision loses in OpenFisca-core."""
    for name in NAMES:
        ours = getattr(bill, name)
        assert abs(ours - 100 * answer[name]) <= 2 + abs(ours) / 1_000_000, (name, ours, answer[name])
