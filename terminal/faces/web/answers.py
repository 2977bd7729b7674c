"""How the web face answers: one form for what was found, one for every problem."""

from typing import Any

import msgspec
from starlette.responses import Response


class Problem(msgspec.Struct, frozen=True):
    """Why a request came to nothing: a word for programs, Chinese and English for people, what to do among them."""

    problem: str
    zh: str
    en: str


def answered(content: Any, status: int = 200) -> Response:
    """Anything as JSON."""
    return Response(msgspec.json.encode(content), status, media_type="application/json")


def problem(status: int, word: str, zh: str, en: str) -> Response:
    """A problem as JSON."""
    return answered(Problem(word, zh, en), status)
