"""A question to the backend beside the batches: asking may be repeated; an answer that cannot be read is no answer."""

from typing import Any, TypeVar

import msgspec

from sync.link import Link, LinkDown

T = TypeVar("T")


class NoAnswer(Exception):
    """The backend is away, or what came back was none of its answers. The message says which."""


def ask(link: Link, path: str, question: Any, kind: type[T]) -> T:
    """The answer to `question`, posted as JSON. Raises NoAnswer."""
    try:
        answer = link.post(path, msgspec.json.encode(question))
        if answer.status != 200:
            raise NoAnswer(f"{path}: the centre answered {answer.status}")
        return msgspec.json.decode(answer.body, type=kind)
    except LinkDown as wrong:
        raise NoAnswer(str(wrong)) from wrong
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError) as wrong:
        raise NoAnswer(f"{path}: not an answer: {wrong}") from wrong
