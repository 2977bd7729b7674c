"""The shelf of packs: one in force at any moment, the one before it kept, and none of them changed on the way."""

import fcntl
import os
import tempfile
import threading
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import durable, shelf
from config.editions import Edition, State
from config.errors import ConfigError
from config.limits import EDITIONS_WAITING_MAX
from config.shelf import Shelf
from tests.cuts import Cut, cut_at
from tests.test_store import error_of

TODAY = date(2026, 12, 1)
DAY = timedelta(days=1)


def edition(name: str, first: date = TODAY) -> Edition:
    return Edition(name, first, name.encode().hex().ljust(64, "0"))


def loaded(*names: str) -> State:
    state = State()
    for name in names:
        state = state.loaded(edition(name))
    return state


@pytest.fixture
def kept(tmp_path: Path) -> Shelf:
    """A shelf with pack a in force and b waiting."""
    made = Shelf(tmp_path / "packs" / "tariff")
    for name in ("a", "b"):
        made.load({"pack.toml": name.encode()}, name, TODAY)
    made.change(lambda state: state.switched(state.find("a").edition))
    return made


def active_files(of: Shelf) -> dict[str, bytes]:
    active = of.state().active
    assert active is not None
    return of.files(active)


# what holds


def test_a_loaded_pack_waits_and_nothing_else_changes() -> None:
    state = loaded("a")
    assert state.active is None and state.due(TODAY + 365 * DAY) is None


def test_an_ordered_pack_is_due_on_its_day_and_not_before() -> None:
    state = loaded("a").ordered("a", TODAY)
    assert state.due(TODAY - DAY) is None
    assert state.due(TODAY) == state.due(TODAY + DAY) == edition("a")


def test_of_several_due_packs_the_latest_day_wins_and_overtakes_the_others() -> None:
    state = loaded("a", "b", "c").ordered("a", TODAY + DAY).ordered("b", TODAY).ordered("c", TODAY + 9 * DAY)
    assert state.due(TODAY + DAY) == edition("a")
    after = state.switched(edition("a"))
    assert [one.edition.version for one in after.waiting] == ["c"]


def test_no_order_is_earlier_than_the_packs_own_first_day() -> None:
    assert "holds from" in error_of(lambda: loaded("a").ordered("a", TODAY - DAY)).en


def test_the_displaced_pack_is_kept_and_a_rollback_is_undone_by_another() -> None:
    state = loaded("a", "b").switched(edition("a")).switched(edition("b"))
    back = state.rolled_back()
    assert (back.active, back.previous) == (edition("a"), edition("b"))
    assert back.rolled_back() == state


def test_from_the_first_pack_one_rolls_back_to_what_the_configuration_names() -> None:
    assert loaded("a").switched(edition("a")).rolled_back().active is None
    assert "no edition to go back to" in error_of(lambda: loaded("a").rolled_back()).en


def test_one_version_never_names_two_contents() -> None:
    other = Edition("a", TODAY, "f" * 64)
    for state in (loaded("a"), loaded("a").switched(edition("a"))):
        assert "version" in error_of(lambda state=state: state.loaded(other)).en  # type: ignore[misc]
        assert state.loaded(edition("a")) == state


def test_the_shelf_has_an_end() -> None:
    state = loaded(*map(str, range(EDITIONS_WAITING_MAX)))
    assert "drop" in error_of(lambda: state.loaded(edition("one more"))).en_do
    assert state.dropped("3").loaded(edition("one more"))


def test_an_unknown_version_is_told_with_those_there_are() -> None:
    assert "a, b" in error_of(lambda: loaded("a", "b").find("c")).en


STEPS: list[Callable[[State, str, date], State]] = [
    lambda state, name, day: state.loaded(edition(name)),
    lambda state, name, day: state.ordered(name, day),
    lambda state, name, day: state.dropped(name),
    lambda state, name, day: state.rolled_back(),
    lambda state, name, day: state if (due := state.due(day)) is None else state.switched(due),
]


@given(st.lists(st.tuples(st.sampled_from(STEPS), st.sampled_from("abc"), st.integers(0, 3)), max_size=30))
def test_whatever_is_done_a_pack_is_in_force_or_waits_and_never_both(
    steps: list[tuple[Callable[[State, str, date], State], str, int]],
) -> None:
    state = State()
    for step, name, days in steps:
        try:
            after = step(state, name, TODAY + days * DAY)
        except ConfigError:
            continue
        if after.active != state.active:  # a switch is the one way in, and what it displaced is kept
            assert after.previous == state.active
        state = after
        names = [one.version for one in state]
        assert len(set(names)) == len(names)


# on the disk


def test_a_pack_is_read_back_byte_for_byte(kept: Shelf) -> None:
    assert active_files(kept) == {"pack.toml": b"a"}
    assert kept.files(kept.state().find("b").edition) == {"pack.toml": b"b"}


def test_a_copy_that_was_altered_is_refused_and_loading_it_again_mends_it(kept: Shelf) -> None:
    waiting = kept.state().find("b").edition
    copy = kept.folder / f"{waiting.sha256}.zip"
    copy.write_bytes(copy.read_bytes().replace(b"b", b"c"))
    assert "not those that were loaded" in error_of(lambda: kept.files(waiting)).en
    kept.load({"pack.toml": b"b"}, "b", TODAY)
    assert kept.files(waiting) == {"pack.toml": b"b"}


def test_a_damaged_state_is_told_with_what_to_do(kept: Shelf) -> None:
    for damaged in (b"{", b"[]", b'{"active":1}', b"\xff"):
        (kept.folder / "state.json").write_bytes(damaged)
        assert "remove this file" in error_of(kept.state).en_do


@given(st.lists(st.tuples(st.integers(0, 400), st.binary(min_size=1, max_size=3)), max_size=5), st.integers(0, 400))
def test_any_damage_to_the_state_is_a_state_or_an_error(changes: list[tuple[int, bytes]], length: int) -> None:
    whole = msgspec.json.encode(loaded("a", "b").ordered("b", TODAY).switched(edition("a")))
    with tempfile.TemporaryDirectory() as folder:
        damaged = bytearray(whole)
        for place, raw in changes:
            damaged[place : place + len(raw)] = raw
        for content in (bytes(damaged), bytes(damaged[:length]), b"[" * length):
            (Path(folder) / "state.json").write_bytes(content)
            try:
                assert isinstance(Shelf(Path(folder)).state(), State)
            except ConfigError as wrong:
                assert wrong.zh and wrong.en_do


def test_copies_that_nothing_names_are_removed(kept: Shelf) -> None:
    for name in ("c", "d"):
        kept.load({"pack.toml": name.encode()}, name, TODAY)
        kept.change(lambda state, name=name: state.switched(state.find(name).edition))  # type: ignore[misc]
    left = {path.stem for path in kept.folder.glob("*.zip")}
    assert left == {one.sha256 for one in kept.state()} and len(left) == 3


def test_the_mark_changes_with_the_state_alone(kept: Shelf) -> None:
    mark = kept.mark()
    assert Shelf(kept.folder).mark() == mark is not None
    kept.change(lambda state: state.ordered("b", TODAY))
    assert kept.mark() != mark
    assert Shelf(kept.folder / "none").mark() is None


@pytest.mark.parametrize("step", range(12))
def test_a_power_cut_at_any_step_of_a_switch_leaves_the_old_pack_or_the_new_one(
    kept: Shelf, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    with monkeypatch.context() as cut:
        cut_at(cut, step, ((os, "fsync"), (durable, "sync_folder"), (Path, "replace"), (Path, "unlink")))
        for act in (
            lambda: kept.load({"pack.toml": b"c"}, "c", TODAY),
            lambda: kept.change(lambda state: state.switched(state.find("c").edition)),
        ):
            try:
                act()
            except (Cut, ConfigError):
                break
    assert active_files(kept) in ({"pack.toml": b"a"}, {"pack.toml": b"c"})
    for one in kept.state():
        assert kept.files(one)
    kept.load({"pack.toml": b"c"}, "e", TODAY + DAY)  # and the shelf goes on


def test_a_new_pack_is_durable_before_the_state_names_it(kept: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    replace = durable.replace_durably

    def noted(path: Path, raw: bytes) -> None:
        replace(path, raw)
        done.append(path.suffix)

    monkeypatch.setattr(shelf, "replace_durably", noted)
    kept.load({"pack.toml": b"c"}, "c", TODAY)
    assert done == [".zip", ".json"]


def test_a_full_disk_leaves_what_holds(kept: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    before = kept.state()
    monkeypatch.setattr(os, "fsync", full)
    assert "No space" in error_of(lambda: kept.load({"pack.toml": b"c"}, "c", TODAY)).en
    assert "free space" in error_of(lambda: kept.change(State.rolled_back)).en_do
    assert kept.state() == before


def test_a_command_that_hangs_does_not_stop_the_device(kept: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "SHELF_LOCK_S", 0.05)
    with (kept.folder / "lock").open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert "another smk pack command" in error_of(lambda: kept.change(State.rolled_back)).en
    assert kept.change(State.rolled_back).active is None


def test_changes_from_several_places_do_not_lose_one_another(tmp_path: Path) -> None:
    folder = tmp_path / "tariff"
    names = [f"v{nth}" for nth in range(12)]
    threads = [
        threading.Thread(target=lambda name=name: Shelf(folder).load({"a": name.encode()}, name, TODAY))
        for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.version for one in Shelf(folder).state()) == sorted(names)
