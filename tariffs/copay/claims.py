"""A claim as JSON: everything that is wrong is told at once, and no number passes through a float.

Source: docs/copay.md, "A claim".
"""

import json
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from tariffs.copay.claim import QUANTITY_ONE, RATIO_ONE, Claim, Entitlement, Key, Line, OnCard, Parted
from tariffs.copay.limits import CLAIM_BYTES_MAX, DAYS_MAX, LINES_MAX, SUM_MAX_MINOR
from tariffs.copay.parameters import BadValue, scaled
from tariffs.faults import Findings
from tariffs.limits import IDENTIFIER_CHARS_MAX, TEXT_CHARS_MAX

GRADES = {"A": "A", "B": "B", "C": "C", "01": "A", "02": "B", "03": "C", "1": "A", "2": "B", "3": "C", "": ""}
"""chrgitm_lv to the catalogue's class."""

_DAY = re.compile(r"(19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}", re.ASCII)
_ACCUMULATOR = re.compile(r"[a-z][a-z0-9_-]*\.(dedc|seen|entered|paid|standard|withheld|own|base|reached)", re.ASCII)
_PERIOD = re.compile(r"[0-9]{4}(Q[1-4]|-[0-9]{2}(-[0-9]{2})?|@.+)?|stay:.+", re.ASCII)
_ABSENT: Any = None


def read_claim(raw: bytes, decimals: int, facts: frozenset[str]) -> tuple[Claim, Entitlement]:
    """A claim and its person's entitlement from one JSON object; `facts` that the policy knows.

    Raises PackFaults with every fault, each with its place in the object.
    """
    findings = Findings()
    try:
        if len(raw) > CLAIM_BYTES_MAX:
            raise ValueError(f"more than {CLAIM_BYTES_MAX} bytes")
        value = json.loads(raw, parse_float=str, parse_int=str, parse_constant=_no_constant, object_pairs_hook=_once)
        if not isinstance(value, dict):
            raise ValueError("not an object")
    except (ValueError, RecursionError) as wrong:
        findings.add("claim", 0, "", "", f"不是合法的 JSON 对象（{wrong}）", f"is no JSON object ({wrong})")
        findings.raise_if_any()
    reader = _Fields(value, "", findings, decimals)
    entitlement = _entitlement(reader.inner("entitlement"))
    entries = reader.entries("lines", LINES_MAX)
    claim = Claim(
        id=reader.text("id", needed=True),
        day=reader.day("date", needed=True) or date.min,
        time=reader.text("time"),
        facts=_facts(reader.inner("facts"), facts),
        lines=tuple(_line(entry) for entry in entries),
        birth=reader.day("birth"),
        stay=reader.text("stay"),
        days=reader.number("days", 0, 1, 1, DAYS_MAX),
        hospital_part_fen=reader.money("hosp_part_amt"),
    )
    if not entries:
        findings.add("claim", 0, "lines", "", "至少一行", "at least one line")
    reader.close()
    findings.raise_if_any()
    return claim, entitlement


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is no amount")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


class _Fields:
    """One object of the claim; what was not taken is a fault when it is closed."""

    def __init__(self, values: Mapping[str, Any], place: str, findings: Findings, decimals: int) -> None:
        self.values = dict(values)
        self.place = place
        self.findings = findings
        self.decimals = decimals

    def fault(self, key: str, value: object, zh: str, en: str) -> None:
        self.findings.add("claim", 0, f"{self.place}{key}", value, zh, en)

    def take(self, key: str) -> Any:
        value = self.values.pop(key, _ABSENT)
        return None if value == "" else value

    def text(self, key: str, *, needed: bool = False, most: int = IDENTIFIER_CHARS_MAX) -> str:
        value = self.take(key)
        if value is None:
            if needed:
                self.fault(key, "", "缺少此项", "is missing")
            return ""
        if isinstance(value, str) and len(value) <= most and value.isprintable():
            return value
        self.fault(key, value, f"须为最多 {most} 个可见字符", f"must be at most {most} printable characters")
        return ""

    def day(self, key: str, *, needed: bool = False) -> date | None:
        text = self.text(key, needed=needed)
        if not text:
            return None
        try:
            if _DAY.fullmatch(text):
                return date.fromisoformat(text)
        except ValueError:
            pass
        self.fault(key, text, "须为日期，如 2025-03-01", "must be a date such as 2025-03-01")
        return None

    def number(self, key: str, decimals: int, default: int, low: int, high: int) -> int:
        value = self.take(key)
        if value is None:
            return default
        try:
            if isinstance(value, str):
                found = scaled(value, decimals)
                if low <= found <= high:
                    return found
        except BadValue:
            pass
        self.fault(
            key,
            value,
            f"须为最多 {decimals} 位小数的数，在允许范围内",
            f"must be a number with at most {decimals} decimals, within bounds",
        )
        return default

    def money(self, key: str, default: int = 0) -> int:
        return self.number(key, self.decimals, default, 0, SUM_MAX_MINOR)

    def maybe(self, key: str, decimals: int, high: int) -> int | None:
        return self.number(key, decimals, 0, 0, high) if self.values.get(key) not in (None, "") else self.take(key)

    def flag(self, key: str) -> bool | None:
        value = self.take(key)
        if value is None or isinstance(value, bool):
            return value
        self.fault(key, value, "须为 true 或 false", "must be true or false")
        return None

    def inner(self, key: str) -> "_Fields":
        value = self.take(key)
        if value is not None and not isinstance(value, dict):
            self.fault(key, value, "须为对象", "must be an object")
            value = None
        return _Fields(value or {}, f"{self.place}{key}.", self.findings, self.decimals)

    def entries(self, key: str, most: int) -> list["_Fields"]:
        value = self.take(key)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value) or len(value) > most:
            self.fault(key, value, f"须为最多 {most} 个对象的列表", f"must be a list of at most {most} objects")
            return []
        return [
            _Fields(entry, f"{self.place}{key}[{nth}].", self.findings, self.decimals)
            for nth, entry in enumerate(value, 1)
        ]

    def close(self) -> None:
        for key in sorted(self.values):
            self.fault(key, "", "未知的项", "this key is not known")


def _facts(reader: _Fields, known: frozenset[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for key in sorted(reader.values):
        value = reader.take(key)
        if key not in known:
            reader.fault(key, value, "政策不认识此事实", "the policy does not know this fact")
        elif isinstance(value, bool):
            found[key] = "yes" if value else "no"
        elif isinstance(value, str) and len(value) <= IDENTIFIER_CHARS_MAX and value.isprintable():
            found[key] = value
        elif value is not None:
            reader.fault(key, value, "须为短文本或数", "must be a short text or a number")
    return found


def _entitlement(reader: _Fields) -> Entitlement:
    accounts_at = reader.inner("accounts")
    accounts = {name: accounts_at.money(name) for name in sorted(accounts_at.values)}
    counted: dict[Key, int] = {}
    for entry in reader.entries("counted", LINES_MAX):
        name, period = entry.text("name", needed=True), entry.text("period", needed=True)
        decimals = 0 if name.endswith(".reached") else reader.decimals
        if name and not _ACCUMULATOR.fullmatch(name):
            entry.fault("name", name, "不是累计名，如 basic.dedc", "must be an accumulator such as basic.dedc")
        if period and not _PERIOD.fullmatch(period):
            entry.fault("period", period, "不是期间，如 2025、2025-03", "must be a period such as 2025 or 2025-03")
        if (name, period) in counted:
            entry.fault("name", name, "同一期间重复", "stands twice for one period")
        counted[name, period] = entry.number("value", decimals, 0, 0, SUM_MAX_MINOR)
        entry.close()
    as_of, income = reader.day("as_of"), reader.maybe("income", reader.decimals, SUM_MAX_MINOR)
    found = Entitlement(accounts, counted, as_of, income, _on_card(reader.inner("card")))
    reader.close()
    return found


def _on_card(reader: _Fields) -> OnCard | None:
    if not reader.values:
        return None
    found = OnCard(reader.number("year", 0, 0, 1, 9999), reader.money("inscope"), reader.money("pool"))
    reader.close()
    return found


def _line(reader: _Fields) -> Line:
    grade = reader.text("chrgitm_lv")
    if grade not in GRADES:
        reader.fault("chrgitm_lv", grade, "须为 A、B、C 或 01、02、03", "must be A, B, C or 01, 02, 03")
    line = Line(
        item=reader.text("med_list_codg"),
        name=reader.text("name", most=TEXT_CHARS_MAX),
        category=reader.text("med_chrgitm_type"),
        quantity=reader.number("cnt", 4, QUANTITY_ONE, 0, SUM_MAX_MINOR),
        price=reader.maybe("pric", 6, SUM_MAX_MINOR * 10_000),
        amount_fen=reader.maybe("det_item_fee_sumamt", reader.decimals, SUM_MAX_MINOR),
        grade=GRADES.get(grade, ""),
        first_share=reader.maybe("selfpay_prop", 6, RATIO_ONE),
        limit=reader.maybe("pric_uplmt_amt", 6, SUM_MAX_MINOR * 10_000),
        restricted=reader.flag("restricted"),
        approval=reader.text("hosp_appr_flag"),
        parted=_parted(reader),
    )
    if line.amount_fen is None and line.price is None and line.parted is None:
        reader.fault("", "", "缺少 pric 或 det_item_fee_sumamt", "has neither pric nor det_item_fee_sumamt")
    reader.close()
    return line


def _parted(reader: _Fields) -> Parted | None:
    names = ("fulamt_ownpay_amt", "overlmt_amt", "preselfpay_amt", "inscp_scp_amt")
    if not any(name in reader.values for name in names):
        return None
    return Parted(*(reader.money(name) for name in names))
