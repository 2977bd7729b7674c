"""What a till tells on paper and on the customer display, each made from the record alone. Pure."""

from sync.events import Refund, ShiftOff
from tariffs.money import yuan_text
from terminal.receipt import Receipt
from terminal.till.deal import Deal, Step

TITLES = {
    "sale": "消费小票 Sale",
    "fee": "缴费凭条 Library fee",
    "load": "充值凭条 Top-up",
}
SOURCES = {"cash": "现金 cash", "account": "银行账户 bank account", "refund": "退款 refund"}
ENDS = {
    Step.DONE: "交易成功 done",
    Step.LEFT: "交易取消，未扣款 given up, nothing taken",
    Step.DOUBT: "交易待确认 to be confirmed",
}


KEEP = "请保留此凭条：确已扣款的，由后台确认后退还 · keep this: what was taken is given back"
KEEP_LOAD = "请保留此凭条：卡片下次放到充值台时自动确认 · keep this: the card itself tells at its next visit"


def masked(card: str) -> str:
    """A card's last four digits."""
    return f"*{card[-4:]}" if card else "-"


def receipt(deal: Deal, place: str, terminal: str, epoch: int) -> Receipt:
    """The receipt of a deal that has ended. Its number names the debit or load: a refund is asked for by it."""
    rows = [(name, yuan_text(fen)) for name, fen in deal.items]
    rows += [("", ""), ("合计 Total", f"￥{yuan_text(deal.amount_fen)}")] if rows else []
    if deal.what == "load":
        rows += [("充值 Top-up", f"￥{yuan_text(deal.amount_fen)}"), ("来源 from", SOURCES[deal.source])]
    rows.append(("卡号 Card", masked(deal.card)))
    if deal.balance_fen is not None and deal.step is Step.DONE:
        rows.append(("余额 Balance", yuan_text(deal.balance_fen)))
    rows.append(("结果 Result", ENDS[deal.step]))
    footer = [f"{deal.at[:16].replace('T', ' ')} 操作员 clerk {deal.clerk}"]
    if place:
        footer.insert(0, place)
    if deal.step is Step.DOUBT:
        footer.append(KEEP_LOAD if deal.what == "load" else KEEP)
    return Receipt(TITLES[deal.what], tuple(rows), f"{terminal}-{epoch}-{deal.held or deal.asked}", tuple(footer))


def refund_slip(refund: Refund, at: str, place: str, terminal: str, epoch: int) -> Receipt:
    """What the customer takes to a top-up counter. `at` ISO 8601."""
    rows = (
        ("应退 To be given back", f"￥{yuan_text(refund.amount)}"),
        ("卡号 Card", masked(refund.card)),
        ("原小票 Receipt", f"{terminal}-{epoch}-{refund.held}"),
    )
    footer = (place, at[:16].replace("T", " "), "请持卡到充值台领取 · bring the card to a top-up counter")
    return Receipt("退款凭条 Refund", rows, refund.operation, tuple(line for line in footer if line))


def shift_report(totals: ShiftOff, is_z: bool, at: str, place: str, terminal: str, epoch: int) -> Receipt:
    """X (so far) or Z (closed) of a shift."""
    rows = [
        ("班次 Shift", str(totals.shift)),
        ("操作员 Clerk", totals.clerk),
        _line("消费 Sales", totals.sales, totals.sales_fen),
        _line("缴费 Fees", totals.fees, totals.fees_fen),
        _line("退款记录 Refunds noted", totals.refunds, totals.refunds_fen),
        _line("充值 Top-ups", totals.loads, totals.loads_fen),
        ("其中现金 of it in cash", yuan_text(totals.loads_cash_fen)),
        ("", ""),
        _line("待定扣款 Unclear debits", totals.unclear, totals.unclear_fen),
        _line("待定充值 Unclear loads", totals.loads_unclear, totals.loads_unclear_fen),
        ("未上传 Unsent rows", str(totals.unsent)),
        ("", ""),
        ("累计扣款 Grand total", yuan_text(totals.grand_fen)),
    ]
    title = "日结 Z" if is_z else "中途查账 X"
    number = f"{terminal}-{epoch}-{'Z' if is_z else 'X'}{totals.shift}"
    footer = [line for line in (place, at[:16].replace("T", " ")) if line]
    if totals.by == "next":
        footer.append("由下一班代为结班 · closed by the next shift")
    return Receipt(title, tuple(rows), number, tuple(footer))


def display(deal: Deal | None) -> tuple[str, str]:
    """The customer display's two lines of 20 letters; it has no Chinese."""
    if deal is None:
        return "WELCOME", ""
    amount = f"Y {yuan_text(deal.amount_fen)}"
    if deal.step is Step.ASKED:
        return amount, "PRESENT CARD"
    if deal.step is Step.UNCLEAR:
        return amount, "SAME CARD AGAIN"
    if deal.step is Step.DONE:
        left = "" if deal.balance_fen is None else f"BALANCE {yuan_text(deal.balance_fen)}"
        return f"{'LOADED' if deal.what == 'load' else 'PAID'} {amount}", left
    return amount, "CANCELLED" if deal.step is Step.LEFT else "SEE RECEIPT"


def _line(label: str, number: int, fen: int) -> tuple[str, str]:
    return label, f"{number} / {yuan_text(fen)}"
