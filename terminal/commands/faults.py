"""How commands list what is wrong with an input: each fault with its place once, then the rule in words."""

from collections.abc import Sequence
from typing import Protocol

import click

language = click.option(
    "--language",
    type=click.Choice(["zh", "en", "both"]),
    default="both",
    envvar="SMK_LANGUAGE",
    show_default=True,
    show_envvar=True,
    help="Language of what is told.",
)


def said(zh: str, en: str, language: str) -> str:
    """Words in the wanted language; both beside each other."""
    return zh if language == "zh" or zh == en else en if language == "en" else f"{zh} · {en}"


class Listed(Protocol):
    """What can be listed: `zh` and `en` say the rule, `where` its place."""

    @property
    def zh(self) -> str:
        """The rule in Chinese."""
        ...

    @property
    def en(self) -> str:
        """The rule in English."""
        ...

    @property
    def where(self) -> str:
        """File, line, field and value."""
        ...


def fault_lines(faults: Sequence[Listed], language: str) -> list[str]:
    """Two or three lines for each fault: its place, then the rule. `language` "zh", "en" or "both"."""
    lines = []
    for fault in faults:
        lines.append(f"  {fault.where}")
        lines += [f"      {text}" for name, text in (("zh", fault.zh), ("en", fault.en)) if language in (name, "both")]
    return lines
