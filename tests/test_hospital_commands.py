"""What an operator types at a hospital counter: keys, lists, the statement of a day."""

import gc
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from config.model import Configuration, Hospital, Psam, Sync, Tariff, Terminal
from config.parse import build
from sync.entitlements import Listed, Person, build_delta
from terminal.cli import main
from tests.counters import INSTITUTION, POLICY_FILES, VAULT, ZHANG, City, city, insured, policy

AT = "2026-11-24T02:00:00+08:00"
KEYS = f'[personal]\nk1 = "{bytes(range(32)).hex()}"\n'


def smk(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def configured(folder: Path, backend: str = "", number: str = "00000001") -> Path:
    """A counter's configuration with its keys and policy beside it."""
    (folder / "keys.toml").write_text(KEYS, "utf-8")
    (folder / "policy").mkdir(exist_ok=True)
    for name, text in POLICY_FILES.items():
        (folder / "policy" / name).write_text(text, "utf-8")
    told = Configuration(
        Terminal(number, "330400000000001", f"data-{number}"),
        Psam("none"),
        Tariff("builtin:jiaxing"),
        sync=Sync(backend),
        hospital=Hospital(reader="00 00", institution=INSTITUTION, level="2", policy="policy", keys="keys.toml"),
    )
    file = folder / f"terminal-{number}.toml"
    file.write_text(build(told), "utf-8")
    return file


def test_new_keys_are_new_each_time_and_can_be_used(tmp_path: Path) -> None:
    first, second = smk("hospital", "keys").output, smk("hospital", "keys").output
    assert first != second and "[personal]" in first
    file = configured(tmp_path)
    (tmp_path / "keys.toml").write_text(first, "utf-8")
    assert smk("hospital", "lists", file).exit_code == 0


def test_lists_are_taken_in_order_and_a_bad_one_changes_nothing(tmp_path: Path) -> None:
    file = configured(tmp_path)
    ref = VAULT.ref("person", ZHANG.id_number)
    first, second = tmp_path / "1.delta", tmp_path / "2.delta"
    first.write_bytes(build_delta("insured", 0, 1, AT, [Person(ref, 1, "k1", "AAAA")]))
    second.write_bytes(build_delta("employer", 0, 4, AT, [Listed(ref, 1)]))
    taken = smk("hospital", "lists", file, first, second)
    assert taken.exit_code == 0 and "employer" in taken.output, taken.output
    again = smk("hospital", "lists", file, first)
    assert again.exit_code == 1 and "stay in force" in again.output
    shown = smk("hospital", "lists", "--json", file)
    assert '"persons": 1' in shown.output and '"version": 4' in shown.output


def test_without_keys_the_command_says_how_to_make_them(tmp_path: Path) -> None:
    file = configured(tmp_path)
    file.write_text(file.read_text("utf-8").replace('keys = "keys.toml"', 'keys = ""'), "utf-8")
    told = smk("hospital", "lists", file)
    assert told.exit_code == 1 and "smk hospital keys" in told.output


def test_check_looks_at_all_that_a_counter_names_and_shows_no_key(tmp_path: Path) -> None:
    file = configured(tmp_path)
    good = smk("check", file)
    assert good.exit_code == 0 and "test-1 未核实 unverified" in good.output and "social_old_medical" in good.output
    assert bytes(range(32)).hex() not in good.output
    (tmp_path / "policy" / "values.csv").write_text("parameter\n", "utf-8")
    bad = smk("check", file)
    assert bad.exit_code == 1 and "policy" in bad.output
    (tmp_path / "keys.toml").write_text("[personal]\nk1 = 3\n", "utf-8")
    assert smk("check", configured(tmp_path)).exit_code == 0


@pytest.fixture
def town(tmp_path: Path) -> Iterator[City]:
    with city(tmp_path, policy()) as made:
        yield made


def test_the_statement_sends_books_corrections_compares_and_leaves_no_line_open(town: City, tmp_path: Path) -> None:
    town.insure(ZHANG, insured())
    first, second = town.desk(), town.desk()
    for desk in (first, second):
        desk.cut.set()
        desk.settle(100_000)
    second.sync()
    first.close()
    file = configured(tmp_path, town.address)
    (tmp_path / "00000001" / "identity.json").write_text('{"terminal": "00000001", "epoch": 1, "first_serial": 1}')
    (tmp_path / "00000001").rename(tmp_path / "data-00000001")
    with warnings.catch_warnings(record=True) as left:
        warnings.simplefilter("always", ResourceWarning)
        told = smk("hospital", "statement", file, "--day", "20261124")
        gc.collect()
    town.desks.remove(first)
    here = f"raddr=('127.0.0.1', {town.address.rpartition(':')[2]})"  # what other tests left is not this one's
    assert told.exit_code == 0, told.output
    assert "corrections booked: 1" in told.output and "stmt_rslt 0" in told.output
    assert [str(one.message) for one in left if here in str(one.message)] == []


def test_a_statement_without_a_centre_says_so(tmp_path: Path) -> None:
    told = smk("hospital", "statement", configured(tmp_path))
    assert told.exit_code == 1 and "no answer from the centre" in told.output
