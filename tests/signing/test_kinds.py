"""Hot lists, settings, profiles and policies come the way of the tariff, each into force at its own moment."""

from dataclasses import replace
from datetime import date, datetime
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import hotfile
from config.durable import zipped
from config.errors import ConfigError
from config.hotdelta import build_delta
from config.hotlist import HotList
from config.model import Configuration, Hospital, HotListFile, Limits
from config.signing.contents import Entry
from config.store import load_configuration, load_hot_list, load_pack_files, sample
from terminal import box, packs, plan
from terminal.commands import selftest
from terminal.hospital.build import read_policy
from terminal.offering import offered
from terminal.packs import Turn, take_due
from tests.signing.offices import DECEMBER, NOW, OfficeRoom, refusal, take

TODAY = NOW.date()
CARD = "31400000000000000001"
OTHER = "31400000000000000002"


def listed(folder: Path, name: str, day: int, *cards: str) -> Path:
    """A mapped hot list of that November day."""
    path = folder / name
    made = HotList(date(2026, 11, day), [(card, 1) for card in cards])
    hotfile.write_list(path, made)
    return path


def delta(folder: Path, before: Path, after: Path) -> Path:
    """What leads from one to the other."""
    path = folder / f"{after.name}.delta"
    path.write_bytes(build_delta(hotfile.open_list(before), hotfile.open_list(after), hotfile.digest(after)))
    return path


def published(office: OfficeRoom, kind: str, place: Path, version: str = "") -> None:
    """The city's office signs it."""
    found = offered(kind, str(place), version, TODAY)  # type: ignore[arg-type]
    name = f"{found.version}{found.suffix}"
    entry = Entry(kind, found.version, found.in_force_from, name, "", found.before)  # type: ignore[arg-type]
    office.office().publish("city", "all", entry, found.raw)


@pytest.fixture
def listing(bus: Configuration, tmp_path: Path) -> Configuration:
    """A bus with a place for a hot list."""
    return replace(bus, hot_list=HotListFile(str(tmp_path / "hot.map")))


def test_a_hot_list_comes_whole_then_by_deltas_and_can_be_undone(
    office: OfficeRoom, listing: Configuration, tmp_path: Path
) -> None:
    path = Path(listing.hot_list.file)
    monday, tuesday = listed(tmp_path, "monday", 23, CARD), listed(tmp_path, "tuesday", 24, CARD, OTHER)
    published(office, "hotlist", monday)
    assert take(listing, office.repository)["20261123"] == "new"
    published(office, "hotlist-delta", delta(tmp_path, monday, tuesday))
    before = path.stat().st_ino
    assert take(listing, office.repository) == {"20261124": "new", "20261123": "in force", "jiaxing-2026.12": "waiting"}
    assert path.read_bytes() == tuesday.read_bytes() and path.stat().st_ino != before
    hotfile.roll_back(path)
    assert path.read_bytes() == monday.read_bytes()
    hotfile.roll_back(path)
    assert path.read_bytes() == tuesday.read_bytes()


def test_a_new_device_takes_the_whole_list_and_what_leads_on(
    office: OfficeRoom, listing: Configuration, tmp_path: Path
) -> None:
    days = [listed(tmp_path, f"day{nth}", nth, *([CARD, OTHER][: nth - 22])) for nth in (23, 24)]
    published(office, "hotlist", days[0])
    published(office, "hotlist-delta", delta(tmp_path, *days))
    take(listing, office.repository)
    assert load_hot_list(Path(listing.hot_list.file)).value.version == "20261124"


def test_a_delta_whose_result_is_another_is_refused(office: OfficeRoom, listing: Configuration, tmp_path: Path) -> None:
    path = Path(listing.hot_list.file)
    monday, tuesday = listed(tmp_path, "monday", 23, CARD), listed(tmp_path, "tuesday", 24, CARD, OTHER)
    leading = delta(tmp_path, monday, tuesday)
    hotfile.write_list(path, HotList(date(2026, 11, 23), [(CARD, 9)]))  # the same version, other cards
    before = path.read_bytes()
    published(office, "hotlist-delta", leading)
    assert "what comes out" in refusal(listing, office.repository, kind="hotlist")
    assert path.read_bytes() == before and not list(tmp_path.glob("hot.map.*"))


def test_the_issuers_text_is_taken_as_it_is(office: OfficeRoom, listing: Configuration, tmp_path: Path) -> None:
    text = tmp_path / "20261123_Black.txt"
    text.write_text(f"20261123000001\n{CARD}01\n", "ascii")
    published(office, "hotlist", text)
    take(listing, office.repository)
    assert load_hot_list(Path(listing.hot_list.file)).value.level(CARD) == 1


def test_a_configured_name_with_a_day_is_told(office: OfficeRoom, bus: Configuration, tmp_path: Path) -> None:
    dated = replace(bus, hot_list=HotListFile(str(tmp_path / "20261101_Black.txt")))
    published(office, "hotlist", listed(tmp_path, "monday", 23, CARD))
    assert "bears a day" in refusal(dated, office.repository, kind="hotlist")


def test_the_running_device_takes_the_new_list_between_two_taps(
    office: OfficeRoom, listing: Configuration, tmp_path: Path
) -> None:
    reloads: list[str] = []
    profiles = box.load_profiles(listing.cards.profiles)
    turn = Turn(listing, profiles, lambda: reloads.append("now"), lambda switch: None, lambda what, why: None)
    turn.take(TODAY)
    assert reloads == []
    published(office, "hotlist", listed(tmp_path, "monday", 23, CARD))
    take(listing, office.repository)
    turn.take(TODAY)
    turn.take(TODAY)
    assert reloads == ["now"]


def test_a_device_without_a_hot_list_takes_none(office: OfficeRoom, bus: Configuration, tmp_path: Path) -> None:
    published(office, "hotlist", listed(tmp_path, "monday", 23, CARD))
    assert take(bus, office.repository)["20261123"] == "unwanted"


DAYS = [f"202611{day:02}" for day in range(1, 8)]
ENTRIES = st.lists(
    st.builds(
        lambda kind, version, before: Entry(kind, version, TODAY, f"{kind}-{version}", "", before),
        st.sampled_from(["hotlist", "hotlist-delta"]),
        st.sampled_from(DAYS),
        st.sampled_from(DAYS),
    ),
    unique_by=lambda entry: entry.file,
    max_size=8,
)


@given(ENTRIES, st.sampled_from(["", *DAYS]))
def test_the_way_to_the_newest_list_is_whole_and_never_leads_back(entries: list[Entry], current: str) -> None:
    planned = plan.hot_lists(entries, current, TODAY)
    assert sorted(one.entry.file for one in planned) == sorted(entry.file for entry in entries)
    at = current
    for one in (one for one in planned if one.how == "new"):
        assert plan.age(one.entry.version) > plan.age(at)
        assert one.entry.kind == "hotlist" or one.entry.before == at
        at = one.entry.version
    wholes = [entry.version for entry in entries if entry.kind == "hotlist"]
    assert plan.age(at) >= max(map(plan.age, wholes), default=plan.age(""))


# settings, profiles, policy


def test_signed_settings_hold_over_the_devices_own_from_its_next_start_on(
    office: OfficeRoom, bus: Configuration, tmp_path: Path
) -> None:
    own = tmp_path / "terminal.toml"
    own.write_text(sample().replace('data = "/var/lib/smk"', f'data = "{bus.terminal.data}"'), "utf-8")
    given_ = tmp_path / "limits.toml"
    given_.write_text("[limits]\nunsent_hours = 24\n", "utf-8")
    published(office, "settings", given_, "2026.11")
    take(bus, office.repository)
    assert load_configuration(own).value.limits.unsent_hours == 72
    take_due(bus, packs.AT_A_START, TODAY)
    held = load_configuration(own).value
    assert held.limits == Limits(unsent_hours=24) and held.terminal.number == "00000001"
    packs.shelf_of(bus, "settings").change(lambda state: state.rolled_back())
    assert load_configuration(own).value.limits.unsent_hours == 72


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[terminal]\nnumber = "00000002"\n', "not in settings"),
        ("[packs]\ndevelopment = true\n", "not in settings"),
        ('[sync]\nbackend = ""\n', "not in settings"),
        ("[limits]\nunsent_hours = 0\n", "whole number"),
        ("[limits]\nunsent_huors = 1\n", "no such key"),
        ("limits = 3\n", "must be a table"),
    ],
)
def test_settings_that_reach_too_far_are_not_even_signed(tmp_path: Path, text: str, why: str) -> None:
    place = tmp_path / "settings.toml"
    place.write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=why):
        offered("settings", str(place), "2026.11", TODAY)


def test_signed_settings_that_do_not_fit_this_device_are_refused(office: OfficeRoom, bus: Configuration) -> None:
    raw = zipped({"settings.toml": b"[tap]\nrestart_repeat_s = 1\n"})
    office.office().publish("city", "all", Entry("settings", "2026.11", TODAY, "2026.11.zip"), raw)
    assert "repeat_s" in refusal(bus, office.repository, kind="settings")
    assert packs.shelf_of(bus).state().waiting, "and what else there was is taken"


def shipped(name: str) -> bytes:
    return (files("apdu") / "profiles" / f"{name}.toml").read_bytes()


def test_a_signed_profile_stands_before_the_shipped_one(office: OfficeRoom, bus: Configuration, tmp_path: Path) -> None:
    folder = tmp_path / "profiles"
    folder.mkdir()
    told = shipped("tunion").decode()
    changed = told.replace("version", "version", 1) + "\n# changed by the office\n"
    (folder / "tunion.toml").write_text(changed, "utf-8")
    published(office, "profiles", folder, "2026.11")
    take(bus, office.repository)
    take_due(bus, packs.AT_A_START, TODAY)
    active = packs.shelf_of(bus, "profiles").state().active
    assert active is not None and active.signed.startswith("city v")
    assert [one.name for one in box.profiles_of(bus)] == list(bus.cards.profiles)


@pytest.mark.parametrize("name", ["../x.toml", "tunion.txt"])
def test_profiles_under_other_names_are_refused(office: OfficeRoom, bus: Configuration, name: str) -> None:
    raw = zipped({name: shipped("tunion")})
    office.office().publish("city", "all", Entry("profiles", "2026.11", TODAY, "2026.11.zip"), raw)
    assert "name" in refusal(bus, office.repository, kind="profiles")


def test_profiles_that_no_device_can_read_are_refused(office: OfficeRoom, bus: Configuration) -> None:
    raw = zipped({"tunion.toml": b"name = 1"})
    office.office().publish("city", "all", Entry("profiles", "2026.11", TODAY, "2026.11.zip"), raw)
    assert "card profile" in refusal(bus, office.repository, kind="profiles")


def test_a_medical_policy_waits_for_its_day_at_a_counter_and_nowhere_else(
    office: OfficeRoom, bus: Configuration, tmp_path: Path
) -> None:
    counter = replace(bus, hospital=Hospital(reader="00 00", institution="H33040000001", keys="keys"))
    demo = load_pack_files("builtin:jiaxing-demo", "policies")
    version = read_policy(counter)[0].version
    folder = tmp_path / "policy"
    for name, raw in demo.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(raw.replace(version.encode(), b"jiaxing-2027"))
    published(office, "policy", folder)
    assert take(bus, office.repository)["jiaxing-2027"] == "unwanted"
    assert take(counter, office.repository)["jiaxing-2027"] == "new"
    assert read_policy(counter)[0].version == version
    take_due(counter, ("policy",), DECEMBER)
    assert read_policy(counter)[0].version == "jiaxing-2027"


def test_the_list_of_issuers_shows_in_the_self_test_what_is_open(
    office: OfficeRoom, bus: Configuration, tmp_path: Path
) -> None:
    place = tmp_path / "issuers.csv"
    place.write_text("issuer,change,day\n0400,added,2020-01-01\n3140,added,2020-01-01\n", "ascii")
    assert "as the list wants" in selftest._issuers(bus)
    published(office, "issuers", place)
    assert take(bus, office.repository)["20200101"] == "new"
    with pytest.raises(selftest.Doubtful, match=r"1 .*open, 1 .*overdue: 0400 .*to be accepted 2020-01-31"):
        selftest._issuers(bus)


def test_the_self_test_warns_of_what_is_past_its_end(
    office: OfficeRoom, bus: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Later(datetime):
        @classmethod
        def now(cls, tz: object = None) -> "Later":
            return cls.fromisoformat(told)

    monkeypatch.setattr(selftest, "datetime", Later)
    told = NOW.isoformat()
    assert "nothing loaded" in selftest._signatures(bus)
    take(bus, office.folder / "usb")
    assert "good until 2027-09-21" in selftest._signatures(bus)
    told = "2028-01-01T00:00:00+00:00"
    with pytest.raises(selftest.Doubtful, match="what is in force stays"):
        selftest._signatures(bus)
    with pytest.raises(selftest.Doubtful, match="development"):
        selftest._signatures(replace(bus, packs=replace(bus.packs, development=True)))
