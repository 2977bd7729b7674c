"""The demo's cards, drawn from its seed: who rides, with how much money."""

import random
from dataclasses import replace

from apdu.virtual.spec import CardSpec

SHANGHAI, HANGZHOU, UNLISTED = "02002900FFFFFFFF", "02003310FFFFFFFF", "02009999FFFFFFFF"
DRIVER = CardSpec("0000000000009001", main_type="70", balance_fen=0)

FIXED: dict[str, CardSpec] = {
    "driver": DRIVER,
    "ordinary": CardSpec("0000000000000101"),
    "new_resident": CardSpec("0000000000000102", holder_kind="XJ"),
    "city_pass": CardSpec("0000000000000103", holder_kind="CT"),
    "b_card": CardSpec("0000000000000104", kind="jiaxing_b", holder_kind="SB"),
    "student": CardSpec("0000000000000105", main_type="10"),
    "senior": CardSpec("0000000000000106", main_type="11"),
    "senior_free": CardSpec("0000000000000107", main_type="20"),
    "love": CardSpec("0000000000000108", main_type="21"),
    "poor": CardSpec("0000000000000109"),
    "low": CardSpec("0000000000000110"),
    "expired": CardSpec("0000000000000111", end="20251231"),
    "listed": CardSpec("0000000000000112"),
    "foreign_city": CardSpec("0000000000000113", city="2153"),
    "mifare": CardSpec("0000000000000114", kind="mifare"),
    "shanghai": CardSpec("2900000000000115", kind="tunion", city="2900", issuer=SHANGHAI),
    "hangzhou": CardSpec("3310000000000116", kind="tunion", city="3310", issuer=HANGZHOU),
    "unlisted": CardSpec("9999000000000117", kind="tunion", city="9999", issuer=UNLISTED),
    "torn_before": CardSpec("0000000000000118"),
    "torn_after": CardSpec("0000000000000119"),
    "torn_then_elsewhere": CardSpec("0000000000000120"),
    "torn_away": CardSpec("0000000000000121", main_type="11"),
    "torn_restart": CardSpec("2900000000000122", kind="tunion", city="2900", issuer=SHANGHAI),
}
POOR = {"poor": (0, 99), "low": (110, 590), "driver": (0, 0)}
ENDS_SOON = "torn_after"


def cast(seed: int, riders: int, soon: str) -> dict[str, CardSpec]:
    """All cards by name: the fixed parts and `riders` more; balances and counters by seed. `soon`: a near YYYYMMDD."""
    chance = random.Random(seed)
    cards = dict(FIXED)
    kinds = [("01", "SM"), ("01", "XJ"), ("10", "SM"), ("11", "SM"), ("20", "SM"), ("01", "CT")]
    for number in range(riders):
        main_type, holder = chance.choice(kinds)
        cards[f"rider_{number + 1}"] = CardSpec(f"{1000 + number:016d}", main_type=main_type, holder_kind=holder)
    for name, spec in cards.items():
        low, high = POOR.get(name, (1_000, 20_000))
        end = soon if name == ENDS_SOON else spec.end
        cards[name] = replace(spec, balance_fen=chance.randint(low, high), counter=chance.randint(0, 900), end=end)
    return cards
