"""The receipt and the clerk's explanation of one bill, as lines of text; masked, and honest about what it rests on."""

from collections.abc import Iterator

from sync.events import BillHeld, ListState, Sums
from sync.settling import Case
from tariffs.copay.bill import Step
from tariffs.copay.claim import RATIO_ONE
from tariffs.copay.documents import bill_document
from tariffs.copay.explain import FIELDS, explain
from tariffs.copay.oncard import beside
from tariffs.copay.policy import Policy
from tariffs.money import yuan_text
from terminal.hospital.lookup import LISTS, Entitled

ALWAYS = frozenset({"medfee_sumamt", "fund_pay_sumamt", "psn_part_amt", "acct_pay", "psn_cash_pay"})
"""Shown even when they are zero; any other field only when it is not."""


SCHEMES = {
    "310": ("职工医保", "employees"),
    "320": ("公务员医保", "civil servants"),
    "390": ("城乡居民医保", "residents"),
}
"""Schemes by the national code insutype."""


def receipt(held: BillHeld, case: Case, shown: str, policy: Policy, by: str) -> list[str]:
    """What the patient takes home. `shown` the masked patient; `by` as in BILL_DONE."""
    title = "医疗保险结算撤销单 · cancellation" if held.cancels else "医疗保险结算单 · settlement"
    lines = [f"{title}  {held.operation}", f"{held.institution}  {held.visit}  操作员 clerk {held.clerk}", shown]
    if held.cancels:
        lines.append(f"撤销 cancels {held.cancels}")
    if held.replaces:
        lines.append(f"重结 settles the rest of {held.replaces}")
    lines += item_lines(case)
    lines += [*sum_lines(case.sums), *card_lines(policy, case)]
    if by == "offline":
        lines.append(provisional(held))
    return lines + notices(policy, case)


def entitlement_lines(entitled: Entitled) -> Iterator[str]:
    """Who the patient is to the insurance, by whose word, and how old each list is."""
    insured = entitled.insured
    zh, en = SCHEMES.get(insured.insutype, ("险种", "scheme"))
    yield f"{zh} {en} {insured.insutype}"
    accounts = "、".join(f"{name} {yuan_text(fen)}" for name, fen in insured.entitlement.accounts.items())
    yield f"账户 accounts: {accounts or '无 none'}"
    if entitled.fresh:
        yield "待遇来自中心 · as the centre says now"
    else:
        aged = age(entitled.states["insured"])
        yield f"待遇来自本机名单，已 {aged}，只能暂结 · from this device's own list, {aged} old: provisional"
    person, topup, employer = (age(entitled.states[name]) for name in LISTS[1:])
    yield f"名单 lists: 人员 person {person}, 续存 top-up {topup}, 单位 employer {employer}"


def age(state: ListState) -> str:
    """How old a list is."""
    return "从未收到 never came" if state.age_seconds < 0 else f"{state.age_seconds // 3600} h"


def explanation(case: Case) -> list[str]:
    """Why: each step of the claim with its policy item, and what each party has of it."""
    return [step_line(step) for step in case.bill.steps if not step.line]


def sources(case: Case, policy: Policy) -> list[str]:
    """The whole bill with the policy's rows and documents behind each number, for whoever asks why."""
    return explain(bill_document(case.bill, policy)).splitlines()


def step_line(step: Step) -> str:
    """One step: national policy item, words, base, ratio, fund, patient."""
    ratio = "" if step.ratio is None else f" × {percent(step.ratio)}"
    return (
        f"{step.code:5} {step.zh} {step.en}: {yuan_text(step.base_fen)}{ratio}"
        f" → 基金 fund {yuan_text(step.fund_fen)}, 个人 patient {yuan_text(step.own_fen)}"
    )


def percent(ratio: int) -> str:
    """A ratio in millionths as a percentage, exactly."""
    whole, rest = divmod(ratio * 100, RATIO_ONE)
    return f"{whole}.{rest:06d}".rstrip("0").rstrip(".") + "%"


def item_lines(case: Case) -> Iterator[str]:
    """Each item with its class and who pays it."""
    for line, share in zip(case.claim.lines, case.bill.lines, strict=True):
        paid = f"基金 {yuan_text(share.fund_fen)} 个人 {yuan_text(share.person_fen)}"
        yield f"  {line.name or line.item} [{share.grade}] {yuan_text(share.parted.amount)} = {paid}"


def sum_lines(sums: Sums) -> Iterator[str]:
    """The money, in the order of the calculation."""
    for name in Sums.__struct_fields__:
        fen = getattr(sums, name)
        if fen or name in ALWAYS:
            zh, en = FIELDS[name]
            yield f"  {yuan_text(fen):>12}  {zh} {en}"


def provisional(held: BillHeld) -> str:
    """What a provisional bill rests on."""
    insured = held.evidence.insured
    aged = "未知 unknown" if insured.age_seconds < 0 else age(insured)
    return (
        f"暂结：未经中心确认，参保名单第 {insured.version} 版，已 {aged}；联网后多退少补"
        f" · provisional: by list {insured.version}, {aged} old; the centre may correct it"
    )


def card_lines(policy: Policy, case: Case) -> list[str]:
    """What the chip counted, where it keeps that, and what else is known of the same year when that differs."""
    found = beside(case.claim, case.insured.entitlement, policy)
    if found is None:
        return []
    card = found.card
    said = [
        f"卡内累计 {card.year} 年：范围内 {yuan_text(card.inscope_fen)}，统筹 {yuan_text(card.pool_fen)}"
        f"（{card.read_at[:16]} 读取，卡上不记更新时间） · on the card for {card.year}: in scope, paid by the pool;"
        " the card does not say when it was last written"
    ]
    if found.differs:
        zh, en = ("取高者，按政策计入", "the higher counts, by the policy") if found.counts else (
            "按中心计，卡内仅供参考", "the centre's counts, by the policy")  # fmt: skip
        said.append(
            f"与中心或名单不符：{yuan_text(found.inscope_fen)}，{yuan_text(found.pool_fen)}；{zh}"
            f" · not what the centre or the list says; {en}"
        )
    return said


def notices(policy: Policy, case: Case) -> list[str]:
    """What must be said of the policy: one that nobody verified is never passed off as official."""
    zh, en = policy.notice
    said = [f"{zh} · {en}"] if zh or en else []
    if case.bill.unverified:
        name = policy.version
        said.append(f"政策表 {name} 未经核实，仅供演示 · policy {name} is not verified: not for real money")
    return said
