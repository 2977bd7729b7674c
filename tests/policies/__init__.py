"""Policies of other places, and worked settlements by them: cases.jsonl, each with what its numbers can prove."""

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from config.store import load_pack_files
from tariffs.copay.claims import read_claim
from tariffs.copay.documents import bill_document, money_text
from tariffs.copay.load import parse_policy
from tariffs.copay.policy import Policy
from tariffs.copay.settle import settle

Document = dict[str, Any]

HERE = Path(__file__).parent

HEAD = b"parameter,when,value,unit,from,to,known,source,article,verified\n"
SOURCES = b"source,document,address,sha256,retrieved\ntest,a test,,,\n"
TOML = """name = "test"
version = "test-1"
currency = "CNY"
decimals = 2
"""
LAYER = """
[[layer]]
name = "{name}"
field = "{field}"
zh = "{name}"
en = "{name}"
code = "{code}"
"""
BASIC = LAYER.format(name="basic", field="hifp_pay", code="C")
LARGE = LAYER.format(name="large", field="hifob_pay", code="L")
UNITS = {
    "deductible": "CNY",
    "reduction": "CNY",
    "cap": "CNY",
    "visit": "CNY",
    "from": "CNY",
    "fixed": "CNY",
    "least": "CNY",
    "most": "CNY",
    "withheld": "CNY",
    "limit": "CNY",
    "ceiling": "CNY",
    "threshold": "CNY",
    "repeated": "CNY",
    "ratio": "ratio",
    "own": "ratio",
    "first": "ratio",
    "direct": "ratio",
    "rate": "ratio",
    "income": "ratio",
    "addition": "ratio",
    "factor": "factor",
    "multiplier": "factor",
    "parts": "parts",
    "base": "parts",
    "counts": "parts",
    "unit": "count",
    "after": "count",
    "months": "count",
    "restricted": "flag",
    "start": "month-day",
}


def load(place: str) -> Policy:
    """A policy of this folder, or one that came with the program."""
    return parse_policy(load_pack_files(place if ":" in place else str(HERE / place), "policies"))


def files(*rows: str, layers: str = BASIC, toml: str = TOML, decimals: int = 2) -> dict[str, bytes]:
    """The files of a policy from short rows "parameter [when] = value [@ from[..to] [known]]", in force from 2000."""
    table = HEAD + b"".join(_row(row, tomllib.loads(toml)["currency"]) for row in rows)
    head = toml.replace("decimals = 2", f"decimals = {decimals}")
    return {"policy.toml": (head + layers).encode(), "sources.csv": SOURCES, "values.csv": table}


def policy(*rows: str, layers: str = BASIC, toml: str = TOML, decimals: int = 2) -> Policy:
    """The same, read."""
    return parse_policy(files(*rows, layers=layers, toml=toml, decimals=decimals))


def bill(law: Policy, lines: Sequence[Document | str], **rest: Any) -> Document:
    """One claim through the machine interface; a line that is an amount is of class A."""
    entries = [line if isinstance(line, dict) else {"det_item_fee_sumamt": line, "chrgitm_lv": "A"} for line in lines]
    claim = {"id": "c", "date": "2025-03-10", "lines": entries, **rest}
    return bill_document(settle(*read_claim(json.dumps(claim).encode(), law.decimals, law.facts), law), law)


def had(**counted: str) -> Document:
    """An entitlement: accumulator__name="period value" with "__" for the point."""
    return {
        "counted": [
            dict(zip(("name", "period", "value"), (name.replace("__", "."), *text.split()), strict=True))
            for name, text in counted.items()
        ]
    }


def after(*bills: Document, decimals: int = 2) -> Document:
    """The entitlement of a person once these bills were counted."""
    sums: dict[tuple[str, str], int] = {}
    for one in bills:
        for entry in one["counted"]:
            key = entry["name"], entry["period"]
            sums[key] = sums.get(key, 0) + int(entry["value"].replace(".", ""))
    return {
        "counted": [
            {
                "name": key[0],
                "period": key[1],
                "value": value if key[0].endswith(".reached") else money_text(value, decimals),
            }
            for key, value in sums.items()
        ]
    }


def _row(row: str, currency: str) -> bytes:
    left, _, right = row.partition(" = ")
    parameter, _, when = left.strip().partition(" ")
    value, _, days = right.partition(" @ ")
    span, _, known = days.partition(" ")
    first, _, last = (span or "2000-01-01").partition("..")
    word = parameter.rpartition(".")[2]
    unit = "word" if word == "counts" and "deductible" in parameter else UNITS.get(word, "word")
    if unit == "CNY":
        unit = currency
    return f"{parameter},{when},{value.strip()},{unit},{first},{last},{known or first},test,,no\n".encode()
