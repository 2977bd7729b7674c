"""What a till says when it does not do something: a word for programs, Chinese and English for people. Pure."""

from tariffs.money import yuan_text
from terminal import backlog

WORDS: dict[str, tuple[str, str]] = {
    "no_clerk": ("请输入工号", "the clerk's work number is missing"),
    "no_shift": ("请先开班", "open a shift first"),
    "out_of_service": ("后台已停用本机", "the backend has taken this terminal out of service"),
    "no_deal": ("没有等待刷卡的交易", "no deal waits for a card"),
    "deal_runs": ("上一笔还在等待刷卡：请完成或放弃", "a deal still waits for its card: finish it or give it up"),
    "no_card": ("没有等到卡", "no card came"),
    "other_card": ("这不是欠费读者的卡：未扣款", "not the card of the reader who owes it: nothing was taken"),
    "no_number": ("没有读到卡号", "the card shows no number"),
    "bad_order": ("订单号须为 20 位十六进制小写", "an order is 20 lower-case hex digits"),
    "other_body": ("同一订单号已用于另一笔交易", "this order is another deal's"),
    "items": ("一笔须有 1 至 {limit} 项", "a sale has 1 to {limit} items"),
    "item": ("品名或金额有误", "an item's name or amount is wrong"),
    "sale_limit": ("超过单笔限额 {yuan} 元", "over the limit of one sale, {yuan} yuan"),
    "day_limit": ("超过本机当日限额 {yuan} 元", "over this till's limit of a day, {yuan} yuan"),
    "backlog": backlog.STOPPED,
    "load_limit": ("充值金额不在限额内（至多 {yuan} 元）", "not an amount that can be loaded (at most {yuan} yuan)"),
    "no_backend": ("本机未配置后台，不能充值", "no backend is configured: this till loads nothing"),
    "offline": (
        "连不上后台，现在不能充值；没有收取任何款项，请稍后再试或改用其他网点",
        "the backend cannot be reached, so nothing can be loaded now; nothing was taken: try later or elsewhere",
    ),
    "no_refund": ("没有这笔可退款项", "there is no such refund for this card"),
    "no_sale": ("没有这笔已扣款的交易", "there is no such debit"),
    "refund_limit": ("退款超过原交易金额 {yuan} 元", "more than the debit of {yuan} yuan"),
    # the backend's words about a load (sync/backend/loads.py)
    "no_answer": ("后台没有应答：卡片未充值，款项不收取", "the backend did not answer: nothing was loaded or taken"),
    "bank_silent": ("银行没有应答：卡片未充值，款项会退回", "the bank did not answer: nothing was loaded or kept"),
    "balance_limit": ("充值后超过卡内余额上限", "the card would hold more than it may"),
    "no_account": ("此卡没有绑定银行账户", "no bank account is bound to this card"),
    "account_short": ("银行账户余额不足", "the bank account has too little"),
    "no_bank": ("后台没有接通银行", "the backend has no bank"),
    "false_card": ("卡片认证失败，请交服务网点处理", "the card is not genuine: a service point must see it"),
    "no_load_key": ("后台没有此类卡的充值密钥", "the backend has no load key of this family of cards"),
    "refund_paid": ("此退款已经支付", "this refund was paid already"),
    "refund_in_doubt": ("原扣款尚未确认，确认后可退", "the debit is not confirmed yet: it can be given back then"),
    "not_enrolled": ("本机未在后台登记", "this terminal is not enrolled"),
    "closed": ("此笔充值已结束，请重新发起", "this load has ended: begin anew"),
    "card_refused": ("卡片拒绝充值，款项不收取", "the card refused the load: nothing is taken"),
}


class Refused(Exception):
    """What a till does not do. `why` in a word; the message in two languages."""

    def __init__(self, why: str, zh: str, en: str, detail: str = "") -> None:
        super().__init__(why, zh, en, detail)
        self.why, self.zh, self.en, self.detail = why, zh, en, detail

    def __str__(self) -> str:
        return f"{self.zh} · {self.en}" + (f" ({self.detail})" if self.detail else "")


def refused(why: str, limit: int = 0, detail: str = "") -> Refused:
    """The refusal of that word."""
    zh, en = told(why)
    values = {"limit": limit, "yuan": yuan_text(limit)}
    return Refused(why, zh.format_map(values), en.format_map(values), detail)


def told(why: str) -> tuple[str, str]:
    """Chinese and English of a word; a word that is not known is said as it is."""
    return WORDS.get(why, (why, why))
