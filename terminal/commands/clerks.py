"""Commands about who may work at the device's pages, and which programs may use its API."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from config.store import load_configuration
from terminal.commands.say import answer, as_json, configuration_file, fail, speaking

if TYPE_CHECKING:
    from terminal.faces.web.accounts import Accounts

ROLES = ("clerk", "supervisor", "technician")
ROLE_ZH = {"clerk": "柜员", "supervisor": "主管", "technician": "技术员"}

name_of_one = click.argument("name")
as_role = click.option("--role", type=click.Choice(ROLES), default="clerk", show_default=True, help="What they may do.")
from_stdin = click.option("--stdin", is_flag=True, help="Read the password from the first line of standard input.")


@click.group(short_help="Who may work at the device's pages.")
def clerk() -> None:
    """Accounts of clerks, and tokens of programs (ILS, HIS, POS), for the pages and the API that [web] port opens.

    Changes count at once, also while the device runs. NAME is a work number, no person's name.
    """


def _accounts(configuration: str) -> "Accounts":
    from terminal.commands.device import as_the_owner
    from terminal.faces.web.accounts import Accounts

    data = Path(load_configuration(Path(configuration)).value.terminal.data)
    as_the_owner(data)
    return Accounts(data)


def _password(stdin: bool) -> str:
    if stdin:
        return sys.stdin.readline().rstrip("\r\n")
    asked = click.prompt("密码 · password", hide_input=True, confirmation_prompt="再输一次 · once more", err=True)
    return str(asked)


@clerk.command("add")
@configuration_file
@name_of_one
@as_role
@from_stdin
@speaking
def add(configuration: str, name: str, role: str, stdin: bool) -> None:
    """Add an account; asks for its password twice."""
    import msgspec

    from terminal.faces.web.page import Role

    accounts = _accounts(configuration)
    try:
        accounts.add(name, Role(role), _password(stdin))
    except msgspec.ValidationError:
        fail("工号须为 1 至 16 个字母、数字、- 或 _ · the name must be 1 to 16 letters, digits, - or _")
    click.echo(f"已添加 · added: {name} ({ROLE_ZH[role]} {role})")


@clerk.command("list")
@configuration_file
@as_json
@speaking
def listed(configuration: str, as_json: bool) -> None:
    """List accounts and programs."""
    import time

    people = _accounts(configuration).people()
    now = int(time.time())
    shown: list[dict[str, Any]] = [
        {"name": one.name, "role": one.role.value, "kind": "clerk", "locked": one.shut(now)} for one in people.accounts
    ]
    shown += [{"name": one.name, "role": one.role.value, "kind": "program", "locked": False} for one in people.programs]
    kinds = {"clerk": "账户 account", "program": "程序 program"}

    def lines() -> list[str]:
        if not shown:
            return ["没有账户 · no account yet: smk clerk add"]
        return [
            f"{one['name']:16} {ROLE_ZH[one['role']]} {one['role']:10} {kinds[one['kind']]}"
            f"{'  已锁定 locked' if one['locked'] else ''}"
            for one in shown
        ]

    answer(shown, as_json, lines)


@clerk.command("lock")
@configuration_file
@name_of_one
@speaking
def lock(configuration: str, name: str) -> None:
    """Lock an account for good; whoever is logged in is logged out."""
    _accounts(configuration).lock(name, True)
    click.echo(f"已锁定 · locked: {name}")


@clerk.command("unlock")
@configuration_file
@name_of_one
@speaking
def unlock(configuration: str, name: str) -> None:
    """Open a locked account again, whoever or whatever locked it."""
    _accounts(configuration).lock(name, False)
    click.echo(f"已解锁 · unlocked: {name}")


@clerk.command("password")
@configuration_file
@name_of_one
@from_stdin
@speaking
def password(configuration: str, name: str, stdin: bool) -> None:
    """Give an account another password; that also unlocks what wrong passwords locked."""
    _accounts(configuration).set_password(name, _password(stdin))
    click.echo(f"密码已改 · the password is changed: {name}")


@clerk.command("token")
@configuration_file
@name_of_one
@as_role
@click.option("--drop", is_flag=True, help="Make the program's token void.")
@speaking
def token(configuration: str, name: str, role: str, drop: bool) -> None:
    """Make a program's token, printed this once; the one before it is void."""
    import msgspec

    from terminal.faces.web.page import Role

    accounts = _accounts(configuration)
    if drop:
        accounts.drop_token(name)
        click.echo(f"令牌已作废 · the token is void: {name}")
        return
    try:
        click.echo(accounts.give_token(name, Role(role)))
    except msgspec.ValidationError:
        fail("名称须为 1 至 16 个字母、数字、- 或 _ · the name must be 1 to 16 letters, digits, - or _")
