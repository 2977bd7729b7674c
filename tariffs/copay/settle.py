"""One claim by one policy: lines, first shares, account first, layers, ceiling, hospital, account, cash.

A function; a late claim finds the values and the periods of its own day. Source: docs/copay.md, "The order".
"""

from typing import Any

from tariffs.copay.accounts import pay_accounts
from tariffs.copay.bill import Bill, LineShare, Step
from tariffs.copay.books import Books
from tariffs.copay.ceiling import hold_ceiling
from tariffs.copay.claim import RATIO_ONE, BadClaim, Claim, Entitlement, Parted
from tariffs.copay.layers import pay_layer
from tariffs.copay.parameters import FUNDS, PARTS
from tariffs.copay.policy import Policy, Scene
from tariffs.copay.rounding import Rounding, shared
from tariffs.copay.split import Split, split
from tariffs.copay.terms import claim_terms


def settle(claim: Claim, entitlement: Entitlement, policy: Policy) -> Bill:
    """The bill of `claim`, its identities checked.

    Raises BadClaim (and NoRule, a kind of it) when it cannot be settled, Unbalanced when our numbers do not add up.
    """
    if not claim.lines:
        raise BadClaim("没有费用明细", "the claim has no lines")
    facts, minor = claim.all_facts(), 10**policy.decimals
    scene = policy.at(claim.day, facts)
    lines = split(claim.lines, scene, minor)
    if "amount" in policy.told:
        whole = -(-lines.whole.scope // minor)
        scene = policy.at(claim.day, {**facts, "amount": str(whole)}).after(scene)
    _first_of_claim(lines, scene)
    books = Books(claim, entitlement, scene, claim_terms(scene).year_start, dict.fromkeys(PARTS, 0))
    books.steps.extend(lines.steps)
    _open(books, lines)
    pay_accounts(books, "first")
    for layer in policy.layers:
        pay_layer(layer, books)
    books.parts["own"] += books.parts["scope"]
    books.parts["scope"] = 0
    hold_ceiling(books)
    _hospital(books)
    pay_accounts(books, "last")
    bill = _bill(books, lines, policy)
    bill.check()
    return bill


def _first_of_claim(lines: Split, scene: Scene) -> None:
    """Away from home: a share of what is in scope is the person's own before anything else (policy item S000)."""
    row = claim_terms(scene).scope_first
    if row is None or not isinstance(row.value, int):
        return
    rounding = Rounding(claim_terms(scene).rounding.mode)
    total = lines.whole.scope
    first = min(total, rounding.of(total * row.value, RATIO_ONE))
    lines.away = shared(first, [parted.scope for parted in lines.parted])
    lines.steps.append(Step("S000", "异地先行自付", "away from home: first share", total, 0, first, rows=(row,)))


def _open(books: Books, lines: Split) -> None:
    """Put the lines' parts into the books; lines that are paid directly never reach a layer."""
    parts, first_layer = books.parts, books.scene.policy.layers[0]
    if not any(lines.away) and not lines.has_direct:
        whole = lines.whole
        parts["fulamt"], parts["overlmt"] = whole.fulamt, whole.overlmt
        parts["preself"], parts["scope"] = whole.preself, whole.scope
        return
    for parted, away, direct in zip(lines.parted, lines.away, lines.direct, strict=True):
        parts["fulamt"] += parted.fulamt
        parts["overlmt"] += parted.overlmt
        parts["preself"] += parted.preself
        parts["away"] += away
        scope = parted.scope - away
        if direct is None:
            parts["scope"] += scope
        else:
            paid = min(direct, scope)
            parts["own"] += scope
            books.fund(first_layer.field, paid, ("own",))


def _hospital(books: Books) -> None:
    """What the hospital carries itself makes the person's part smaller (I7)."""
    amount = books.claim.hospital_part_fen
    if not amount:
        return
    parts = claim_terms(books.scene).hospital_parts
    if not 0 < amount <= books.total(parts):
        raise BadClaim("医院负担超过个人部分", "the hospital would carry more than the person has to pay")
    for part, taken in books.take(amount, parts).items():
        books.hospital_from[part] += taken
    books.steps.append(Step("HOSP", "医院负担", "carried by the hospital", amount, 0, 0, "hosp_part_amt"))


def _bill(books: Books, lines: Split, policy: Policy) -> Bill:
    claim, accounts = books.claim, books.accounts_from
    shares, whole, away = _line_shares(books, lines), lines.whole, sum(lines.away)
    funds: dict[str, Any] = {name: books.funds.get(name, 0) for name in FUNDS}
    account, hospital = sum(accounts.values()), claim.hospital_part_fen
    cash = sum(books.parts.values())
    return Bill(
        id=claim.id,
        day=claim.day,
        policy=policy.version,
        currency=policy.currency,
        decimals=policy.decimals,
        medfee_sumamt=whole.amount,
        fulamt_ownpay_amt=whole.fulamt,
        overlmt_selfpay=whole.overlmt,
        preselfpay_amt=whole.preself + away,
        inscp_scp_amt=whole.scope - away,
        act_pay_dedc=books.deductible,
        **funds,
        fund_pay_sumamt=sum(funds.values()),
        hosp_part_amt=hospital,
        psn_part_amt=account + cash,
        acct_pay=account,
        acct_mulaid_pay=accounts.get("family", 0),
        psn_cash_pay=cash,
        balc=sum(books.entitlement.accounts.values()) - account,
        accounts=accounts,
        counted=books.counted,
        lines=shares,
        steps=tuple(books.steps),
        unverified=books.scene.unverified,
    )


def _line_shares(books: Books, lines: Split) -> tuple[LineShare, ...]:
    """Hand what funds and hospital paid of each part back to the lines that brought it, so that the sums agree."""
    parted = lines.parted
    if any(lines.away):
        parted = [
            Parted(one.fulamt, one.overlmt, one.preself + away, one.scope - away)
            for one, away in zip(lines.parted, lines.away, strict=True)
        ]
    fund = [0] * len(parted)
    if lines.has_direct:
        fund = [min(direct or 0, one.scope) for direct, one in zip(lines.direct, parted, strict=True)]
    direct_sum = sum(fund)
    hospital = [0] * len(parted)
    for group in (books.merged, *((part,) for part in _BROUGHT if part not in books.merged)):
        pool = "scope" in group
        inner = (*group, "dedc", "own", "withheld", "overcap") if pool else group
        paid = sum([books.funds_from[part] for part in inner]) - (direct_sum if pool else 0)
        carried = sum([books.hospital_from[part] for part in inner])
        if not paid and not carried:
            continue
        room = _brought(group, lines, parted, fund)
        if paid:
            shares = shared(paid, room)
            fund = [before + share for before, share in zip(fund, shares, strict=True)]
        if paid and carried:
            room = [before - share for before, share in zip(room, shares, strict=True)]
        if carried:
            hospital = [before + share for before, share in zip(hospital, shared(carried, room), strict=True)]
    return tuple(
        [
            LineShare(grade, one, from_funds, from_hospital, step.base_fen - from_funds - from_hospital)
            for grade, one, from_funds, from_hospital, step in zip(
                lines.grades, parted, fund, hospital, lines.steps, strict=False
            )
        ]
    )


_BROUGHT = ("fulamt", "overlmt", "preself", "away", "scope")
"""Parts in which money comes in with the lines."""


def _brought(group: tuple[str, ...], lines: Split, parted: list[Parted], direct: list[int]) -> list[int]:
    """What each line brought into the parts of `group`; of its scope, what was not paid directly."""
    if group == ("scope",):
        return [one.scope - paid for one, paid in zip(parted, direct, strict=True)]
    columns: dict[str, list[int]] = {
        "fulamt": [one.fulamt for one in parted] if "fulamt" in group else [],
        "overlmt": [one.overlmt for one in parted] if "overlmt" in group else [],
        "preself": [one.preself for one in lines.parted] if "preself" in group else [],
        "away": lines.away,
        "scope": [one.scope - paid for one, paid in zip(parted, direct, strict=True)] if "scope" in group else [],
    }
    if len(group) == 1:
        return list(columns[group[0]])
    return [sum(each) for each in zip(*(columns[part] for part in group), strict=True)]
