"""Each alarm in words, and what a person does about it: alarms.toml. Those of terminals come as rows."""

import tomllib
from functools import cache
from importlib.resources import files

import msgspec


class Advice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an alarm means and what to do, in two languages."""

    zh: str
    en: str
    zh_do: str
    en_do: str


UNKNOWN = Advice("未说明的报警", "an alarm without a description", "查看该行记录", "look at the row")


@cache
def table() -> dict[str, Advice]:
    """Every alarm that is known, by name."""
    text = (files("sync.backend") / "alarms.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, Advice])


def advice(what: str) -> Advice:
    """What to do about an alarm."""
    return table().get(what, UNKNOWN)
