"""The protocol's description is the one that the program speaks: every path, every type, as it lies in docs/."""

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from starlette.applications import Starlette

from sync.backend import guard
from sync.backend.app import create_app
from sync.backend.describe import PAGES, WAYS, description, text
from sync.backend.gate import Gate
from sync.backend.operator import Operator
from sync.batch import Batch, BatchMessage, pack
from sync.condition import Condition
from sync.link import Link
from sync.record import GENESIS, Row, encode
from sync.session import Answer, Enrolled, Problem
from terminal.commands.back_office import operator_token
from tests.rows import AT, HELD
from tests.serving import KEYS, NOW, serving

ROOT = Path(__file__).parents[1]
SCHEMAS: dict[str, Any] = description()["components"]["schemas"]


def test_the_description_in_docs_is_the_one_that_is_spoken() -> None:
    made = "python -m sync.backend.describe > docs/sync-api.json writes it anew"
    assert (ROOT / "docs" / "sync-api.json").read_text("utf-8") == text(), made


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Starlette]:
    app = create_app(tmp_path, KEYS, lambda: NOW, operator=Operator(tmp_path))
    yield app
    app.state.backend.close()


def test_every_path_that_is_served_is_described_and_no_other_each_with_what_it_reads_of_the_query(
    served: Starlette,
) -> None:
    routes: list[Any] = [*served.routes, *guard.routes(cast(Gate, None))]
    found = {
        (method.lower(), re.sub(r":int\}", "}", route.path), getattr(route.endpoint, "query", None))
        for route in routes
        for method in route.methods - {"HEAD"}
        if route.path not in PAGES
    }
    assert {(way.method, way.path, way.query) for way in WAYS} == found and len(WAYS) == len(found)


def test_a_query_is_read_as_a_described_struct_and_nowhere_else() -> None:
    """Or a parameter could be served that no description names."""
    sources = (file for room in ("sync", "terminal") for file in (ROOT / room).rglob("*.py"))
    places = {str(file.relative_to(ROOT)): file.read_text("utf-8").count("query_params") for file in sources}
    assert {name: times for name, times in places.items() if times} == {
        "sync/backend/operator.py": 1,
        "terminal/faces/web/site.py": 1,
    }


def test_the_description_names_each_parameter_of_a_query() -> None:
    paths = description()["paths"]
    named = {
        way.path: {one["name"] for one in paths[way.path][way.method].get("parameters", ()) if one["in"] == "query"}
        for way in WAYS
    }
    assert named == {way.path: set(way.query.__struct_fields__) if way.query else set() for way in WAYS}
    assert named["/v1/operator/stick"] == {"proof", "enrol"}


@pytest.mark.parametrize("asked", ["stick?enrol=perhaps", "stick?enrols=yes", "issuer/take", "issuer/take?name=../x"])
def test_a_query_that_is_not_as_described_is_refused_and_only_the_operator_is_told_why(
    tmp_path: Path, asked: str
) -> None:
    with serving(tmp_path) as address:
        operator, anybody = Link(address, token=operator_token(tmp_path)), Link(address)
        answer, refused = (link.post(f"/v1/operator/{asked}", b"") for link in (operator, anybody))
        operator.close()
        anybody.close()
    assert answer.status == 400 and b'"bad_question"' in answer.body and refused.status == 401


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
