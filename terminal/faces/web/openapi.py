"""The API's description (OpenAPI 3.1), made from the structs that the server itself decodes and answers with."""

from collections.abc import Sequence
from typing import Any

import msgspec

from sync.parameters import parameters
from terminal.faces.web.acting import Told
from terminal.faces.web.answers import Problem
from terminal.faces.web.limits import OPERATION_CHARS_MAX, OPERATION_CHARS_MIN
from terminal.faces.web.login import LoggedIn, LogIn
from terminal.faces.web.page import Page
from terminal.faces.web.state import State

REFERENCE = "#/components/schemas/{name}"
PROBLEMS = {
    "400": "not understood",
    "401": "log in, or send a token",
    "403": "not for this role, this origin or this session",
    "409": "the operation's name stands for something else, or a power cut hid what became of it",
    "422": "refused; the words say why",
    "503": "the disk, the journal or the accounts cannot be read or written",
}
ABOUT = """Served by the terminal itself on 127.0.0.1. A program sends `Authorization: Bearer TOKEN` (smk clerk token).

An act has a name by its caller, `X-SMK-Operation`: the same name with the same body gives the same answer and does
nothing again; with another body it is 409. After a lost answer ask `GET /api/operations/NAME`.
"""


def description(pages: Sequence[Page]) -> dict[str, Any]:
    """The document for these pages."""
    asks = [ask for page in pages for ask in page.asks]
    acts = [act for page in pages for act in page.acts]
    kinds = [State, Told, Problem, LogIn, LoggedIn]
    kinds += [kind for ask in asks for kind in (ask.query, ask.answer) if kind is not bytes]
    kinds += [kind for act in acts for kind in (act.body, act.answer)]
    schemas, components = msgspec.json.schema_components(kinds, ref_template=REFERENCE)
    shape = {repr(kind): schema for kind, schema in zip(kinds, schemas, strict=True)}
    shape[repr(bytes)] = {"type": "string", "contentMediaType": "application/zip"}
    paths: dict[str, Any] = {
        "/api/status": _get("the device's state", "设备状态", shape[repr(State)], open_to_all=True),
        "/api/events": _events(),
        "/api/operations/{name}": _get("what became of it", "操作结果", shape[repr(Told)], [_path("name")]),
        "/api/log_in": _post("log in at a page", "登录", shape[repr(LogIn)], shape[repr(LoggedIn)], named=False),
    }
    for ask in asks:
        query = parameters(components[shape[repr(ask.query)]["$ref"].rpartition("/")[2]])
        paths[f"/api/{ask.name}"] = _get(ask.en, ask.zh, shape[repr(ask.answer)], query, ask.open)
    for act in acts:
        paths[f"/api/{act.name}"] = _post(act.en, act.zh, shape[repr(act.body)], shape[repr(act.answer)])
    tokens = {"program": {"type": "http", "scheme": "bearer"}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "市民卡终端 · citizen-card terminal", "version": "1", "description": ABOUT},
        "servers": [{"url": "http://127.0.0.1:{port}", "variables": {"port": {"default": "8700"}}}],
        "security": [{"program": []}],
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": dict(sorted(components.items())), "securitySchemes": tokens},
    }


def _json(schema: Any) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


def _answers(schema: Any) -> dict[str, Any]:
    problem = {"$ref": REFERENCE.format(name="Problem")}
    return {"200": {"description": "done", **_json(schema)}} | {
        status: {"description": words, **_json(problem)} for status, words in PROBLEMS.items()
    }


def _get(en: str, zh: str, answer: Any, parameters: Sequence[Any] = (), open_to_all: bool = False) -> dict[str, Any]:
    made: dict[str, Any] = {"summary": f"{zh} · {en}", "responses": _answers(answer)}
    if parameters:
        made["parameters"] = list(parameters)
    return {"get": made | ({"security": []} if open_to_all else {})}


def _post(en: str, zh: str, body: Any, answer: Any, named: bool = True) -> dict[str, Any]:
    words = {"type": "string", "pattern": f"^[A-Za-z0-9_-]{{{OPERATION_CHARS_MIN},{OPERATION_CHARS_MAX}}}$"}
    made: dict[str, Any] = {
        "summary": f"{zh} · {en}",
        "requestBody": {"required": True, **_json(body)},
        "responses": _answers(answer),
    }
    if named:
        made["parameters"] = [{"name": "X-SMK-Operation", "in": "header", "required": True, "schema": words}]
    return {"post": made | ({} if named else {"security": []})}


def _events() -> dict[str, Any]:
    words = "server-sent events: `status` (a State) and `signal` (what a rider is told)"
    answer = {"200": {"description": words, "content": {"text/event-stream": {"schema": {"type": "string"}}}}}
    return {"get": {"summary": "状态和刷卡事件 · state and taps", "security": [], "responses": answer}}


def _path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def text(pages: Sequence[Page]) -> bytes:
    """The document as it is served and as it stands in docs/api.json."""
    return msgspec.json.format(msgspec.json.encode(description(pages)), indent=1) + b"\n"
