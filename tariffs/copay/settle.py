"""One claim by one policy: lines, first shares, account first, layers, ceiling, hospital, account, cash.

A function; a late claim finds the values and the periods of its own day. Source: docs/copay.md, "The order".
"""

from operator import add, sub
from typing import Any

from tariffs.copay.accounts import pay_accounts
from tariffs.copay.bill import Bill, LineShare, Step
from tariffs.copay.books import Books
from tariffs.copay.ceiling import hold_ceiling
from tariffs.copay.claim import RATIO_ONE, BadClaim, Claim, Entitlement, Parted
from tariffs.copay.layers import pay_layer
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
        whole = -(-sum(lines.columns["scope"]) // minor)
        scene = policy.at(claim.day, {**facts, "amount": str(whole)}).after(scene)
    _first_of_claim(lines, scene)
    brought = {part: sum(column) for part, column in lines.columns.items()}
    books = Books(claim, entitlement, scene, claim_terms(scene).year_start, lines.steps, brought)
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
    scopes = lines.columns["scope"]
    total = sum(scopes)
    first = min(total, rounding.of(total * row.value, RATIO_ONE))
    lines.carve(shared(first, scopes))
    lines.steps.append(Step("S000", "异地先行自付", "away from home: first share", total, 0, first, rows=(row,)))


def _open(books: Books, lines: Split) -> None:
    """Put the lines' parts into the books; lines that are paid directly never reach a layer."""
    parts, first_layer = books.parts, books.scene.policy.layers[0]
    parts |= books.brought
    if lines.has_direct:
        for scope, direct in zip(lines.columns["scope"], lines.direct, strict=True):
            if direct is not None:
                parts["scope"] -= scope
                parts["own"] += scope
                books.fund(first_layer.field, min(direct, scope), ("own",))


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
    brought = books.brought
    funds: dict[str, Any] = books.funds
    account, hospital = sum(accounts.values()), claim.hospital_part_fen
    cash = sum(books.parts.values())
    return Bill(
        id=claim.id,
        day=claim.day,
        policy=policy.version,
        currency=policy.currency,
        decimals=policy.decimals,
        medfee_sumamt=sum(lines.amounts),
        fulamt_ownpay_amt=brought["fulamt"],
        overlmt_selfpay=brought["overlmt"],
        preselfpay_amt=brought["preself"] + brought["away"],
        inscp_scp_amt=brought["scope"],
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
        lines=_line_shares(books, lines),
        steps=tuple(books.steps),
        unverified=books.scene.unverified,
    )


def _line_shares(books: Books, lines: Split) -> tuple[LineShare, ...]:
    """Hand what funds and hospital paid of each part back to the lines that brought it, so that the sums agree."""
    columns, merged, person = lines.columns, books.merged, lines.amounts
    fund = hospital = [0] * len(person)
    if lines.has_direct:
        fund = [min(direct or 0, scope) for direct, scope in zip(lines.direct, columns["scope"], strict=True)]
        columns = {**columns, "scope": list(map(sub, columns["scope"], fund))}
        person = list(map(sub, person, fund))
    direct_sum = sum(fund)
    funds_from, hospital_from = books.funds_from, books.hospital_from
    alone = [part for part in columns if (funds_from[part] or hospital_from[part]) and part not in merged]
    for group in (merged, *[(part,) for part in alone]):
        inner = (*group, *_OUT_OF_SCOPE) if group is merged else group
        paid = sum([funds_from[part] for part in inner]) - (direct_sum if group is merged else 0)
        carried = sum([hospital_from[part] for part in inner])
        # What each line brought into the parts of the group.
        room = columns[group[0]]
        for part in group[1:]:
            room = list(map(add, room, columns[part]))
        if paid:
            shares = shared(paid, room)
            fund = list(map(add, fund, shares)) if any(fund) else shares
            person = list(map(sub, person, shares))
        if carried:
            shares = shared(carried, list(map(sub, room, shares)) if paid else room)
            hospital = list(map(add, hospital, shares)) if any(hospital) else shares
            person = list(map(sub, person, shares))
    parted = map(Parted, columns["fulamt"], columns["overlmt"], lines.firsts, lines.columns["scope"])
    return tuple(map(LineShare, lines.grades, parted, fund, hospital, person))


_OUT_OF_SCOPE = ("dedc", "own", "withheld", "overcap")
"""Parts that the pool makes of what it took in."""
