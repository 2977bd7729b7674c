"""Networks that are paid where the ride ends: `tapout.toml`, each with the product that is its maximum fare.

The file may be missing. Like a GTFS file it lies in the folder of the day from which it holds (tariffs/tables.py).
"""

from collections.abc import Mapping

from tariffs.fares.feed import Feed, LegRule
from tariffs.faults import Findings
from tariffs.limits import TERMS_MAX
from tariffs.money import yuan_text
from tariffs.toml import IDENTIFIER, TomlFile

FILE = "tapout.toml"

Maxima = Mapping[str, tuple[LegRule, ...]]
"""Network to a rule that sells its maximum fare to everybody who boards."""

Unverified = tuple[tuple[str, int, str], ...]


def read_maxima(
    files: Mapping[str, bytes], feed: Feed, cash: Mapping[str, int], findings: Findings
) -> tuple[Maxima, Unverified]:
    """Read tapout.toml of one edition; `cash`: product to cash fare."""
    if FILE not in files:
        return {}, ()
    file = TomlFile(files, FILE, findings)
    if file.broken:
        return {}, ()
    file.root("networks").close()
    maxima: dict[str, tuple[LegRule, ...]] = {}
    for block in file.tables("networks", TERMS_MAX):
        network = block.take("network_id", IDENTIFIER)
        product = block.sourced("maximum", IDENTIFIER)
        block.close()
        if network not in feed.routes.values():
            block.fault("network_id", network, "没有线路属于此网络", "no route is of this network")
        if network in maxima:
            block.fault("network_id", network, "网络重复", "this network stands twice")
        if product and product not in cash:
            zh, en = "此产品没有现金票价", "this product has no cash fare (fare_media_type 0, default category)"
            block.fault("maximum", product, zh, en)
        maxima[network] = (LegRule("", network, "", "", "", "", product, 0, block.line("maximum")),)
        _check_dearer(feed, network, cash, cash.get(product, 0), findings)
    return maxima, tuple(file.unverified)


def _check_dearer(feed: Feed, network: str, cash: Mapping[str, int], most: int, findings: Findings) -> None:
    for rule in feed.leg_rules:
        if rule.network == network and cash.get(rule.product, 0) > most:
            zh = f"高于该网络的最高票价 {yuan_text(most)} 元"
            en = f"is above the maximum fare of its network, {yuan_text(most)} yuan"
            findings.add("fare_leg_rules.txt", rule.line, "fare_product_id", rule.product, zh, en)
