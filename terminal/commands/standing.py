"""Commands of the backend's operator about what became of a terminal and of its PSAM."""

from datetime import date, datetime

import click

from terminal.commands.authority import known_number, number, opened, registry
from terminal.commands.say import answer, as_json, fail, speaking
from terminal.drivers.clock import CHINA

WORDS = {"in_service": "在用", "retired": "已停用", "replaced": "已替换", "stolen": "已报失窃"}
from_day = click.option("--from", "day", metavar="YYYY-MM-DD", help="From this day on; today when left out.")


@click.group(short_help="What became of a terminal: retire, replace, stolen, return, show.")
def terminal() -> None:
    """What became of a terminal, as the backend's registry has it (docs/identity.md)."""


@terminal.command("retire")
@number
@registry
@from_day
@speaking
def retire(number: str, place: str, day: str | None) -> None:
    """Terminal NUMBER is out of service: it uploads what it holds, and closes."""
    _put(number, place, "retired", day, "")


@terminal.command("replace")
@number
@click.option("--by", "successor", required=True, help="The number of the terminal that stands in its place.")
@registry
@from_day
@speaking
def replace(number: str, successor: str, place: str, day: str | None) -> None:
    """Terminal NUMBER was replaced by another: it uploads what it holds, and closes."""
    _put(number, place, "replaced", day, known_number(successor))


@terminal.command("stolen")
@number
@registry
@from_day
@speaking
def stolen(number: str, place: str, day: str | None) -> None:
    """Terminal NUMBER was stolen: what it and its PSAM wrote from that day on is set aside, and it closes."""
    _put(number, place, "stolen", day, "")


@terminal.command("return")
@number
@registry
@speaking
def back(number: str, place: str) -> None:
    """Terminal NUMBER is in service again, and its PSAM with it: takes back retire, replace and stolen."""
    _put(number, place, "in_service", None, "")


@terminal.command("psam")
@click.argument("psam")
@registry
@from_day
@click.option("--found", is_flag=True, help="Take it back.")
@speaking
def stolen_psam(psam: str, place: str, day: str | None, found: bool) -> None:
    """PSAM (12 digits) was stolen without its terminal: debits that it signed from that day on are set aside."""
    from sync.backend.custody import Custody

    if len(psam) != 12 or not psam.isascii() or not psam.isdigit():
        fail(f"{psam!r} 不是 PSAM 号 · is no PSAM's number: 12 digits")
    since = "" if found else _day(day)
    Custody(opened(place)).report_psam(psam, since)
    click.echo(f"PSAM {psam}: " + (f"自 {since} 起拒收 · refused from then on" if since else "已找回 · found again"))


@terminal.command("show")
@number
@registry
@as_json
@speaking
def show(number: str, place: str, as_json: bool) -> None:
    """Standing, PSAM and certificates of terminal NUMBER."""
    from sync.backend.custody import Custody

    found = opened(place)
    standing, since, detail = found.standing(known_number(number))
    psams = Custody(found).of(number)
    current = [kept for kept in found.of(number) if kept.state == "current"]
    shown = {
        "terminal": number,
        "standing": standing.value,
        "since": since,
        "replaced_by": detail,
        "psams": [bound._asdict() for bound in psams],
        "certificate_until": current[0].not_after[:10] if current else "",
    }
    by = f" → {detail}" if detail else ""
    lines = [f"终端 terminal {number}: {WORDS[standing.value]} {standing.value}{by} {since}"]
    lines += [f"PSAM {bound.psam} 自 since {bound.since[:10]}{_marked(bound.stolen)}" for bound in psams]
    until = f"证书至 certificate until {shown['certificate_until']}" if current else "没有证书 · no certificate"
    answer(shown, as_json, lambda: [*lines, until])


def _marked(stolen: str) -> str:
    return f"  失窃 stolen from {stolen}" if stolen else ""


def _put(number: str, place: str, word: str, day: str | None, detail: str) -> None:
    from sync.backend.custody import Custody
    from sync.backend.registry import Standing

    since = _day(day)
    psams = Custody(opened(place)).put(known_number(number), Standing(word), since, detail)
    click.echo(f"终端 terminal {number}: {WORDS[word]} · {word}, {since}")
    if word == "stolen":
        known = ", ".join(psams) or "未知 unknown; if it is known to you: smk terminal psam"
        click.echo(f"PSAM {known}")
    if word != "in_service":
        click.echo(f"撤销 · to take it back: smk terminal return {number}")


def _day(text: str | None) -> str:
    """A day as YYYYMMDD."""
    try:
        day = date.fromisoformat(text) if text is not None else datetime.now(CHINA).date()
    except ValueError:
        fail(f"{text!r} 不是日期 · is no day: YYYY-MM-DD")
    return f"{day:%Y%m%d}"
