"""The backend's protocol as OpenAPI 3.1, from the very types that read and write it.

`python -m sync.backend.describe > docs/sync-api.json` writes it anew.
"""

import json
from typing import Any, NamedTuple

import msgspec

from sync import loading, session
from sync.backend import days, differences, office
from sync.backend.app import LoadMessage
from sync.backend.desk import CorrectionsOf, StatementOf, WhatOf, WhoIs
from sync.backend.gate import CertificateRequest
from sync.backend.health import Health
from sync.backend.hospital import Verdict
from sync.backend.operator import StickQuery
from sync.batch import BatchMessage
from sync.carried import Carried
from sync.condition import Condition
from sync.parameters import parameters
from sync.record import Row

JSON, GZIP, TEXT = "application/json", "application/gzip", "text/plain"


class Way(NamedTuple):
    """One way to ask: what it is for in two languages, who may, what is sent and what comes back. A type stands for
    JSON, a text for a media type, None for nothing; `query` is a struct of parameters."""

    method: str
    path: str
    zh: str
    en: str
    who: str = "operator"
    asks: Any = None
    gives: Any = JSON
    query: type[msgspec.Struct] | None = None


WAYS = (
    Way("get", "/v1/health", "后台是否在线", "Whether the backend serves", "anybody"),
    Way("get", "/v1/authority", "后台根证书", "The root certificate", "anybody", gives="application/x-pem-file"),
    Way("post", "/v1/terminals/{terminal}/certificate", "领取或更新证书", "A certificate, first or renewed", "terminal",
        CertificateRequest),
    Way("post", "/v1/terminals/{terminal}/enrol", "登记新的日志期", "Open a new epoch", "terminal", None,
        session.Enrolled),
    Way("post", "/v1/terminals/{terminal}/batches", "上传一批记录（gzip）", "Take a batch of rows, gzip", "terminal",
        BatchMessage, session.Answer),
    Way("post", "/v1/terminals/{terminal}/loads", "充值申请", "Ask for a load", "terminal", loading.Ask,
        loading.Answer),
    Way("post", "/v1/terminals/{terminal}/refunds", "可退款项", "What may be given back", "terminal",
        loading.RefundsOf, loading.Dues),
    Way("post", "/v1/hospital/insured", "查询参保人", "A person by reference", "terminal", WhoIs),
    Way("post", "/v1/hospital/verdict", "查询结算结论", "The verdict on a bill", "terminal", WhatOf, Verdict),
    Way("post", "/v1/hospital/statement", "窗口当日明细", "A counter's lines of a day", "terminal", StatementOf),
    Way("post", "/v1/hospital/corrections", "更正", "Corrections past a number", "terminal", CorrectionsOf),
    Way("post", "/v1/hospital/persons", "参保名单或增量", "The insured, whole or a delta", asks=GZIP),
    Way("get", "/v1/hospital/delta/{since}", "某版本之后的增量", "The delta since a version", gives=GZIP),
    Way("post", "/v1/loads", "发卡方的充值记录", "Loads that the issuer's counters made", asks=list[LoadMessage]),
    Way("get", "/v1/loads/report", "充值汇总", "Sums of loads"),
    Way("get", "/v1/terminals", "各终端日志期", "Each terminal's epochs"),
    Way("get", "/v1/report", "账本汇总", "Sums of the books"),
    Way("get", "/v1/lock-report", "锁卡报告", "The issuer's lock report", gives=TEXT),
    Way("get", "/v1/xf", "全部消费，XF 格式", "All consumptions, as XF", gives=TEXT),
    Way("post", "/v1/operator/stick", "U 盘上的一批记录", "A batch that came on a stick, as its bytes", asks=GZIP,
        gives=Carried, query=StickQuery),
    Way("post", "/v1/operator/day/close", "日结", "Close a merchant's day", asks=office.DayOf, gives=days.DayReport),
    Way("post", "/v1/operator/day/show", "重印日结", "A closed day's report again", asks=office.DayOf,
        gives=days.DayReport | None),
    Way("post", "/v1/operator/day/list", "已日结的日期", "The closed days", asks=office.MerchantOf),
    Way("post", "/v1/operator/issuer/make", "生成 XF", "Make XF files", asks=office.DayOf),
    Way("post", "/v1/operator/issuer/file", "取 XF 文件", "An XF file", asks=office.FileOf, gives=TEXT),
    Way("post", "/v1/operator/issuer/take", "收 SS、QS、NS", "Take SS, QS or NS", asks=TEXT,
        query=office.FileOf),
    Way("post", "/v1/operator/issuer/compare", "与发卡方对账", "Both books compared", asks=office.MerchantOf,
        gives=differences.Comparison),
    Way("get", "/v1/operator/health", "终端运行状况", "How the fleet is", gives=Health),
    Way("get", "/metrics", "Prometheus 指标", "Figures for Prometheus", gives=TEXT),
)  # fmt: skip
PAGES = ("/operator", "/operator/operator.js", "/operator/operator.css")
"""The operator's page, which is no protocol."""

_REFUSALS = {
    "400": "读不懂 · cannot be read: bad_batch, bad_question, bad_file",
    "401": "令牌或签名不对 · not the operator, or no proof of the terminal",
    "403": "终端被停用或证书失效 · the terminal is stopped, or its certificate no longer stands",
    "409": "现在不能 · cannot be done now: not_enrolled, cannot, other_body",
    "413": "过长 · too long",
    "503": "暂时不可用，稍后再试 · unavailable, ask again after Retry-After",
}


def description() -> dict[str, Any]:
    """The whole description."""
    types = [way.asks for way in WAYS] + [way.gives for way in WAYS] + [way.query for way in WAYS]
    types += [session.Problem, Condition, Row]
    typed = [kind for kind in types if kind is not None and not isinstance(kind, str)]
    found, schemas = msgspec.json.schema_components(typed, ref_template="#/components/schemas/{name}")
    references = dict(zip(map(repr, typed), found, strict=True))
    base64 = {"type": "string", "contentEncoding": "base64"}
    rows = next(form for form in schemas["BatchMessage"]["properties"]["rows"]["anyOf"] if form["type"] == "array")
    rows["items"] = {"anyOf": [references[repr(Row)], base64]}
    schemas["BatchMessage"]["properties"]["state"] = references[repr(Condition)]
    paths: dict[str, dict[str, Any]] = {}
    for way in WAYS:
        operation = paths.setdefault(way.path, {})[way.method] = _operation(way, references)
        if way.query is not None:
            members = schemas[references[repr(way.query)]["$ref"].rpartition("/")[2]]
            operation["parameters"] = [*operation.get("parameters", ()), *parameters(members)]
    return {
        "openapi": "3.1.0",
        "info": {"title": "市民卡终端后台 · The citizen-card terminals' backend", "version": "1"},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "operator": {"type": "http", "scheme": "bearer", "description": "operator.token"},
                "terminal": {"type": "apiKey", "in": "header", "name": "Smk-Proof", "description": "docs/sync.md"},
            },
        },
    }


def _operation(way: Way, references: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"summary": f"{way.zh} · {way.en}", "security": [{way.who: []}]}
    if way.who == "anybody":
        made["security"] = []
    names = [part[1:-1] for part in way.path.split("/") if part.startswith("{")]
    if names:
        made["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
        ]
    if way.asks is not None:
        made["requestBody"] = {"required": True, "content": _content(way.asks, references)}
    problem = {"content": _content(session.Problem, references)}
    made["responses"] = {"200": {"description": "OK", "content": _content(way.gives, references)}}
    made["responses"] |= {status: {"description": text, **problem} for status, text in _REFUSALS.items()}
    return made


def _content(kind: Any, references: dict[str, Any]) -> dict[str, Any]:
    if isinstance(kind, str):
        return {kind: {}}
    return {JSON: {"schema": references[repr(kind)]}}


def text() -> str:
    """The description as it lies in docs/."""
    return json.dumps(description(), ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    print(text(), end="")
