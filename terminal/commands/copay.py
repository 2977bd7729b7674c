"""Commands about medical co-payment: settle claims by a policy, explain a bill, check and compare policies."""

import json
import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import click
from msgspec import to_builtins

from terminal.commands.faults import language, refuse
from terminal.commands.picture import picture, plot_file
from terminal.commands.say import answer, as_json, fail, speaking

place = click.argument("place")


@click.group(short_help="Medical co-payment: settle, explain, check a policy.")
def copay() -> None:
    """Medical settlement by a policy of dated values. PLACE is a folder, a zip, or builtin:jiaxing-demo.

    docs/copay.md describes policies, claims and bills.
    """


@copay.command("settle")
@click.option("--policy", "place", required=True, metavar="PLACE", help="The policy: a folder, a zip, builtin:NAME.")
@click.option("--known", type=click.DateTime(["%Y-%m-%d"]), help="Settle by what was known on this day.")
@click.argument("claims", type=click.File("rb"), default="-")
@speaking
def copay_settle(place: str, known: datetime | None, claims: IO[bytes]) -> None:
    """Read one claim a line as JSON (CLAIMS, or standard input) and answer one bill a line.

    A claim that cannot be settled is answered with its faults; exit status 1 when there was one.
    """
    from tariffs.copay.claim import BadClaim
    from tariffs.copay.claims import read_claim
    from tariffs.copay.documents import bill_document
    from tariffs.copay.settle import settle
    from tariffs.faults import PackFaults

    policy = _policy(place)
    if known is not None:
        policy = policy.as_known(known.date())
    refused = False
    for number, raw in enumerate(claims, 1):
        if not raw.strip():
            continue
        document: dict[str, Any]
        try:
            claim, entitlement = read_claim(raw, policy.decimals, policy.facts)
            document = bill_document(settle(claim, entitlement, policy), policy)
        except PackFaults as wrong:
            document = {"claim": number, "faults": [asdict(fault) for fault in wrong.faults]}
            refused = True
        except BadClaim as wrong:
            document = {"claim": number, "id": claim.id, "faults": [{"zh": wrong.zh, "en": wrong.en}]}
            refused = True
        click.echo(json.dumps(document, ensure_ascii=False))
    sys.exit(refused)


@copay.command("explain")
@click.option("--language", type=click.Choice(["zh", "en"]), default="zh", envvar="SMK_LANGUAGE", show_default=True)
@click.argument("bills", type=click.File("rb"), default="-")
@speaking
def copay_explain(language: str, bills: IO[bytes]) -> None:
    """Tell each bill of BILLS (one JSON object a line, as settle answers) as text with the source of every value."""
    from tariffs.copay.explain import explain

    for number, raw in enumerate(bills, 1):
        if not raw.strip():
            continue
        try:
            click.echo(explain(json.loads(raw), language) + "\n")
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            fail(f"第 {number} 行不是结算单 · line {number} is no bill: give what smk copay settle answers")


@copay.command("check")
@place
@language
@as_json
@speaking
def copay_check(place: str, language: str, as_json: bool) -> None:
    """Tell all faults of the policy at once, each with file, line, value and the rule broken. Exit status 1 for any."""
    from config.store import load_pack_files
    from tariffs.copay.load import parse_policy
    from tariffs.faults import PackFaults

    try:
        policy = parse_policy(load_pack_files(place, "policies"))
    except PackFaults as wrong:
        refuse(place, wrong, language, as_json)
    rows, unverified = len(policy.parsed_rows), policy.unverified
    lines = [
        f"政策可用 · the policy is good: {policy.name} {policy.version}, {rows} 个取值 values",
        f"其中未经核实 · flagged unverified: {len(unverified)}",
    ]
    shown = {
        "name": policy.name,
        "version": policy.version,
        "values": rows,
        "unverified": [(row.file, row.line, row.parameter) for row in unverified],
        "faults": [],
    }
    answer(shown, as_json, lambda: lines)


@copay.command("copy")
@place
@click.argument("folder", type=click.Path(exists=False, path_type=Path))
@speaking
def copay_copy(place: str, folder: Path) -> None:
    """Write the files of a policy into a new FOLDER, to be edited there."""
    from config.store import load_pack_files
    from terminal.commands.copies import copied

    copied(load_pack_files(place, "policies"), folder)
    click.echo("改动后请换新的 version（policy.toml）· give the changed policy a new version in policy.toml")


@copay.command("diff")
@click.argument("old")
@click.argument("new")
@click.argument("claims", type=click.File("rb"))
@plot_file
@as_json
@speaking
def copay_diff(old: str, new: str, claims: IO[bytes], plot: Path | None, as_json: bool) -> None:
    """Which values the NEW policy changes from which day, and who pays more over the CLAIMS of a day.

    CLAIMS: one JSON object a line, as for settle. Each is settled by both policies with its own entitlement.
    """
    from terminal.commands.table import table
    from terminal.whatif import policies
    from terminal.whatif.pairs import sums
    from terminal.whatif.report import sums_rows

    before, after = _policy(old), _policy(new)
    if (before.currency, before.decimals) != (after.currency, after.decimals):
        fail("两份政策的币种不同 · the two policies are in different currencies", 2)
    read, refused = _read(claims, after)
    pairs = policies.paired(read, before, after)
    changes = policies.value_changes(before, after)
    title = f"{before.name} {before.version} → {after.name} {after.version}"
    shown = {
        "old": before.version,
        "new": after.version,
        "changes": to_builtins(changes),
        "claims": len(read),
        "refused": refused,
        "groups": to_builtins(sums(pairs)),
    }

    def lines() -> list[str]:
        rows = [[str(one.first), one.parameter, one.when, one.old, one.new] for one in changes]
        told = [title, *table(policies.VALUES_HEAD, rows, 3)] if rows else [title, "取值相同 · the same values"]
        told += ["", f"{len(read)} 份结算单 · claims" + (f"，{refused} 份读不出 · not readable" if refused else "")]
        return told + table(policies.SUMS_HEAD, sums_rows(sums(pairs), {}), 1, last_is_total=True)

    answer(shown, as_json, lines)
    if plot is not None:
        paid = ("个人负担", "yuan paid by patients")
        picture(plot, pairs, {}, title, ("个人负担", "own part"), paid, as_json)


def _read(claims: IO[bytes], policy: Any) -> tuple[list[Any], int]:
    """Claims with their entitlements, and how many lines are none."""
    from tariffs.copay.claims import read_claim
    from tariffs.faults import PackFaults

    found, refused = [], 0
    for raw in filter(bytes.strip, claims):
        try:
            found.append(read_claim(raw, policy.decimals, policy.facts))
        except PackFaults:
            refused += 1
    return found, refused


def _policy(place: str) -> Any:
    """The policy at `place`. Raises ConfigError with all its faults when it is not to be used."""
    from config.errors import ConfigError
    from config.store import load_pack_files
    from tariffs.copay.load import parse_policy
    from tariffs.faults import PackFaults

    try:
        return parse_policy(load_pack_files(place, "policies"))
    except PackFaults as wrong:
        raise ConfigError.refused(place, wrong) from wrong
