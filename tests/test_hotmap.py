"""The mapped hot list and its deltas: the same answers as the list in memory, and no damage that is believed."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from config import blacklist, hotdelta, hotfile, hotmap
from config.blacklist import HotListFaults
from config.errors import ConfigError
from config.hotlist import City, HotList, Range, Version
from config.store import load_hot_list
from terminal.cli import main
from tests.test_hotlist import numbers

DAY = date(2026, 11, 24)
CARDS = {"31400000000012345678": 1, "31400000000012345679": 0, "33500000000000000007": 99}

entries = st.dictionaries(numbers, st.integers(0, 99), max_size=60)


@st.composite
def ranges(draw: st.DrawFn) -> tuple[Range, ...]:
    ends = sorted(draw(st.sets(numbers, max_size=6)))
    pairs = zip(ends[::2], ends[1::2], strict=False)
    return tuple(Range(low, high, draw(st.integers(0, 99))) for low, high in pairs)


def listed(cards: dict[str, int], stretches: tuple[Range, ...] = (), revision: int = 0) -> HotList:
    return HotList.of(Version(DAY, revision), HotList(DAY, cards.items()).cities, stretches)


def digest(raw: bytes) -> bytes:
    return raw[-hotmap.DIGEST_BYTES :]


@given(entries, ranges(), st.integers(0, 2**32 - 1), st.lists(numbers, max_size=40))
def test_a_mapped_list_answers_as_the_one_in_memory(
    cards: dict[str, int], stretches: tuple[Range, ...], revision: int, others: list[str]
) -> None:
    hot_list = listed(cards, stretches, revision)
    raw = hotmap.build(hot_list)
    hotmap.verify(memoryview(raw))
    mapped = hotmap.open_map(memoryview(raw))
    assert mapped == hot_list and hotmap.build(mapped) == raw
    for number in [*cards, *others]:
        covering = [each.level for each in stretches if each.low <= number <= each.high]
        assert mapped.level(number) == cards.get(number, covering[0] if covering else None)


@given(entries, entries, ranges())
def test_a_delta_makes_exactly_the_newer_list_of_the_older_one(
    before: dict[str, int], after: dict[str, int], stretches: tuple[Range, ...]
) -> None:
    assert_a_delta_makes(listed(before), listed(after, stretches, 1))


serials = st.integers(0, 99_999)


@settings(max_examples=15, deadline=None)
@given(st.sets(serials, max_size=40), st.dictionaries(serials, st.integers(0, 9), max_size=40))
def test_a_delta_makes_a_long_list_by_moving_its_index(dropped: set[int], put: dict[int, int]) -> None:
    cards = {3 * serial: 1 for serial in range(30_000)}
    changed = {serial: level for serial, level in (cards | put).items() if serial not in dropped}
    assert_a_delta_makes(*(listed_of_one_city(each, revision) for revision, each in enumerate((cards, changed))))


def listed_of_one_city(cards: dict[int, int], revision: int) -> HotList:
    return HotList.of(Version(DAY, revision), {"3140": City.of(cards.items())})


def assert_a_delta_makes(old: HotList, new: HotList) -> None:
    wanted = hotmap.build(new)
    delta = hotdelta.parse_delta(hotdelta.build_delta(old, new, digest(wanted)))
    sources = hotdelta.sources(old, delta)
    room = bytearray(hotmap.size(sources, hotdelta.ranges(delta)))
    made = hotmap.write(memoryview(room), hotdelta.version(delta), sources, hotdelta.ranges(delta))
    assert bytes(room) == wanted and made == digest(wanted)


@given(entries.filter(bool), st.data())
def test_no_changed_byte_of_a_mapped_list_is_believed(cards: dict[str, int], data: st.DataObject) -> None:
    raw = bytearray(hotmap.build(listed(cards)))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(HotListFaults):
        hotmap.verify(memoryview(raw))


@given(st.binary(max_size=300) | st.binary(max_size=200).map(lambda rest: hotmap.MAGIC + rest))
def test_any_bytes_are_a_list_or_refused(raw: bytes) -> None:
    try:
        list(hotmap.open_map(memoryview(raw)))
    except HotListFaults as wrong:
        assert wrong.faults


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_a_delta_or_refused_and_so_are_ranges(raw: bytes) -> None:
    for parse in (hotdelta.parse_delta, blacklist.parse_ranges):
        try:
            parse(raw)
        except HotListFaults as wrong:
            assert wrong.faults


@pytest.fixture
def smk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    monkeypatch.chdir(tmp_path)

    def run(*words: str, fails: bool = False) -> str:
        result = CliRunner().invoke(main, ["hotlist", *words])
        assert result.exit_code == int(fails), result.output
        return result.output

    return run


def write(day: date, cards: dict[str, int]) -> str:
    name = f"{day:%Y%m%d}_Black.txt"
    Path(name).write_bytes(blacklist.build(HotList(day, cards.items())))
    return name


def test_the_office_makes_a_delta_and_the_terminal_applies_it_and_keeps_the_list_before(
    smk: Callable[..., str],
) -> None:
    Path("lost.csv").write_text("31400000000099000000,31400000000099000999,1\n")
    smk("build", write(DAY, CARDS), "old.map")
    newer = {**CARDS, "31400000000012345680": 3}
    del newer["33500000000000000007"]
    smk("build", write(date(2026, 11, 25), newer), "new.map", "--ranges", "lost.csv")
    smk("delta", "old.map", "new.map", "day.delta")
    Path("device.map").write_bytes(Path("old.map").read_bytes())
    in_use = load_hot_list(Path("device.map")).value
    assert "20261125, 3 cards, 1 ranges" in smk("apply", "device.map", "day.delta")
    assert Path("device.map").read_bytes() == Path("new.map").read_bytes()
    assert Path("device.map.previous").read_bytes() == Path("old.map").read_bytes()
    assert dict(in_use) == CARDS  # who had the old one open goes on with it
    found = load_hot_list(Path("device.map")).value
    assert found.level("31400000000099000500") == 1 and found.level("31400000000099001000") is None
    again = smk("apply", "device.map", "day.delta", fails=True)
    assert "20261124" in again and "20261125" in again


@pytest.mark.parametrize(
    "harm, said",
    [
        (
            lambda text: text.replace('"put":[["31400000000012345680",3]]', '"put":[["31400000000012345680",4]]'),
            "what comes out",
        ),
        (
            lambda text: text.replace('"drop":["33500000000000000007"]', '"drop":["33500000000000000008"]'),
            "not on the list",
        ),
        (lambda text: text.replace('"after":"20261125"', '"after":"20261325"'), "does not exist"),
        (lambda text: text[:-5], "no delta"),
    ],
)
def test_a_delta_that_does_not_fit_changes_nothing(
    smk: Callable[..., str], harm: Callable[[str], str], said: str
) -> None:
    smk("build", write(DAY, CARDS), "device.map")
    newer = {**CARDS, "31400000000012345680": 3}
    del newer["33500000000000000007"]
    smk("build", write(date(2026, 11, 25), newer), "new.map")
    smk("delta", "device.map", "new.map", "day.delta")
    whole = Path("day.delta").read_text()
    Path("day.delta").write_text(harm(whole))
    assert Path("day.delta").read_text() != whole
    before = Path("device.map").read_bytes()
    assert said in smk("apply", "device.map", "day.delta", fails=True)
    assert Path("device.map").read_bytes() == before and sorted(Path().glob("device.map*")) == [Path("device.map")]


def test_a_list_damaged_on_the_disk_leaves_the_one_before_it_in_force(smk: Callable[..., str]) -> None:
    smk("build", write(DAY, CARDS), "device.map")
    smk("build", write(date(2026, 11, 25), {}), "device.map")
    raw = bytearray(Path("device.map").read_bytes())
    raw[0] ^= 1
    Path("device.map").write_bytes(raw)
    loaded = hotfile.load(Path("device.map"))
    assert loaded.alarm == "hot_list_not_taken" and loaded.trouble is not None
    assert dict(loaded.value) == CARDS
    assert "damaged" in str(loaded.trouble)


def test_a_pipe_in_a_lists_place_does_not_hang_the_device(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError):
        hotfile.open_list(tmp_path / "pipe")
