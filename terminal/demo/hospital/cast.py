"""The demo's patients: invented people with their cards, what they are insured as, and what they are treated for."""

from dataclasses import replace
from datetime import date
from typing import NamedTuple

from apdu.virtual.social import SocialSpec
from sync.settling import Insured
from tariffs.copay.claim import PRICE_ONE, QUANTITY_ONE, Entitlement, Line

EMPLOYEE, RESIDENT = "310", "390"
AREA = "330499"


class Guest(NamedTuple):
    """One patient. `insured` None: not insured at all."""

    card: SocialSpec
    insured: Insured | None
    who: str


def person(scheme: str, kind: str, born: str, current: int = 0, history: int = 0) -> Insured:
    """Insured in the city's own area; accounts in fen."""
    accounts = {"current": current, "history": history} if scheme == EMPLOYEE else {}
    facts = {"area": AREA, "scheme": scheme, "person": kind}
    return Insured(scheme, facts, date.fromisoformat(born), Entitlement(accounts))


def card(number: str, id_number: str, name: str, **more: object) -> SocialSpec:
    """A card; the birth date stands in the ID number."""
    told = {"number": number, "id_number": id_number, "name": name, "birth": id_number[6:14]}
    return SocialSpec.from_json({**told, **more})


GUESTS: dict[str, Guest] = {
    "employee": Guest(
        card("A00000001", "330411197001010016", "张伯安"),
        person(EMPLOYEE, "1101", "1970-01-01", current=30_000, history=20_000),
        "在职职工 employee, active",
    ),
    "retired": Guest(
        card("A00000002", "330411195004040043", "李静怡", sex="2"),
        person(EMPLOYEE, "1201", "1950-04-04", current=15_000),
        "退休职工 employee, retired",
    ),
    "resident": Guest(
        card("A00000003", "330411199003030036", "王小川"),
        person(RESIDENT, "15", "1990-03-03"),
        "城乡居民 resident, adult",
    ),
    "child": Guest(
        card("A00000004", "330411201505050053", "陈果果"),
        person(RESIDENT, "14", "2015-05-05"),
        "居民（儿童）resident, child",
    ),
    "new_resident": Guest(
        card("B00000005", "330411198506060064", "周海生", kind="new_resident"),
        person(EMPLOYEE, "1101", "1985-06-06", current=8_000),
        "新居民，职工医保 new resident, employee scheme",
    ),
    "old_card": Guest(
        card("C00000006", "330411197807070077", "吴阿根", kind="old_medical", accumulators=[2026, 0, 0, 0, 0]),
        person(EMPLOYEE, "1101", "1978-07-07", current=120_000),
        "持旧医保卡的职工 employee with the old medical-insurance card",
    ),
    "city_pass": Guest(
        card("D00000007", "330411198002020026", "钱路过", kind="city_pass"), None, "城市通卡 city-pass card"
    ),
}


def item(code: str, name: str, yuan_text: str, quantity: int = 1) -> Line:
    """An item of the demo's invented catalogue; the price in yuan with two decimals."""
    yuan, _, cents = yuan_text.partition(".")
    price = int(yuan) * PRICE_ONE + int(cents.ljust(2, "0")) * (PRICE_ONE // 100)
    return Line(item=code, name=name, quantity=quantity * QUANTITY_ONE, price=price)


VISIT = (
    item("D001", "诊查费 consultation", "25.00"),
    item("D002", "乙类药 class-B drug", "38.40", 6),
    item("D005", "检查 examination", "420.00"),
    item("D004", "自费材料 material, class C", "60.00"),
)
SMALL = (
    item("D001", "诊查费 consultation", "25.00"),
    item("D003", "乙类药，有限价 class-B drug with a limit", "15.00", 30),
)
STAY = (
    item("D001", "护理 nursing", "3500.00"),
    item("D002", "乙类药 class-B drugs", "1200.00", 8),
    item("D005", "检查 examination", "380.00", 5),
    replace(item("D006", "限制用药，已审批 restricted drug, approved", "2600.00", 2), approval="1"),
)
LONG_STAY = (
    item("D001", "手术与护理 surgery and nursing", "86000.00"),
    item("D002", "乙类药 class-B drugs", "2400.00", 20),
    item("D004", "自费材料 material, class C", "5200.00"),
)
