"""The policy of tests/bench/copay.py in OpenFisca-core: lines are its persons, a claim is its group. Bench only."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy
from openfisca_core.entities import build_entity
from openfisca_core.parameters import ParameterNode
from openfisca_core.periods import DAY
from openfisca_core.simulations import SimulationBuilder
from openfisca_core.taxbenefitsystems import TaxBenefitSystem
from openfisca_core.variables import Variable

from tariffs.copay.claim import PRICE_ONE, QUANTITY_ONE, Claim, Entitlement

LINE = build_entity(key="line", plural="lines", label="item line", is_person=True)
CLAIM = build_entity(
    key="claim", plural="claims", label="claim", roles=[{"key": "item", "plural": "items", "label": "item"}]
)
FROM = "2000-01-01"


def _fen(yuan: Any) -> Any:
    """Half up, to the fen."""
    return numpy.floor(yuan * 100 + 0.5) / 100


def _dated(value: float) -> dict[str, Any]:
    return {FROM: {"value": value}}


def _variable(name: str, entity: Any, formula: Callable[..., Any] | None = None, kind: type = float) -> type[Variable]:
    body = {"value_type": kind, "entity": entity, "definition_period": DAY, "label": name}
    return type(name, (Variable,), body | ({"formula": formula} if formula else {}))


def _sum(of: str) -> Callable[..., Any]:
    return lambda claim, day: claim.sum(claim.members(of, day))


def _large(claim: Any, day: Any, parameters: Any) -> Any:
    scale, before = parameters(day).large.scale, claim("large_before", day)
    return _fen(scale.calc(before + claim("left", day)) - scale.calc(before))


VARIABLES = (
    *(_variable(name, LINE) for name in ("quantity", "price", "limit")),
    *(_variable(name, LINE, kind=bool) for name in ("class_b", "class_c")),
    *(_variable(name, CLAIM) for name in ("paid_before", "large_before", "account_before")),
    *(_variable(name, CLAIM, kind=bool) for name in ("second_admission",)),
    _variable("amount", LINE, lambda line, day: _fen(line("quantity", day) * line("price", day))),
    _variable("fulamt", LINE, lambda line, day: line("amount", day) * line("class_c", day)),
    _variable(
        "overlmt",
        LINE,
        lambda line, day: numpy.where(
            line("class_c", day),
            0,
            numpy.maximum(0, line("amount", day) - _fen(line("quantity", day) * line("limit", day))),
        ),
    ),
    _variable(
        "preself",
        LINE,
        lambda line, day, parameters: _fen(
            (line("amount", day) - line("overlmt", day)) * line("class_b", day) * parameters(day).item.first
        ),
    ),
    _variable(
        "scope",
        LINE,
        lambda line, day: line("amount", day) - line("fulamt", day) - line("overlmt", day) - line("preself", day),
    ),
    _variable("medfee_sumamt", CLAIM, _sum("amount")),
    _variable("fulamt_ownpay_amt", CLAIM, _sum("fulamt")),
    _variable("overlmt_selfpay", CLAIM, _sum("overlmt")),
    _variable("preselfpay_amt", CLAIM, _sum("preself")),
    _variable("inscp_scp_amt", CLAIM, _sum("scope")),
    _variable(
        "act_pay_dedc",
        CLAIM,
        lambda claim, day, parameters: numpy.minimum(
            claim("inscp_scp_amt", day),
            parameters(day).basic.deductible
            * numpy.where(claim("second_admission", day), parameters(day).basic.factor, 1),
        ),
    ),
    _variable(
        "uncapped",
        CLAIM,
        lambda claim, day, parameters: _fen(
            (claim("inscp_scp_amt", day) - claim("act_pay_dedc", day)) * parameters(day).basic.ratio
        ),
    ),
    _variable(
        "hifp_pay",
        CLAIM,
        lambda claim, day, parameters: numpy.minimum(
            claim("uncapped", day), numpy.maximum(0, parameters(day).basic.cap - claim("paid_before", day))
        ),
    ),
    _variable("left", CLAIM, lambda claim, day: claim("inscp_scp_amt", day) - claim("hifp_pay", day)),
    _variable("hifob_pay", CLAIM, _large),
    _variable("fund_pay_sumamt", CLAIM, lambda claim, day: claim("hifp_pay", day) + claim("hifob_pay", day)),
    _variable(
        "line_fund",
        LINE,
        lambda line, day: _fen(
            line("scope", day) * line.claim("fund_pay_sumamt", day) / line.claim("inscp_scp_amt", day)
        ),
    ),
    _variable("psn_part_amt", CLAIM, lambda claim, day: claim("medfee_sumamt", day) - claim("fund_pay_sumamt", day)),
    _variable(
        "acct_pay",
        CLAIM,
        lambda claim, day: numpy.minimum(claim("account_before", day), claim("psn_part_amt", day)),
    ),
    _variable("psn_cash_pay", CLAIM, lambda claim, day: claim("psn_part_amt", day) - claim("acct_pay", day)),
)
BANDS = ((0, 0), (20_000, 0.6), (50_000, 0.7), (100_000, 0.8))
PARAMETERS = {
    "item": {"first": {"values": _dated(0.05)}},
    "basic": {
        name: {"values": _dated(value)}
        for name, value in (("deductible", 800), ("factor", 0.5), ("ratio", 0.86), ("cap", 400_000))
    },
    "large": {"scale": {"brackets": [{"threshold": _dated(start), "rate": _dated(rate)} for start, rate in BANDS]}},
}
SYSTEM = TaxBenefitSystem([LINE, CLAIM])
SYSTEM.parameters = ParameterNode("", data=PARAMETERS)
SYSTEM.add_variables(*VARIABLES)


def situation(claim: Claim, entitlement: Entitlement) -> dict[str, Any]:
    """The claim as OpenFisca-core takes it."""
    day = claim.day.isoformat()
    lines = {
        f"line{number}": {
            "quantity": {day: line.quantity / QUANTITY_ONE},
            "price": {day: (line.price or 0) / PRICE_ONE},
            "class_b": {day: line.item in ("D1", "D2", "D5")},
            "class_c": {day: line.item == "D3"},
            "limit": {day: 12.5 if line.item == "D2" else 1e6},
        }
        for number, line in enumerate(claim.lines)
    }
    values = {
        "second_admission": claim.facts["admission"] == "2",
        "paid_before": entitlement.counted["basic.paid", "2025"] / 100,
        "large_before": entitlement.counted["large.entered", "2025"] / 100,
        "account_before": entitlement.accounts["account"] / 100,
    }
    group = {"items": list(lines), **{name: {day: value} for name, value in values.items()}}
    return {"lines": lines, "claims": {"claim": group}}


def settle(found: dict[str, Any], names: Sequence[str]) -> dict[str, float]:
    """Every name of the claim, what the funds pay of each line, and OpenFisca-core's own trace of it all."""
    simulation = SimulationBuilder().build_from_entities(SYSTEM, found)
    simulation.trace = True
    day = next(iter(found["claims"]["claim"]["paid_before"]))
    answer = {name: simulation.calculate(name, day)[0] for name in names}
    assert simulation.calculate("line_fund", day).size == len(found["lines"])
    assert simulation.tracer.get_flat_trace()
    return answer
