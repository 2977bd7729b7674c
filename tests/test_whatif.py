"""What a new pack changes is told whole, and a replay adds up to the fen."""

from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.journal import Journal
from sync.record import decode
from tariffs.pack import Pack, parse_pack
from tariffs.verdict import Reason
from terminal.whatif.cast import cast, group_of, names
from terminal.whatif.changes import Change, Place, changes, compared_places, days
from terminal.whatif.day import generated
from terminal.whatif.journal import taps_of
from terminal.whatif.pairs import TOTAL, Pair, changes_by_person, sums
from terminal.whatif.replay import WEEK, Tapped, as_taken, moved, paid, paired, replay
from tests.bus import Bus, card, driver
from tests.chips import ISSUER_SHANGHAI, profiles
from tests.test_pack import pack_files

DAY = date(2026, 12, 1)
OLD = parse_pack(pack_files("jiaxing"))
FLAT = parse_pack(pack_files("jiaxing-flat"))
FROM_DAY = ("pack.toml", "in_force_from = { value = 2022-01-01", f"in_force_from = {{ value = {DAY}")


def pack(*edits: tuple[str, str, str]) -> Pack:
    """The Jiaxing pack from DAY on, with texts replaced."""
    files = pack_files("jiaxing")
    for file, old, new in (FROM_DAY, *edits):
        assert old.encode() in files[file], old
        files[file] = files[file].replace(old.encode(), new.encode())
    return parse_pack(files)


DEARER = pack(("fare_products.txt", "adult,card,1.00", "adult,card,1.20"))
SHORTER = pack(("fare_transfer_rules.txt", "18000", "3600"))


def told(found: list[Change]) -> list[tuple[str, str, int | None, int | None]]:
    return [(change.rider.group, change.journey.en, change.old.fen, change.new.fen) for change in found]


# what changes


def test_a_pack_changes_nothing_against_itself() -> None:
    assert changes(OLD, pack()) == []


def test_a_dearer_class_is_told_once_for_the_ride_and_for_what_follows_from_it() -> None:
    found = changes(OLD, DEARER)
    assert told(found) == [("ordinary", "one ride", 100, 120)]
    assert (found[0].first, found[0].places, found[0].hours) == (DAY, (Place("1"), Place("3")), ())


def test_a_shorter_window_shows_in_the_journey_that_it_cuts() -> None:
    assert set(told(changes(OLD, SHORTER))) == {
        (group, "change of bus after 2 h", 0, fen) for group in ("ordinary", "student", "senior") for fen in (100, 300)
    }


def test_a_class_that_is_no_longer_served_is_told_with_its_reason() -> None:
    found = changes(OLD, FLAT)
    gone = [change for change in found if change.rider.group == "student"]
    assert gone and all(change.new.fen is None and change.new.reason is Reason.CLASS_NOT_SERVED for change in gone)


def test_an_edition_that_takes_force_later_is_told_from_its_own_day() -> None:
    files = pack_files("jiaxing")
    start = files["classes.toml"].index(b'[[classes]]\nid = "student"')
    student = files["classes.toml"][start : files["classes.toml"].index(b"[[classes]]", start + 1)]
    later = student.replace(b"2017-01-01", b"2027-09-01").replace(b'value = "student"', b'value = "adult"')
    files["classes.toml"] += later.replace(b'"full_fare"', b'"refuse"')
    found = changes(OLD, parse_pack(files))
    assert {(change.rider.group, change.first) for change in found} == {("student", date(2027, 9, 1))}
    assert ("student", "again on the same bus", 200, None) in told(found)


def test_days_before_the_new_pack_are_not_its_business() -> None:
    assert days(OLD, DEARER)[0] == DAY and days(OLD, DEARER) == sorted(days(OLD, DEARER))


def test_every_class_and_family_is_in_the_cast_and_has_a_name() -> None:
    riders = cast((OLD, FLAT), DAY)
    groups = [rider.group for rider in riders]
    assert sorted(groups) == sorted({*OLD.local, *OLD.visiting}) and set(groups) == set(names((OLD,)))
    assert all(group_of(rider.wallet, OLD, DAY) == rider.group for rider in riders)


def test_of_very_many_routes_each_network_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("terminal.whatif.changes.PLACES_COMPARED_MAX", 2)
    assert {place.route for place in compared_places([OLD])} == {"1", "boat"}


def test_a_fare_that_depends_on_the_stop_is_compared_at_a_stop_of_each_kind() -> None:
    def by_stop(suburb: bytes) -> Pack:
        files = pack_files("jiaxing")
        files["stops.txt"] = b"stop_id\na\nb\nc\nd\n"
        files["areas.txt"] = b"area_id\ncentre\nsuburb\n"
        files["stop_areas.txt"] = b"area_id,stop_id\ncentre,a\ncentre,b\nsuburb,c\nsuburb,d\n"
        files["fare_leg_rules.txt"] = (
            b"leg_group_id,network_id,from_area_id,fare_product_id\n"
            b"city,city,centre,city_single\ncity,city,suburb,%s\nboat,boat,,boat_single\n" % suburb
        )
        return parse_pack(files)

    found = changes(by_stop(b"city_single"), by_stop(b"boat_single"))
    assert found and {place.route for change in found for place in change.places} == {"1", "3"}
    assert {place.stop for change in found for place in change.places} <= {"c", "d"}
    assert ("ordinary", "one ride", 100, 300) in told(found)


# the replay


def day(riders: int = 300, seed: int = 3) -> list[Tapped]:
    return generated(cast((OLD, DEARER), DAY), [Place("1"), Place("3"), Place("boat")], DAY, riders, seed)


def test_a_generated_day_is_the_same_for_the_same_seed_and_in_order() -> None:
    assert day() == day() != day(seed=4)
    moments = [tap.at for tap in day()]
    assert moments == sorted(moments) and {moment.date() for moment in moments} == {DAY}
    assert {tap.wallet.card_class for tap in day()} >= {"ordinary", "student", "senior_free"}


def test_a_replay_under_the_same_pack_changes_nobodys_fare() -> None:
    pairs = paired(day(), OLD, pack())
    assert all(pair.old == pair.new for pair in pairs) and any(pair.old == 0 for pair in pairs)


def test_a_replay_lets_each_card_remember_its_own_rides() -> None:
    reasons = Counter(verdict.reason for verdict in replay(day(), OLD))
    assert reasons[Reason.TRANSFER] > 10 and reasons[Reason.GROUP] + reasons[Reason.REPEAT_FULL_FARE] > 3


def test_only_those_whose_fare_rises_pay_more() -> None:
    found = {one.group: one for one in sums(paired(day(), OLD, DEARER))}
    assert found["ordinary"].more and not found["ordinary"].less
    for group in set(found) - {"ordinary", TOTAL}:
        assert found[group].fen_new == found[group].fen_old and not found[group].more


PAIRS = st.lists(
    st.builds(
        Pair,
        st.sampled_from(["a", "b"]),
        st.sampled_from(["p", "q", "r"]),
        st.none() | st.integers(0, 500),
        st.none() | st.integers(0, 500),
    ),
    max_size=40,
)


@given(PAIRS)
def test_sums_conserve_every_fen_and_every_case(pairs: list[Pair]) -> None:
    *groups, total = sums(pairs)
    assert total.group == TOTAL
    for name in ("cases_old", "cases_new", "gone", "come", "fen_old", "fen_new"):
        assert getattr(total, name) == sum(getattr(group, name) for group in groups)
    assert total.cases_new - total.cases_old == total.come - total.gone
    lost = sum(pair.old or 0 for pair in pairs if pair.new is None)
    won = sum(pair.new or 0 for pair in pairs if pair.old is None)
    assert total.fen_new - total.fen_old == sum(changes_by_person(pairs).values()) + won - lost
    assert total.more + total.less + total.same == len(changes_by_person(pairs))


def test_taps_move_by_whole_weeks_with_their_cards() -> None:
    taps = [tap for tap in day() if tap.ask.trip_began_at]
    later = moved(taps, DAY + timedelta(days=10))
    assert later[0].at.date() == DAY + 2 * WEEK and later[0].at.weekday() == taps[0].at.weekday()
    assert moved(taps, DAY) == taps and moved([], DAY) == []
    began, before = later[0].ask.trip_began_at, taps[0].ask.trip_began_at
    assert began is not None and before is not None and began - before == 2 * WEEK
    assert [paid(one) for one in replay(later, OLD)] == [paid(one) for one in replay(taps, OLD)]


# out of a journal


@pytest.fixture
def bus(tmp_path: Path) -> Bus:
    """A bus that served a student twice, a visitor, a free card, a transfer, and a card that was torn."""
    made = Bus(tmp_path)
    made.tap(driver())
    student, free, ordinary = card(1, main_type="10"), card(2, main_type="20"), card(3)
    visitor = card(4, kind="tunion", city="2900", issuer=ISSUER_SHANGHAI)
    for rider in (student, free, ordinary, visitor):
        made.later(seconds=20)
        assert made.tap(rider).served
    made.later(seconds=30)
    made.tap(student)
    made.later(seconds=30)
    made.tap_torn_at_debit(card(5), executed=False)
    made.later(minutes=40)
    made.tap(driver())
    made.later(seconds=10)
    made.tap(driver())
    made.later(seconds=10)
    assert made.tap(ordinary).reason is Reason.TRANSFER
    return made


def taps(journal: Journal) -> list[Tapped]:
    rows = [decode(stored.raw) for stored in journal.rows(0, 10_000, 10_000_000)]
    return taps_of(rows, {profile.name: profile for profile in profiles()})


def test_the_pack_that_was_in_force_asks_what_was_taken(bus: Bus) -> None:
    found = taps(bus.journal)
    assert [tap.taken for tap in found] == [100, 0, 100, 200, 200, 0]
    assert as_taken(found, OLD) == len(found)
    assert as_taken(found, DEARER) < len(found)


def test_a_draft_that_nobody_proved_is_no_ride(bus: Bus) -> None:
    assert len(bus.held()) == len(taps(bus.journal)) + 1
