"""What holds of every policy and every claim."""

from datetime import date
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from tariffs.copay.bill import MONEY
from tariffs.copay.claim import Claim, Entitlement, Line, Parted
from tariffs.copay.documents import money_text
from tariffs.copay.policy import Policy
from tariffs.copay.rounding import MODES, Rounding, shared, together
from tariffs.copay.settle import settle
from tests.policies import BASIC, LARGE, policy

DAY = date(2025, 3, 1)
ACCOUNT_PARTS = "fulamt overlmt preself away dedc own withheld overcap"
ratios = st.integers(0, 100).map(lambda percent: f"{percent // 100}.{percent % 100:02d}")
yuan = st.integers(0, 3_000).map(str)


@st.composite
def rules(draw: st.DrawFn, plain: bool = False) -> list[str]:
    """Rows of a policy with one to three bands, a large-amount layer, perhaps a cap. `plain`: yearly, to the fen."""
    starts = sorted(draw(st.sets(st.integers(1, 4_000), max_size=2)))
    found = [f"basic.band.{nth}.from = {start}" for nth, start in enumerate([0, *starts], 1)]
    found += [f"basic.band.{nth}.ratio = {draw(ratios)}" for nth in range(1, len(starts) + 2)]
    found.append(f"basic.deductible = {draw(yuan)}")
    found.append(f"basic.axis = {draw(st.sampled_from(['with-deductible', 'after-deductible']))}")
    found += [f"basic.cap = {draw(yuan)}"] * draw(st.booleans())
    found.append(f"basic.cap.kind = {draw(st.sampled_from(['payment', 'payment-cut', 'base']))}")
    found += [
        f"large.base = overcap dedc own{draw(st.sampled_from(['', ' withheld']))}",
        f"large.ratio = {draw(ratios)}",
        f"large.deductible = {draw(yuan)}",
    ]
    found += [f"large.cap = {draw(yuan)}"] * draw(st.booleans())
    found += [f"ceiling = {draw(yuan)}", "ceiling.counts = dedc own withheld overcap"] * draw(st.booleans())
    found.append(f"rounding.side = {draw(st.sampled_from(['fund', 'person']))}")
    found.append(f"rounding.place = {draw(st.sampled_from(['band', 'claim']))}")
    found.append(f"rounding.mode = {draw(st.sampled_from(MODES))}")
    found.append(f"account.account.parts = {ACCOUNT_PARTS}")
    if not plain:
        found.append(f"account.account.when = {draw(st.sampled_from(['first', 'last']))}")
        found.append(f"rounding.unit = {draw(st.sampled_from([1, 10, 100]))}")
        found.append(f"basic.factor = {draw(st.sampled_from(['0.6', '1', '1.3']))}")
        found.append(f"basic.multiplier = {draw(ratios)}")
        found.append(f"scope.first = {draw(ratios)}")
        found.append(f"lines.rounding.place = {draw(st.sampled_from(['line', 'claim']))}")
        found.append(f"lines.order = {draw(st.sampled_from(['limit-first', 'share-first']))}")
        mode = draw(st.sampled_from(["visit", "month", "quarter", "year", "year-topped-up", "per-day", "day"]))
        found.append(f"basic.deductible.mode = {mode}")
        found.append(f"basic.deductible.kind = {draw(st.sampled_from(['plain', 'franchise']))}")
        found.append(f"basic.withheld = {draw(st.integers(0, 50))}")
        found.append(f"basic.base = {draw(st.sampled_from(['scope', 'scope preself', 'preself scope']))}")
        found.append(f"item.direct category=bed = {draw(ratios)}")
    return found


def made(rows: list[str]) -> Policy:
    return policy(*rows, layers=BASIC + LARGE)


amounts = st.integers(0, 600_000)
lines = st.builds(
    Line,
    category=st.sampled_from(["", "bed"]),
    quantity=st.integers(0, 50_000),
    price=st.integers(0, 2_000_000_000),
    grade=st.sampled_from(["", "A", "B", "C"]),
    first_share=st.none() | st.integers(0, 1_000_000),
    limit=st.none() | st.integers(0, 1_500_000_000),
    restricted=st.none() | st.booleans(),
    approval=st.sampled_from(["", "0", "1", "2"]),
) | st.builds(lambda *parts: Line(grade="B", parted=Parted(*parts)), amounts, amounts, amounts, amounts)
claims = st.builds(
    Claim,
    id=st.just("c"),
    day=st.just(DAY),
    facts=st.just({}),
    lines=st.lists(lines, min_size=1, max_size=6).map(tuple),
    days=st.integers(1, 5),
)
entitlements = st.builds(
    lambda account, dedc, entered, paid: Entitlement(
        {"account": account},
        {("basic.dedc", "2025"): dedc, ("basic.entered", "2025"): entered, ("basic.paid", "2025"): paid},
    ),
    *(st.integers(0, 500_000) for _ in range(4)),
)


def in_scope(*fen: int) -> Claim:
    return Claim("c", DAY, {}, tuple(Line(amount_fen=each, grade="A") for each in fen))


@given(rules(), claims, entitlements)
def test_every_bill_balances_and_its_cancellation_undoes_it(
    rows: list[str], claim: Claim, entitlement: Entitlement
) -> None:
    """`settle` checks the identities of every bill itself, no share below zero among them."""
    bill = settle(claim, entitlement, made(rows))
    mirror = bill.mirror("m")
    mirror.check()
    assert all(getattr(bill, name) + getattr(mirror, name) == 0 for name in MONEY if name != "balc")
    after = entitlement.after(bill.counted, bill.accounts)
    assert after.accounts == {"account": bill.balc}
    assert mirror.balc == entitlement.accounts["account"]
    again = after.after(mirror.counted, mirror.accounts)
    assert again.accounts == entitlement.accounts
    assert {key: value for key, value in again.counted.items() if value} == {
        key: value for key, value in entitlement.counted.items() if value
    }


@given(rules(plain=True), amounts, st.integers(1, 100_000), entitlements)
def test_more_cost_in_scope_never_lowers_what_the_funds_pay(
    rows: list[str], fen: int, more: int, entitlement: Entitlement
) -> None:
    law = made(rows)
    less, all_ = settle(in_scope(fen), entitlement, law), settle(in_scope(fen + more), entitlement, law)
    assert all_.fund_pay_sumamt >= less.fund_pay_sumamt


@given(rules(plain=True), amounts, st.data(), entitlements)
def test_a_higher_ratio_never_raises_what_the_patient_pays(
    rows: list[str], fen: int, data: st.DataObject, entitlement: Entitlement
) -> None:
    place = data.draw(st.sampled_from([nth for nth, row in enumerate(rows) if ".ratio = " in row]))
    name, _, ratio = rows[place].partition(" = ")
    percent = int(ratio.replace(".", ""))
    higher = data.draw(st.integers(percent, 100))
    richer = [*rows[:place], f"{name} = {higher // 100}.{higher % 100:02d}", *rows[place + 1 :]]
    # Where the payment is rounded, a band more or less may move by a fen each.
    slack = 2 * sum(".from" in row for row in rows) + 2
    before, after = (settle(in_scope(fen), entitlement, made(law)).psn_part_amt for law in (rows, richer))
    assert after <= before + slack


@given(rules(), amounts, amounts, entitlements)
def test_a_line_written_as_two_changes_no_sum(rows: list[str], one: int, other: int, entitlement: Entitlement) -> None:
    law = made(rows)
    whole, halves = (settle(claim, entitlement, law) for claim in (in_scope(one + other), in_scope(one, other)))
    assert [getattr(whole, name) for name in MONEY] == [getattr(halves, name) for name in MONEY]
    assert whole.counted == halves.counted


@given(rules(plain=True), amounts, amounts)
def test_two_claims_on_one_day_come_to_what_one_would_up_to_rounding(rows: list[str], one: int, other: int) -> None:
    law, fresh = made(rows), Entitlement()
    whole = settle(in_scope(one, other), fresh, law)
    first = settle(in_scope(one), fresh, law)
    second = settle(in_scope(other), fresh.after(first.counted, first.accounts), law)
    bound = 4 * (sum(".from" in row for row in rows) + 2)
    assert abs(whole.fund_pay_sumamt - first.fund_pay_sumamt - second.fund_pay_sumamt) <= bound


@given(st.integers(0, 10**9), st.integers(1, 10**6), st.sampled_from([1, 5, 10, 100]), st.sampled_from(MODES))
def test_rounding_is_the_nearest_or_the_named_neighbour(numerator: int, denominator: int, unit: int, mode: str) -> None:
    exact = Fraction(numerator, denominator)
    found = Rounding(mode, unit).of(numerator, denominator)
    assert found % unit == 0 and abs(found - exact) < unit
    if mode == "down":
        assert found <= exact
    elif mode == "up":
        assert found >= exact
    else:
        assert abs(found - exact) <= Fraction(unit, 2)
        if abs(found - exact) == Fraction(unit, 2):
            assert found > exact if mode == "half-up" else found // unit % 2 == 0


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=20), st.data())
def test_shares_add_up_and_none_is_above_its_weight(weights: list[int], data: st.DataObject) -> None:
    total = data.draw(st.integers(0, sum(weights)))
    shares = shared(total, weights)
    assert sum(shares) == total
    assert all(0 <= share <= weight for share, weight in zip(shares, weights, strict=True))


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 100)), min_size=1, max_size=9), st.integers(1, 50))
def test_amounts_rounded_together_add_up_to_the_rounded_sum(parts: list[tuple[int, int]], unit: int) -> None:
    exact, most = [size * percent for size, percent in parts], [size for size, _ in parts]
    found = together(exact, 100, Rounding("half-up", unit), most)
    assert sum(found) == min(sum(most), Rounding("half-up", unit).of(sum(exact), 100))
    assert all(0 <= each <= bound for each, bound in zip(found, most, strict=True))


@given(st.integers(-(10**12), 10**12), st.integers(0, 4))
def test_money_is_written_in_its_currencys_decimals(minor: int, decimals: int) -> None:
    assert Fraction(money_text(minor, decimals)) == Fraction(minor, 10**decimals)
