"""The statement of a day for people: both sides' totals, and each difference with its class."""

from sync.statement import SAID, Comparison, Total
from tariffs.money import yuan_text as yuan


def statement_lines(found: Comparison) -> list[str]:
    """A comparison for people: both sides' totals, and each difference with its class."""
    lines = [f"  {side} {total_line(line)}" for side, totals in _sides(found) for line in totals]
    lines.append(f"  stmt_rslt {found.stmt_rslt} " + ("平 equal" if found.stmt_rslt == "0" else "不平 not equal"))
    for one in found.differences:
        zh, en = SAID[one.why]
        lines.append(
            f"  {one.why.value}: {one.setl_id} {one.part} 差 by {yuan(one.medfee_sumamt)} / "
            f"{yuan(one.fund_pay_sumamt)} / {yuan(one.acct_pay)}: {zh} · {en}"
        )
    return lines


def _sides(found: Comparison) -> tuple[tuple[str, tuple[Total, ...]], ...]:
    return ("本机 ours  ", found.ours), ("中心 theirs", found.theirs)


def total_line(line: Total) -> str:
    """One line of the totals."""
    refund = "退费 refunds" if line.refd_setl_flag == "1" else "结算 bills"
    return (
        f"险种 {line.insutype} {refund} {line.fixmedins_setl_cnt}: 总额 {yuan(line.medfee_sumamt)}, "
        f"基金 {yuan(line.fund_pay_sumamt)}, 账户 {yuan(line.acct_pay)}"
    )
