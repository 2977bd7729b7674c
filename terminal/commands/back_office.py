"""Commands of the back office at a running backend: `smk backend import`, `smk backend stick-key`."""

import json
from pathlib import Path
from typing import Any

import click

from terminal.commands.say import answer, as_json, counted, fail, speaking

data = click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="The backend's directory: its operator.token opens the door.",
)
at = click.option("--backend", "address", default="http://127.0.0.1:8330", show_default=True, help="The backend.")

merchant_option = click.option("--merchant", required=True, help="The merchant's code, 15 digits.")


@click.command("import")
@click.argument("stick", type=click.Path(exists=True, file_okay=False, path_type=Path))
@data
@at
@click.option("--enrol", is_flag=True, help="Also take terminals that the backend has never seen, as epoch 1.")
@as_json
@speaking
def import_(stick: Path, data: Path, address: str, enrol: bool, as_json: bool) -> None:
    """Take the batches on STICK (a mounted stick) into the running backend, and write its signed answers beside them.

    Then the stick goes back to its terminals: smk sync import. Done twice it changes nothing. Exit status 1 when a file
    was refused.
    """
    from sync import stick as sticks
    from sync.batch import BadBatch
    from sync.link import Link

    link = Link(address, token=operator_token(data))
    path = f"/v1/operator/stick?enrol={'yes' if enrol else 'no'}"
    taken: dict[str, int] = {}
    refused: list[str] = []
    try:
        found = [parcel for folder in sticks.terminals(stick) for parcel in sticks.parcels(folder)]
        for parcel in counted(found, len(found), "读入 taking", not as_json):
            try:
                raw, batch = sticks.read_batch(parcel)
                proof = sticks.read_proof(parcel)
            except (BadBatch, sticks.StickTrouble) as wrong:
                refused.append(f"{parcel.terminal}/{parcel.file.name}: {wrong}")
                continue
            got = link.post(f"{path}&proof={proof}", raw)
            if got.status == 403:
                refused.append(f"{parcel.terminal}/{parcel.file.name}: {_said(got.body)}")
                continue
            if got.status != 200:
                fail(f"后台拒绝 · the backend refuses (HTTP {got.status}): {_said(got.body)}")
            sticks.write(parcel.answer, got.body)
            taken[parcel.terminal] = taken.get(parcel.terminal, 0) + len(batch.rows)
    except sticks.StickTrouble as wrong:
        fail(f"U 盘读写不了 · the stick cannot be used: {wrong}")
    finally:
        link.close()
    lines = [f"终端 terminal {terminal}: 已答复 {rows} 条 · {rows} rows answered" for terminal, rows in taken.items()]
    lines += [f"✗ 拒收 refused {one}" for one in refused]
    lines += [] if taken or refused else ["U 盘上没有批次 · there is no batch on this stick"]
    lines += ["下一步：把 U 盘带回终端 · next, at the terminal: smk sync import"] if taken else []
    answer({"answered": taken, "refused": refused}, as_json, lambda: lines)
    if refused:
        raise SystemExit(1)


@click.command("stick-key")
@data
def stick_key(data: Path) -> None:
    """Print the key that terminals are told as [sync] stick_key: it checks the answers that come back on a stick."""
    from sync.backend.operator import Operator

    click.echo(Operator(data).stick_key)


def told(data: Path, address: str, question: str, of: Any = None) -> bytes:
    """What the running backend answers its operator; `question` its path, below /v1/operator/ when it
    begins with no slash; `of` what is asked, or bytes as they are, None to ask by GET. Ends
    the command when it refuses."""
    from sync.limits import ISSUER_FILE_BYTES_MAX
    from sync.link import Link

    link = Link(address, token=operator_token(data), most=ISSUER_FILE_BYTES_MAX)
    try:
        path = question if question.startswith("/") else f"/v1/operator/{question}"
        body = of if isinstance(of, bytes) else json.dumps(of).encode()
        got = link.get(path) if of is None else link.post(path, body)
    finally:
        link.close()
    if got.status == 200:
        return got.body
    fail(f"后台拒绝 · the backend refuses (HTTP {got.status}): {_said(got.body)}")


def _said(body: bytes) -> str:
    """Why the backend refuses, or its answer as it came."""
    try:
        return str(json.loads(body)["detail"])
    except (ValueError, KeyError, TypeError):
        return body.decode("utf-8", "replace")[:300]


def asked(data: Path, address: str, question: str, of: Any = None) -> Any:
    """The same, read as JSON."""
    return json.loads(told(data, address, question, of))


def operator_token(data: Path) -> str:
    """The operator's token. Ends the command when this user may not read it."""
    from sync.backend.operator import TOKEN

    try:
        return (data / TOKEN).read_text("ascii").strip()
    except (OSError, ValueError) as wrong:
        fail(f"操作员令牌读不出来 · the operator's token cannot be read: {wrong}")


@click.command()
@data
@at
@as_json
@speaking
def alarms(data: Path, address: str, as_json: bool) -> None:
    """List the latest alarms in the books, each with what it means and what to do."""
    found = asked(data, address, "health")["latest"]
    lines = []
    for one in found:
        lines.append(f"{one['at'][:16]}  {one['terminal']} #{one['seq']}  {one['zh']} · {one['en']}")
        lines.append(f"    → {one['zh_do']} · {one['en_do']}    ({one['what']}: {one['detail']})")
    answer(found, as_json, lambda: lines or ["没有报警 · no alarm"])


@click.command()
@data
@at
def page(data: Path, address: str) -> None:
    """Print the address of the operator's page, with the token in it: for a browser on this machine."""
    click.echo(f"{address}/operator#token={operator_token(data)}")


@click.command("account")
@click.argument("card")
@click.argument("yuan")
@click.option("--bank", "place", required=True, help="The simulated bank: a file, or postgresql://… of a city.")
@speaking
def account(card: str, yuan: str, place: str) -> None:
    """Open an account with YUAN in it at the simulated bank, bound to CARD (20 digits): top-ups may come from it.

    The backend that is started with the same --bank knows it at once. For demonstrations; a real bank has its own.
    """
    import sqlite3

    from sync.backend.bank import SimulatedBank
    from sync.backend.sql import open_sql
    from sync.backend.store import Unavailable
    from terminal.commands.tills import amount
    from terminal.signal import yuan as shown

    if not (len(card) == 20 and card.isascii() and card.isdigit()):
        fail(f"卡号有误 · not a card's number: {card!r}, 20 digits are wanted")
    fen = amount(yuan)
    try:
        is_new = SimulatedBank(open_sql(place)).open(card, fen)
    except (OSError, sqlite3.Error, Unavailable) as wrong:
        fail(f"银行数据打不开 · the bank's place cannot be opened: {place}: {wrong}")
    if not is_new:
        fail(f"此卡已绑定账户 · an account is bound to card {card} already; nothing was changed")
    click.echo(f"账户已开 · account opened: card {card}, {shown(fen)} 元 yuan")


COMMANDS: dict[str, click.Command] = {
    "import": import_,
    "stick-key": stick_key,
    "alarms": alarms,
    "page": page,
    "account": account,
}
"""What `smk backend` does beside serving."""
