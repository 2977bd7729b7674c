"""How commands list what is wrong with an input: each fault with its place once, then the rule in words."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, NoReturn, Protocol

import click

from terminal.commands.say import answer

if TYPE_CHECKING:
    from tariffs.faults import PackFaults

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


def refuse(place: str, wrong: "PackFaults", language: str, as_json: bool) -> NoReturn:
    """Answer everything that is wrong with the pack or policy at `place`, and end with 1."""
    faults = wrong.faults
    head = f"{place}：有 {len(faults)} 处错误，未予采用 · {len(faults)} faults, not to be used"
    answer({"faults": [asdict(fault) for fault in faults]}, as_json, lambda: [head, *fault_lines(faults, language)])
    sys.exit(1)
