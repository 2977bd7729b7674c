"""`smk clerk`: what a technician types, and what it says."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from config import parse
from terminal.cli import main
from terminal.faces.web.accounts import Accounts
from terminal.faces.web.page import Role, Who
from tests.bus import configuration


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """A configuration's file."""
    file = tmp_path / "terminal.toml"
    file.write_text(parse.build(configuration(tmp_path / "data")), "utf-8")
    return file


def smk(*arguments: object, typed: str = "") -> Result:
    return CliRunner().invoke(main, ["clerk", *map(str, arguments)], input=typed)


def test_an_account_is_added_by_typing_the_password_twice(told: Path, tmp_path: Path) -> None:
    added = smk("add", told, "0201", "--role", "supervisor", typed="long-enough\nlong-enough\n")
    assert added.exit_code == 0 and "已添加 · added: 0201 (主管 supervisor)" in added.output
    assert Accounts(tmp_path / "data").log_in("0201", "long-enough") == Who("0201", Role.SUPERVISOR)


def test_a_program_adds_one_by_standard_input(told: Path, tmp_path: Path) -> None:
    assert smk("add", told, "0101", "--stdin", typed="long-enough\n").exit_code == 0
    assert smk("password", told, "0101", "--stdin", typed="another-one\n").exit_code == 0
    assert isinstance(Accounts(tmp_path / "data").log_in("0101", "another-one"), Who)


@pytest.mark.parametrize(
    ("arguments", "typed", "said"),
    [
        (("add", "0101", "--stdin"), "short\n", "8 to 128 characters"),
        (("add", "王小明", "--stdin"), "long-enough\n", "1 to 16 letters"),
        (("lock", "0109"), "", "no account 0109"),
        (("token", "a program"), "", "1 to 16 letters"),
    ],
)
def test_what_is_wrong_is_said_in_both_languages_with_what_to_do(
    told: Path, arguments: tuple[str, ...], typed: str, said: str
) -> None:
    failed = smk(arguments[0], told, *arguments[1:], typed=typed)
    assert failed.exit_code == 1 and said in failed.output and "Traceback" not in failed.output
    assert any("\u4e00" <= letter <= "\u9fff" for letter in failed.output)


def test_locking_and_unlocking_shows_in_the_list(told: Path) -> None:
    assert "smk clerk add" in smk("list", told).output
    smk("add", told, "0101", "--stdin", typed="long-enough\n")
    smk("lock", told, "0101")
    assert "已锁定 locked" in smk("list", told).output
    smk("unlock", told, "0101")
    token = smk("token", told, "his-1", "--role", "clerk").output.strip()
    assert len(token) == 43
    assert json.loads(smk("list", told, "--json").output) == [
        {"name": "0101", "role": "clerk", "kind": "clerk", "locked": False},
        {"name": "his-1", "role": "clerk", "kind": "program", "locked": False},
    ]
    smk("token", told, "his-1", "--drop")
    assert "his-1" not in smk("list", told).output
