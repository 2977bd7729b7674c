"""The entitlement store: sealed, found by a keyed hash, changed whole or not at all."""

import gzip
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.entitlements import (
    BadDelta,
    Entitlements,
    Listed,
    ListName,
    Person,
    Told,
    build_delta,
    place,
    read_delta,
)
from sync.errors import StoreTrouble
from sync.vault import BadVault, Sealed, Unsealable, Vault, new_key_file
from tests.bench.entitlements import store as benchmark

AT = "2026-11-24T02:00:00+08:00"
VAULT = Vault({"k1": bytes(range(32))})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Entitlements]:
    opened = Entitlements(tmp_path / "entitlements.db", VAULT)
    yield opened
    opened.close()


def person(number: str, value: bytes, version: int) -> Person:
    ref = VAULT.ref("person", number)
    sealed = VAULT.seal(value, place(ref, version))
    return Person(ref, version, sealed.key, b64encode(sealed.data).decode())


def whole(version: int, **values: bytes) -> bytes:
    return build_delta("insured", 0, version, AT, [person(name, value, version) for name, value in values.items()])


def test_a_person_is_found_by_the_number_and_nobody_else_is(store: Entitlements) -> None:
    store.apply(whole(1, zhang=b"employee", li=b"resident"))
    assert store.find(VAULT.ref("person", "zhang")) == b"employee"
    assert store.find(VAULT.ref("person", "wang")) is None
    assert store.find(VAULT.ref("employer", "zhang")) is None
    assert store.count() == 2 and store.told("insured") == Told(1, AT)


def test_neither_numbers_nor_values_lie_readable_in_the_file(store: Entitlements, tmp_path: Path) -> None:
    store.apply(whole(1, **{"33041119700101001X": b"zhang sanfeng, employee"}))
    store.close()
    raw = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"33041119700101001X" not in raw and b"sanfeng" not in raw


def test_a_delta_changes_adds_and_removes(store: Entitlements) -> None:
    store.apply(whole(1, zhang=b"one", li=b"two"))
    gone = Person(VAULT.ref("person", "li"), 2, "", "")
    store.apply(build_delta("insured", 1, 2, AT, [person("zhang", b"three", 2), person("wang", b"four", 2), gone]))
    assert [store.find(VAULT.ref("person", name)) for name in ("zhang", "wang", "li")] == [b"three", b"four", None]


def test_of_two_that_take_lists_at_once_the_older_one_does_not_win(
    store: Entitlements, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.apply(whole(4, zhang=b"four"))
    newer = build_delta("insured", 4, 6, AT, [person("zhang", b"six", 6)])
    slow = Entitlements(tmp_path / "entitlements.db", VAULT)
    seen = slow.told

    def meanwhile(name: ListName) -> Told:
        found = seen(name)
        store.apply(newer)
        return found

    monkeypatch.setattr(slow, "told", meanwhile)
    with pytest.raises(StoreTrouble, match="another list"):
        slow.apply(whole(5, zhang=b"five"))
    slow.close()
    assert store.told("insured").version == 6 and store.find(VAULT.ref("person", "zhang")) == b"six"


@pytest.mark.parametrize("at", ["2026-11-24", "2026-11-24T02:00:00", ""])
def test_a_list_without_a_time_that_can_be_compared_is_not_taken(store: Entitlements, at: str) -> None:
    store.apply(whole(4, zhang=b"four"))
    with pytest.raises(BadDelta):
        store.apply(build_delta("insured", 4, 6, at, [person("zhang", b"six", 6)]))
    assert store.told("insured") == Told(4, AT) and store.told("insured").age_seconds(datetime.now(UTC)) is not None


def test_the_three_lists_have_versions_and_ages_of_their_own(store: Entitlements) -> None:
    ref = VAULT.ref("employer", "factory")
    store.apply(build_delta("employer", 0, 7, AT, [Listed(ref, 3)]))
    store.apply(build_delta("person", 0, 3, "2026-11-23T02:00:00+08:00", []))
    assert store.level("employer", ref) == 3 and store.level("person", ref) == 0
    now = datetime(2026, 11, 23, 19, 0, tzinfo=UTC)
    assert store.told("employer").age_seconds(now) == 3_600
    assert store.told("person").age_seconds(now) == 25 * 3_600
    assert store.told("topup").age_seconds(now) is None
    store.apply(build_delta("employer", 7, 8, AT, [Listed(ref, 0)]))
    assert store.level("employer", ref) == 0


@pytest.mark.parametrize("since, version", [(0, 1), (0, 2), (1, 3), (3, 4), (2, 2)])
def test_a_delta_that_does_not_follow_is_refused_and_changes_nothing(
    store: Entitlements, since: int, version: int
) -> None:
    store.apply(whole(2, zhang=b"here"))
    with pytest.raises(BadDelta):
        store.apply(build_delta("insured", since, version, AT, [person("zhang", b"other", version)]))
    assert store.find(VAULT.ref("person", "zhang")) == b"here" and store.told("insured").version == 2


def test_a_bad_line_in_the_middle_leaves_all_as_it_was(store: Entitlements) -> None:
    store.apply(whole(1, zhang=b"here"))
    good, bad = person("li", b"new", 2), Person("f" * 32, 2, "k1", "not base64!")
    with pytest.raises(BadDelta):
        store.apply(build_delta("insured", 0, 2, AT, [good, bad]))
    assert store.count() == 1 and store.find(VAULT.ref("person", "zhang")) == b"here"


SOUND = whole(1, zhang=b"here")


@given(st.integers(10, len(SOUND) - 1), st.integers(1, 255))
def test_a_damaged_delta_is_refused(at: int, change: int) -> None:
    raw = bytearray(SOUND)
    raw[at] ^= change
    with pytest.raises(BadDelta):
        read_delta(bytes(raw))


def test_a_person_of_an_older_version_does_not_come_back_with_a_newer_delta(store: Entitlements) -> None:
    old = person("zhang", b"old", 1)
    store.apply(build_delta("insured", 0, 1, AT, [old]))
    store.apply(build_delta("insured", 1, 2, AT, [person("zhang", b"new", 2)]))
    with pytest.raises(BadDelta, match="another version"):
        store.apply(build_delta("insured", 2, 3, AT, [old]))
    assert store.find(VAULT.ref("person", "zhang")) == b"new"


@given(st.binary(max_size=200))
def test_any_bytes_are_a_delta_or_refused(raw: bytes) -> None:
    for packed in (raw, gzip.compress(raw)):
        with pytest.raises(BadDelta):
            read_delta(packed)


def test_a_value_moved_to_another_person_or_kept_from_an_older_list_does_not_open(
    store: Entitlements, tmp_path: Path
) -> None:
    store.apply(whole(1, zhang=b"one", li=b"two"))
    store.close()
    zhang, li = (bytes.fromhex(VAULT.ref("person", name)) for name in ("zhang", "li"))
    with apsw.Connection(str(tmp_path / "entitlements.db")) as file:
        sealed = file.execute("SELECT sealed FROM insured WHERE ref = ?", (zhang,)).get
        file.execute("UPDATE insured SET sealed = ? WHERE ref = ?", (sealed, li))
        file.execute("UPDATE insured SET version = 2 WHERE ref = ?", (zhang,))
    again = Entitlements(tmp_path / "entitlements.db", VAULT)
    for name in ("zhang", "li"):
        with pytest.raises(Unsealable):
            again.find(VAULT.ref("person", name))
    again.close()


def test_another_programs_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"not a database at all, but long enough to be looked at" * 20)
    with pytest.raises(StoreTrouble):
        Entitlements(tmp_path / "x.db", VAULT)
    with apsw.Connection(str(tmp_path / "y.db")) as file:
        file.execute("PRAGMA application_id=5")
    with pytest.raises(StoreTrouble, match="another program"):
        Entitlements(tmp_path / "y.db", VAULT)


# The vault


def test_a_new_key_file_opens_what_it_sealed_and_a_stranger_does_not(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(new_key_file("2026-11-24"), "utf-8")
    vault = Vault.read(path)
    text = vault.seal_text("张三".encode(), "00000001|1|7|bill")
    assert vault.open_text(text, "00000001|1|7|bill").decode() == "张三"
    for other, where in ((vault, "00000001|1|8|bill"), (VAULT, "00000001|1|7|bill")):
        with pytest.raises(Unsealable):
            other.open_text(text, where)


def test_after_a_change_of_keys_old_values_open_and_persons_keep_their_references() -> None:
    old, new = Vault({"a": b"1" * 32}), Vault({"b": b"2" * 32, "a": b"1" * 32})
    assert new.open_text(old.seal_text(b"x", "p"), "p") == b"x"
    assert new.seal(b"x", "p").key == "b"
    assert new.ref("person", "1") == old.ref("person", "1")


@given(st.text(max_size=60))
def test_any_text_opens_or_is_unsealable(text: str) -> None:
    with pytest.raises(Unsealable):
        VAULT.open_text(text, "place")
    with pytest.raises(Unsealable):
        VAULT.open(Sealed("k1", text.encode()), "place")


@pytest.mark.parametrize("text", ["", "[personal]\n", '[personal]\nk = "00"\n', "[personal]\nk = 3\n", "\x00", "[x"])
def test_a_key_file_with_a_fault_is_refused_without_showing_a_key(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(BadVault):
        Vault.read(path)


def test_the_benchmark_measures_a_lookup_and_a_delta(tmp_path: Path) -> None:
    lookup, delta = benchmark(tmp_path, insured=300, changed=30)
    assert (lookup.limit, lookup.unit, delta.limit, delta.unit) == (1.0, "ms", 10.0, "s")
    assert lookup.measured > 0 and delta.measured > 0
