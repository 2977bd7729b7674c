"""A bill told to a patient: what was charged, who pays what, and by which value of which document.

Works on the JSON object of a bill alone (docs/copay.md, "A bill"), so that an old bill can be explained later.
"""

from collections.abc import Iterator, Mapping
from typing import Any

FIELDS = {
    "medfee_sumamt": ("医疗费总额", "total"),
    "fulamt_ownpay_amt": ("全自费", "not in the catalogue"),
    "overlmt_selfpay": ("超限价自费", "over the price limit"),
    "preselfpay_amt": ("先行自付", "first share"),
    "inscp_scp_amt": ("符合政策范围", "in policy scope"),
    "act_pay_dedc": ("起付线", "deductible"),
    "hifp_pay": ("基本统筹基金", "basic pool"),
    "hifob_pay": ("大额医疗补助", "large-amount fund"),
    "hifmi_pay": ("大病保险", "catastrophic insurance"),
    "hifes_pay": ("企业补充医保", "employer supplement"),
    "cvlserv_pay": ("公务员补助", "civil-servant supplement"),
    "hifdm_pay": ("伤残人员医保", "disabled soldiers"),
    "maf_pay": ("医疗救助", "medical aid"),
    "oth_pay": ("其他基金", "other funds"),
    "fund_pay_sumamt": ("基金支付合计", "all funds"),
    "hosp_part_amt": ("医院负担", "carried by the hospital"),
    "psn_part_amt": ("个人负担", "personal part"),
    "acct_pay": ("个人账户支付", "from the account"),
    "psn_cash_pay": ("现金支付", "cash"),
    "balc": ("账户余额", "account balance"),
}
"""National field to its name in Chinese and English."""

_ALWAYS = ("medfee_sumamt", "inscp_scp_amt", "fund_pay_sumamt", "psn_part_amt", "acct_pay", "psn_cash_pay", "balc")


def explain(document: Mapping[str, Any], language: str = "zh") -> str:
    """The whole bill as text; `language` "zh" or "en". Raises KeyError, TypeError or ValueError on what is no bill."""
    return "\n".join(_lines(document, 0 if language == "zh" else 1))


def _lines(bill: Mapping[str, Any], nth: int) -> Iterator[str]:
    words = _WORDS[nth]
    currency = bill["currency"]
    yield f"{words['bill']} {bill['id']}  {bill['date']}"
    yield f"{words['policy']} {bill['policy']['name']} {bill['policy']['version']}"
    if bill.get("cancels"):
        yield f"{words['cancels']} {bill['cancels']}"
    if bill["unverified"]:
        yield f"!! {words['unverified']}"
    if notice := bill["policy"]["notice_en" if nth else "notice_zh"]:
        yield f"!! {notice}"
    yield ""
    for name, names in FIELDS.items():
        if name in _ALWAYS or bill[name].strip("-0.") != "":
            yield f"  {names[nth]}: {bill[name]} {currency}"
    rows = bill["rows"]
    yield from ("", words["lines"])
    for line, step in zip(bill["lines"], bill["steps"], strict=False):
        yield f"  {line['line']}. {step['name_en' if nth else 'name_zh']} [{line['chrgitm_lv']}] " + words[
            "line"
        ].format(**line)
        yield from _sources(step, rows, words)
    yield from ("", words["steps"])
    for step in bill["steps"][len(bill["lines"]) :]:
        ratio = f" × {_percent(step['ratio'])}" if "ratio" in step else ""
        told = words["step"].format(**step)
        yield f"  {step['code']} {step['name_en' if nth else 'name_zh']}: {step['base']}{ratio} → {told}"
        yield from _sources(step, rows, words)


def _sources(step: Mapping[str, Any], rows: list[Any], words: Mapping[str, str]) -> Iterator[str]:
    for number in step["rows"]:
        row = rows[number]
        when = f" [{row['when']}]" if row["when"] else ""
        until = row["to"] or "…"
        source = " ".join(filter(None, (row["document"], row["article"], row["address"])))
        digest = f" sha256:{row['sha256'][:12]}" if row["sha256"] else ""
        doubt = "" if row["verified"] else f" ({words['doubt']})"
        yield (
            f"       {row['parameter']} = {row['value']} {row['unit']}{when} {row['from']}–{until}  "
            f"{row['file']}:{row['line']}  {source}{digest}{doubt}"
        )


def _percent(ratio: str) -> str:
    """ "0.865" as "86.5%", by moving the point."""
    whole, _, decimals = ratio.partition(".")
    decimals = decimals.ljust(2, "0")
    rest = decimals[2:].rstrip("0")
    return f"{int(whole + decimals[:2])}{'.' + rest if rest else ''}%"


_WORDS: tuple[dict[str, str], dict[str, str]] = (
    {
        "bill": "医保结算单",
        "policy": "政策版本",
        "cancels": "冲销原结算单",
        "unverified": "本单用到未经核实的政策数值，仅供演示，不作为报销依据",
        "lines": "费用明细",
        "line": "{det_item_fee_sumamt}：自费 {fulamt_ownpay_amt}，超限 {overlmt_amt}，先行自付 {preselfpay_amt}，"
        "范围内 {inscp_scp_amt}；基金 {fund_pay}，个人 {psn_part}",
        "steps": "计算过程",
        "step": "基金 {fund}，个人 {own}",
        "doubt": "未核实",
    },
    {
        "bill": "Settlement",
        "policy": "Policy",
        "cancels": "Cancels settlement",
        "unverified": "Made with values that nobody has verified: a demonstration, no ground for any reimbursement",
        "lines": "Items",
        "line": "{det_item_fee_sumamt}: not covered {fulamt_ownpay_amt}, over limit {overlmt_amt}, first share "
        "{preselfpay_amt}, in scope {inscp_scp_amt}; funds {fund_pay}, person {psn_part}",
        "steps": "Steps",
        "step": "fund {fund}, person {own}",
        "doubt": "not verified",
    },
)
