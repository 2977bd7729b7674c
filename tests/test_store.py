"""What the device was given, from its disk: bounded, and never worse than what was in force before."""

import os
import struct
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config import lastgood, limits
from config.errors import ConfigError
from config.files import unzipped
from config.lastgood import LastGood, with_last_good
from config.store import load_configuration, load_hot_list, load_pack_files, sample
from tests.cuts import Cut, cut_at

LIST = b"20250101000001\r\n3140000000001234567800\r\n"


def error_of(act: Callable[[], object]) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        act()
    error = caught.value
    assert error.zh and error.en and error.zh_do and error.en_do
    return error


@pytest.fixture
def good(tmp_path: Path) -> LastGood:
    return LastGood(tmp_path / "data" / "good")


@pytest.fixture
def settings_file(tmp_path: Path) -> Path:
    path = tmp_path / "terminal.toml"
    path.write_text(sample(), encoding="utf-8")
    return path


def pack_zip(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_relative_paths_count_from_the_configurations_folder(settings_file: Path) -> None:
    text = (
        sample()
        .replace('"/var/lib/smk"', '"data"')
        .replace("builtin:jiaxing", "packs/a.zip")
        .replace('file = ""', 'file = "b"')
    )
    settings_file.write_text(text, encoding="utf-8")
    loaded = load_configuration(settings_file)
    folder = settings_file.parent
    assert loaded.value.terminal.data == str(folder / "data")
    assert loaded.value.tariff.pack == str(folder / "packs/a.zip")
    assert loaded.value.hot_list.file == str(folder / "b")
    assert not loaded.alarm


def test_a_built_in_pack_and_no_hot_list_stay_as_they_are(settings_file: Path) -> None:
    value = load_configuration(settings_file).value
    assert (value.tariff.pack, value.hot_list.file) == ("builtin:jiaxing", "")


def test_faults_of_a_configuration_are_all_in_the_error_with_its_place(settings_file: Path) -> None:
    settings_file.write_text(sample().replace("poll_ms = 40", "poll_ms = 0").replace("repeat_s = 3", "repeat_s = 0"))
    error = error_of(lambda: load_configuration(settings_file))
    assert error.place == str(settings_file)
    assert "reader.poll_ms = 0" in error.text() and "tap.repeat_s = 0" in error.text() and "What to do" in error.text()
    assert "处理：" in error.text("zh") and "须为" in error.text("zh")


def test_text_in_another_encoding_is_told_with_its_line(settings_file: Path) -> None:
    settings_file.write_bytes(b"\n\n# " + "终端".encode("gbk"))
    assert "line 3" in error_of(lambda: load_configuration(settings_file)).text()


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    error = error_of(lambda: load_configuration(tmp_path / "none.toml"))
    assert "no such file" in error.en and "path" in error.en_do


def test_a_pipe_in_a_files_place_does_not_hang_the_device(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "regular" in error_of(lambda: load_hot_list(tmp_path / "pipe")).en
    error_of(lambda: load_hot_list(tmp_path))


def test_a_file_beyond_its_bound_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "list").write_bytes(LIST)
    monkeypatch.setattr("config.store.HOT_LIST_BYTES_MAX", len(LIST) - 1)
    assert "too large" in error_of(lambda: load_hot_list(tmp_path / "list")).en


def test_a_hot_list_whose_name_bears_another_date_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "20250102_Black.txt"
    path.write_bytes(LIST)
    assert "20250101" in error_of(lambda: load_hot_list(path)).text()
    assert load_hot_list(path.rename(tmp_path / "20250101_Black.txt")).value.count == 1


def test_a_damaged_hot_list_leaves_the_last_good_one_in_force(tmp_path: Path, good: LastGood) -> None:
    path = tmp_path / "black.txt"
    path.write_bytes(LIST)
    assert not load_hot_list(path, good).alarm
    path.write_bytes(LIST[:-3])
    loaded = load_hot_list(path, good)
    assert loaded.alarm == "hot_list_not_taken" and loaded.trouble is not None
    assert loaded.trouble.place == str(path) and "card" in loaded.trouble.text()
    assert loaded.value.version == "20250101"
    path.unlink()
    assert load_hot_list(path, good).value.version == "20250101"


def test_a_damaged_configuration_leaves_the_last_good_one_in_force(settings_file: Path, good: LastGood) -> None:
    first = load_configuration(settings_file, good)
    settings_file.write_text("[terminal", encoding="utf-8")
    loaded = load_configuration(settings_file, good)
    assert loaded.alarm == "configuration_not_taken" and loaded.value == first.value


def test_without_a_good_copy_the_inputs_own_error_is_told(settings_file: Path, good: LastGood) -> None:
    settings_file.write_text("[terminal", encoding="utf-8")
    assert error_of(lambda: load_configuration(settings_file, good)).place == str(settings_file)


def parsed(content: object) -> bytes:
    """A parser of one-file packs that refuses what begins with x."""
    assert isinstance(content, dict)
    raw = content["a"]
    assert isinstance(raw, bytes)
    if raw.startswith(b"x"):
        raise ValueError("begins with x")
    return raw


def test_a_damaged_copy_gives_way_to_the_one_before(good: LastGood) -> None:
    good.keep("pack", {"a": b"1"})
    good.keep("pack", {"a": b"2"})
    current = good.folder / "pack.current"
    current.write_bytes(current.read_bytes()[:-9])
    loaded = with_last_good("pack", "there", good, lambda: {"a": b"x"}, parsed)
    assert (loaded.value, loaded.alarm) == (b"1", "pack_not_taken")
    assert loaded.trouble is not None and "begins with x" in loaded.trouble.text()


def test_a_damaged_copy_never_takes_the_place_of_the_one_before(good: LastGood) -> None:
    good.keep("pack", {"a": b"1"})
    good.keep("pack", {"a": b"2"})
    (good.folder / "pack.current").write_bytes(b"")
    good.keep("pack", {"a": b"3"})
    assert list(good.generations("pack")) == [{"a": b"3"}, {"a": b"1"}]


def test_keeping_what_is_kept_writes_nothing(good: LastGood) -> None:
    good.keep("pack", {"a": b"1"})
    good.keep("pack", {"a": b"2"})
    good.keep("pack", {"a": b"2"})
    assert list(good.generations("pack")) == [{"a": b"2"}, {"a": b"1"}]


def test_a_copy_that_cannot_be_kept_is_told_and_the_input_is_in_force(tmp_path: Path) -> None:
    (tmp_path / "full").write_bytes(b"")
    loaded = with_last_good("pack", "there", LastGood(tmp_path / "full"), lambda: {"a": b"1"}, parsed)
    assert (loaded.value, loaded.alarm) == (b"1", "pack_not_kept")


@pytest.mark.parametrize("step", range(8))
def test_a_power_cut_at_any_step_leaves_a_whole_copy(
    good: LastGood, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    good.keep("pack", {"a": b"1"})
    good.keep("pack", {"a": b"2"})
    steps = ((lastgood, "zipped"), (os, "fsync"), (lastgood, "sync_folder"), (Path, "replace"), (Path, "mkdir"))
    cut_at(monkeypatch, step, steps)
    if step < 7:
        with pytest.raises(Cut):
            good.keep("pack", {"a": b"3"})
    else:
        good.keep("pack", {"a": b"3"})
    kept = [copy["a"] for copy in good.generations("pack")]
    assert kept[0] in (b"2", b"3") and sorted(kept, reverse=True) == kept


def test_a_copy_is_durable_before_it_takes_its_place(good: LastGood, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    synced, replaced = os.fsync, Path.replace

    def sync(handle: int) -> None:
        done.append("sync")
        synced(handle)

    def replace(path: Path, to: Path) -> Path:
        done.append(to.name)
        return replaced(path, to)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "replace", replace)
    good.keep("pack", {"a": b"1"})
    good.keep("pack", {"a": b"2"})
    assert done == ["sync", "pack.current", "sync", "sync", "pack.previous", "pack.current", "sync"]


def test_a_folder_and_a_zip_of_it_are_the_same_pack(tmp_path: Path) -> None:
    members = {"agency.txt": b"a", "2024/stops.txt": b"b", ".hidden": b"c", "__MACOSX/agency.txt": b"d"}
    for name, content in members.items():
        path = tmp_path / "pack" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    wanted = {"agency.txt": b"a", "2024/stops.txt": b"b"}
    assert load_pack_files(str(tmp_path / "pack")) == wanted
    assert load_pack_files(str(pack_zip(tmp_path / "pack.zip", members))) == wanted


def test_a_zip_made_of_a_folder_is_that_folders_pack(tmp_path: Path) -> None:
    path = pack_zip(tmp_path / "pack.zip", {"mine/agency.txt": b"a", "mine/2024/stops.txt": b"b"})
    assert load_pack_files(str(path)) == {"agency.txt": b"a", "2024/stops.txt": b"b"}


def test_a_built_in_pack_that_does_not_exist_names_those_that_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "packs" / "jiaxing").mkdir(parents=True)
    (tmp_path / "packs" / "jiaxing" / "a.txt").write_bytes(b"1")
    monkeypatch.setattr("config.store._DEFAULTS", tmp_path)
    assert load_pack_files("builtin:jiaxing") == {"a.txt": b"1"}
    assert "jiaxing" in error_of(lambda: load_pack_files("builtin:../packs/jiaxing")).en_do


@pytest.mark.parametrize(
    "name", ["../a", "/etc/passwd", "a/../../b", "a\\b", "C:a", "a//b", "a/./b", "x" * 200, "a\nb"]
)
def test_no_name_leads_out_of_a_pack(tmp_path: Path, name: str) -> None:
    path = pack_zip(tmp_path / "pack.zip", {name: b"1"})
    assert "name" in error_of(lambda: load_pack_files(str(path))).en


def test_a_link_in_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "a.txt").symlink_to("/etc/hostname")
    assert "link" in error_of(lambda: load_pack_files(str(tmp_path / "pack"))).en


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    linked = zipfile.ZipInfo("a.txt")
    linked.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "pack.zip", "w") as archive:
        archive.writestr(linked, "/etc/hostname")
    assert "link" in error_of(lambda: load_pack_files(str(tmp_path / "pack.zip"))).en


def test_a_zip_that_swells_is_stopped_at_the_bound_whatever_its_table_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.files.PACK_FILE_BYTES_MAX", 10_000)
    path = pack_zip(tmp_path / "pack.zip", {"a.txt": bytes(1_000_000)})
    assert "10000" in error_of(lambda: load_pack_files(str(path))).en
    raw = path.read_bytes()
    lying = raw.replace(struct.pack("<I", 1_000_000), struct.pack("<I", 100))
    assert lying != raw
    path.write_bytes(lying)
    error_of(lambda: load_pack_files(str(path)))


def test_the_files_of_a_pack_are_bounded_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    members = {f"{number}.txt": bytes(100) for number in range(20)}
    path = str(pack_zip(tmp_path / "pack.zip", members))
    (tmp_path / "pack").mkdir()
    for name, content in members.items():
        (tmp_path / "pack" / name).write_bytes(content)
    monkeypatch.setattr("config.files.PACK_BYTES_MAX", 1_999)
    for place in (path, str(tmp_path / "pack")):
        assert "too large" in error_of(lambda place=place: load_pack_files(place)).en  # type: ignore[misc]
    monkeypatch.setattr("config.files.PACK_FILES_MAX", 19)
    monkeypatch.setattr("config.files.PACK_BYTES_MAX", 2_000)
    for place in (path, str(tmp_path / "pack")):
        assert "too many" in error_of(lambda place=place: load_pack_files(place)).en  # type: ignore[misc]


def test_an_unusual_method_of_packing_is_refused(tmp_path: Path) -> None:
    path = pack_zip(tmp_path / "pack.zip", {"a.txt": b"1"}, zipfile.ZIP_LZMA)
    assert "deflate" in error_of(lambda: load_pack_files(str(path))).en


def whole_zip() -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("agency.txt", b"agency_id,agency_name\n1,Jiaxing\n" * 5)
        archive.writestr("2024/stops.txt", b"stop_id\n")
    return buffer.getvalue()


WHOLE = whole_zip()


@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=6), st.integers(0, len(WHOLE)))
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=300)
def test_any_damage_to_a_zip_gives_its_files_or_an_error(changes: list[tuple[int, int]], length: int) -> None:
    raw = bytearray(WHOLE)
    for place, byte in changes:
        raw[place] = byte
    for damaged in (bytes(raw), bytes(raw[:length])):
        try:
            found = unzipped(damaged, "pack.zip", 1_000, 2_000)
        except ConfigError:
            continue
        assert sum(map(len, found.values())) <= 2_000
        assert all(".." not in name.split("/") and not name.startswith("/") for name in found)


def test_the_bounds_of_the_room_hold_one_another() -> None:
    assert limits.PACK_FILE_BYTES_MAX <= limits.PACK_BYTES_MAX <= limits.GENERATION_BYTES_MAX
    assert limits.HOT_LIST_BYTES_MAX <= limits.GENERATION_BYTES_MAX
    assert len(sample().encode()) * 4 < limits.CONFIGURATION_BYTES_MAX
    assert len("2024/fare_leg_join_rules.txt") <= limits.PACK_NAME_MAX
