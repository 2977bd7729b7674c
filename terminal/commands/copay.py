"""Commands about medical co-payment: settle claims by a policy, explain a bill, check a policy."""

import json
import sys
from dataclasses import asdict
from datetime import datetime
from typing import IO, Any

import click

from terminal.commands.faults import fault_lines, language
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
    from config.store import load_policy_files
    from tariffs.copay.load import parse_policy
    from tariffs.faults import PackFaults

    try:
        policy = parse_policy(load_policy_files(place))
    except PackFaults as wrong:
        faults = wrong.faults
        head = f"{place}：有 {len(faults)} 处错误，未予采用 · {len(faults)} faults, not to be used"
        answer({"faults": [asdict(fault) for fault in faults]}, as_json, lambda: [head, *fault_lines(faults, language)])
        sys.exit(1)
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


def _policy(place: str) -> Any:
    """The policy at `place`; ends the command with all its faults when it is not to be used."""
    from config.store import load_policy_files
    from tariffs.copay.load import parse_policy
    from tariffs.faults import PackFaults

    try:
        return parse_policy(load_policy_files(place))
    except PackFaults as wrong:
        listed = "\n".join(fault_lines(wrong.faults, "both"))
        fail(f"{place}：政策有错误，未予采用 · the policy has faults, not to be used\n{listed}")
