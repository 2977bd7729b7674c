"""The clerk's commands, as the clerk and a program see them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from config.errors import ConfigError
from config.parse import parse
from terminal.cli import main
from terminal.library.build import load_profile
from terminal.library.desk import Desk
from terminal.receipt import layout
from terminal.training.ils.answers import city
from terminal.training.ils.server import Server
from tests.library_counter import Make, make
from tests.lines import Line

__all__ = ["make"]

ROOT = Path(__file__).resolve().parents[1]
READER = "31400000000012345678"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[tuple[Path, Server]]:
    """The example configuration of the city library, at a simulated library system."""
    with Server(city()) as server:
        text = (ROOT / "docs" / "examples" / "library-city.toml").read_text("utf-8")
        file = tmp_path / "terminal.toml"
        file.write_text(text.replace("6001", str(server.port)).replace("../../.state/library-city", "data"), "utf-8")
        (tmp_path / "ils-password").write_text("secret\n")
        assert smk("keys", tmp_path / "personal.toml").exit_code == 0
        yield file, server


def smk(*words: object) -> Result:
    return CliRunner().invoke(main, ["library", *map(str, words)])


def test_a_day_in_commands(desk: tuple[Path, Server]) -> None:
    file, server = desk
    read = smk("reader", file, "--card", READER)
    assert "✓ 可借 · may borrow" in read.output and "联网" in read.output and "小明" not in read.output
    lent = smk("lend", file, "B0001", "NONE", "--card", READER)
    assert lent.exit_code == 2
    assert lent.output.splitlines()[0].startswith("✓ B0001 嘉兴府志 完成 done")
    assert "✗ NONE" in lent.output and "未知读者或图书" in lent.output
    assert smk("renew", file, "B0001", "--card", READER).exit_code == 0
    assert smk("fee", file, "1.50", "--card", READER).exit_code == 0
    assert server.shelf.borrowers[READER].paid[0][0] == "1.50"
    told = json.loads(smk("return", file, "B0001", "--json").output)
    assert (told[0]["outcome"], told[0]["title"]) == ("done", "嘉兴府志")
    assert smk("queue", file).output == "没有 · nothing waits\n"


def test_an_outage_a_replay_and_an_exception_in_commands(desk: tuple[Path, Server], tmp_path: Path) -> None:
    file, server = desk
    good = file.read_text("utf-8")
    file.write_text(good.replace('host = "127.0.0.1"', 'host = ""'), "utf-8")
    assert smk("lend", file, "B0001", "B0002", "--card", READER).exit_code == 0
    waiting = smk("queue", file).output
    assert "◷ 待传 waits 借 lend B0001 …5678" in waiting and READER not in waiting
    server.shelf.books["B0002"].holder = "somebody"
    file.write_text(good, "utf-8")
    came = json.loads(smk("replay", file, "--json").stdout)
    assert (came["done"], came["stuck"], came["left"]) == (1, 1, 0)
    [stuck] = json.loads(smk("queue", file, "--json").output)
    assert (stuck["why"], stuck["item"]) == ("refused", "B0002")
    assert "settle" in smk("queue", file).output
    assert smk("settle", file, stuck["seq"]).exit_code == 0
    assert smk("settle", file, stuck["seq"]).exit_code == 1
    assert smk("export", file, tmp_path / "koc").output == "没有待传 · nothing waits\n"


def test_status_tells_the_library_system_its_denials_and_what_waits(desk: tuple[Path, Server]) -> None:
    file, server = desk
    told = smk("status", file)
    assert told.exit_code == 0 and "✓ 联网 · online · evergreen（未核实" in told.output and "!" not in told.output
    server.shelf.says = "YNNYYN"
    told = smk("status", file)
    assert told.exit_code == 0 and "it says that it does not do: checkin, checkout" in told.output
    assert smk("lend", file, "B0001", "--card", READER).exit_code == 0, "a denial is a warning, not a wall"
    file.write_text(file.read_text("utf-8").replace('host = "127.0.0.1"', 'host = ""'), "utf-8")
    smk("return", file, "B0001")
    away = smk("status", file, "--json")
    shown = json.loads(away.stdout)
    assert away.exit_code == 2 and (shown["reachable"], shown["waiting"], shown["exceptions"]) == (False, 1, 0)


def test_a_replay_without_the_library_system_says_so_and_keeps_what_waits(desk: tuple[Path, Server]) -> None:
    file, server = desk
    file.write_text(file.read_text("utf-8").replace(str(server.port), "1"), "utf-8")
    assert smk("return", file, "B0001").output.startswith("◷ B0001")
    came = smk("replay", file)
    assert came.exit_code == 1 and "待传 left 1" in came.output and "go on offline" in came.output


def test_a_day_at_the_desk_by_keyboard_and_scanner_with_a_slip_for_each_reader(
    desk: tuple[Path, Server], tmp_path: Path
) -> None:
    file, server = desk
    line = Line(tmp_path)
    file.write_text(file.read_text("utf-8") + f'[peripherals]\nprinter = "{line.path.resolve()}"\n', "utf-8")
    typed = f"B0001\n{READER}\nB0001\nB00|02\nwho\nend\n还\nB0001\nB0001\n?\nend\nend\n"
    ran = CliRunner().invoke(main, ["library", "desk", str(file)], input=typed)
    line.unplug()
    told = ran.output.splitlines()[2:]
    assert ran.exit_code == 0, ran.output
    assert told[0].startswith("✗ 请先放卡") and "✓ 可借" in told[1] and told[2].startswith("✓ B0001 嘉兴府志")
    assert told[3].startswith("✗ 条码无法识别") and told[5] == "  B0001" and told[6] == "—"
    assert told[8].startswith("✓ B0001") and told[9].startswith("✗ B0001")
    assert (server.shelf.books["B0001"].lent, server.shelf.books["B0001"].returned) == (1, 1)


def test_a_slip_names_item_due_day_and_record(make: Make) -> None:
    desk = Desk(make(), lambda: (READER, "jiaxing"))
    assert desk.take("card")[0].startswith("读者 reader · ✓ 可借")
    desk.take("B0001")
    slip = desk.slip()
    assert slip is not None and layout(slip, 32) == [
        "    图书馆凭条 Library slip",
        "-" * 32,
        "借 B0001              2024-07-01",
        "-" * 32,
        "No. 00330401-1-1",
        "2024-06-01 09:30",
        "离线办理，以图书馆系统为准",
    ]
    assert desk.slip() is None and desk.reader is None


def test_a_key_file_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    assert smk("keys", tmp_path / "k.toml").exit_code == 0
    assert (tmp_path / "k.toml").stat().st_mode & 0o777 == 0o600
    before = (tmp_path / "k.toml").read_text()
    assert smk("keys", tmp_path / "k.toml").exit_code == 1
    assert (tmp_path / "k.toml").read_text() == before


@pytest.mark.parametrize("amount", ["0", "-1", "1.505", "x", "1e3"])
def test_an_amount_that_is_none_is_refused_before_anything_is_done(desk: tuple[Path, Server], amount: str) -> None:
    assert smk("fee", desk[0], "--card", READER, "--", amount).exit_code == 1


@pytest.mark.parametrize("name", ["library-city", "library-xiuzhou"])
def test_the_examples_are_good(name: str) -> None:
    loaded = parse((ROOT / "docs" / "examples" / f"{name}.toml").read_text("utf-8"))
    assert load_profile(loaded.library.profile).name == loaded.library.profile


def test_a_device_that_is_no_counter_and_a_profile_that_is_none_are_told_with_what_to_do(
    desk: tuple[Path, Server],
) -> None:
    file, _ = desk
    file.write_text(file.read_text("utf-8").replace('branch = "CITY"', 'branch = ""'), "utf-8")
    assert "set branch in [library]" in smk("queue", file).output
    with pytest.raises(ConfigError, match="evergreen"):
        load_profile("interlib")
