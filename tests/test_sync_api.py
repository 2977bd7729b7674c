"""The protocol's description is the one that the program speaks: every path, every type, as it lies in docs/."""

import gzip
import json
import re
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from sync.backend import guard
from sync.backend.app import create_app
from sync.backend.describe import PAGES, WAYS, description, text
from sync.backend.gate import Gate
from sync.backend.operator import Operator
from sync.batch import Batch, BatchMessage, pack
from sync.condition import Condition
from sync.record import GENESIS, Row, encode
from sync.session import Answer, Enrolled, Problem
from tests.rows import AT, HELD
from tests.serving import KEYS, NOW

ROOT = Path(__file__).parents[1]
SCHEMAS: dict[str, Any] = description()["components"]["schemas"]


def test_the_description_in_docs_is_the_one_that_is_spoken() -> None:
    made = "python -m sync.backend.describe > docs/sync-api.json writes it anew"
    assert (ROOT / "docs" / "sync-api.json").read_text("utf-8") == text(), made


def test_every_path_that_is_served_is_described_and_no_other(tmp_path: Path) -> None:
    app = create_app(tmp_path, KEYS, lambda: NOW, operator=Operator(tmp_path))
    routes: list[Any] = [*app.routes, *guard.routes(cast(Gate, None))]
    served = {
        (method.lower(), re.sub(r":int\}", "}", route.path))
        for route in routes
        for method in route.methods - {"HEAD"}
        if route.path not in PAGES
    }
    app.state.backend.close()
    assert {(way.method, way.path) for way in WAYS} == served and len(WAYS) == len(served)


def test_every_reference_leads_somewhere_and_every_way_is_told_in_two_languages() -> None:
    names = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(description())))
    assert names <= SCHEMAS.keys()
    assert all(re.search("[\u4e00-\u9fff]|XF|Prometheus", way.zh) and way.en.isascii() for way in WAYS)


@pytest.mark.parametrize(
    "kind, made",
    [
        ("BatchMessage", msgspec.json.decode(gzip.decompress(pack(
            Batch("00330401", 1, 1, (encode(Row("00330401", 1, 1, 1, AT, "rtc", "b", 0, HELD)),), GENESIS, GENESIS,
                  Condition(AT, "rtc", 1)))))),
        ("sync.session.Answer", msgspec.to_builtins(Answer("00330401", 1, 3, 4, NOW))),
        ("Enrolled", msgspec.to_builtins(Enrolled("00330401", 1, 1))),
        ("Problem", msgspec.to_builtins(Problem("not_enrolled"))),
    ],
)  # fmt: skip
def test_what_is_sent_has_the_members_that_the_description_names(kind: str, made: dict[str, Any]) -> None:
    schema = SCHEMAS[kind]
    assert set(schema["required"]) <= made.keys() <= schema["properties"].keys()


def test_a_batch_is_described_with_its_rows_and_the_terminals_condition() -> None:
    members = SCHEMAS["BatchMessage"]["properties"]
    assert members.keys() == set(BatchMessage.__struct_fields__)
    listed = next(form for form in members["rows"]["anyOf"] if form["type"] == "array")
    assert listed["items"]["anyOf"][0] == {"$ref": "#/components/schemas/Row"} and "woven" in members
    assert members["state"] == {"$ref": "#/components/schemas/Condition"} and members["head"]["pattern"]
