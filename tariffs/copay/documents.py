"""A bill as a JSON object: national names, amounts as text in the policy's currency, and each value's row and source.

Source: docs/copay.md, "A bill".
"""

from typing import Any

from tariffs.copay.bill import MONEY, Bill, LineShare, Step
from tariffs.copay.policy import Policy
from tariffs.copay.row import Row


def money_text(minor: int, decimals: int) -> str:
    """Minor units as text in major ones: 452 with 2 decimals is "4.52"."""
    if not decimals:
        return str(minor)
    whole, rest = divmod(abs(minor), 10**decimals)
    return f"{'-' if minor < 0 else ''}{whole}.{rest:0{decimals}d}"


def ratio_text(millionths: int) -> str:
    """A ratio in millionths as a short decimal: 700000 is "0.7"."""
    return money_text(millionths, 6).rstrip("0").rstrip(".")


def bill_document(bill: Bill, policy: Policy) -> dict[str, Any]:
    """The bill as plain values for JSON. `rows` holds each value that was used once; steps name them by number."""
    decimals = bill.decimals
    rows: dict[int, int] = {}
    found: list[Row] = []
    for step in bill.steps:
        for row in step.rows:
            if id(row) not in rows:
                rows[id(row)] = len(found)
                found.append(row)
    return {
        "id": bill.id,
        "date": bill.day.isoformat(),
        "policy": {
            "name": policy.name,
            "version": bill.policy,
            "notice_zh": policy.notice[0],
            "notice_en": policy.notice[1],
        },
        "currency": bill.currency,
        "unverified": bill.unverified,
        **({"cancels": bill.cancels} if bill.cancels else {}),
        **{name: money_text(getattr(bill, name), decimals) for name in MONEY},
        "accounts": {name: money_text(paid, decimals) for name, paid in bill.accounts.items()},
        "counted": [
            {"name": name, "period": period, "value": money_text(value, 0 if name.endswith(".reached") else decimals)}
            for (name, period), value in sorted(bill.counted.items())
        ],
        "lines": [_line(nth, line, decimals) for nth, line in enumerate(bill.lines, 1)],
        "steps": [_step(step, rows, decimals) for step in bill.steps],
        "rows": [_row(row) for row in found],
    }


def _line(number: int, line: LineShare, decimals: int) -> dict[str, Any]:
    parted = line.parted
    amounts = {
        "det_item_fee_sumamt": parted.amount,
        "fulamt_ownpay_amt": parted.fulamt,
        "overlmt_amt": parted.overlmt,
        "preselfpay_amt": parted.preself,
        "inscp_scp_amt": parted.scope,
        "fund_pay": line.fund_fen,
        "hosp_part": line.hosp_fen,
        "psn_part": line.person_fen,
    }
    texts = {name: money_text(amount, decimals) for name, amount in amounts.items()}
    return {"line": number, "chrgitm_lv": line.grade, **texts}


def _step(step: Step, rows: dict[int, int], decimals: int) -> dict[str, Any]:
    return {
        "code": step.code,
        "name_zh": step.zh,
        "name_en": step.en,
        **({"line": step.line} if step.line else {}),
        "base": money_text(step.base_fen, decimals),
        "fund": money_text(step.fund_fen, decimals),
        "own": money_text(step.own_fen, decimals),
        **({"ratio": ratio_text(step.ratio)} if step.ratio is not None else {}),
        **({"field": step.field} if step.field else {}),
        "rows": [rows[id(row)] for row in step.rows],
    }


def _row(row: Row) -> dict[str, Any]:
    source = row.source
    return {
        "parameter": row.parameter,
        "when": row.when,
        "value": row.text,
        "unit": row.unit,
        "from": row.first.isoformat(),
        "to": row.last.isoformat() if row.last else "",
        "known": row.known.isoformat(),
        "file": row.file,
        "line": row.line,
        "document": source.document,
        "article": row.article,
        "address": source.address,
        "sha256": source.sha256,
        "verified": row.verified,
    }
