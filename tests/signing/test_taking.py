"""What the office signs is taken, whole and on its day; nothing else is."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tuf.api.metadata import Metadata, Timestamp

from config.editions import Edition, State
from config.model import Configuration
from config.signing.contents import Entry
from config.signing.fetch import fetcher
from tariffs.pack import Pack
from terminal import box, packs, plan, signed
from terminal.faces.words import status_line
from terminal.mode import Mode
from tests.signing.offices import DAY, DECEMBER, NOW, OfficeRoom, device, refusal, take


def test_a_signed_pack_waits_for_its_day_and_tells_who_signed_it(office: OfficeRoom, bus: Configuration) -> None:
    found = signed.inspect(bus, str(office.folder / "usb"), NOW)
    [change] = found.changes
    assert (change.planned.how, change.planned.day, change.planned.instead_of) == ("new", DECEMBER, "jiaxing-2022.1")
    assert change.offer.signature.holders == ("holder of bus-1",)
    assert packs.shelf_of(bus).state().waiting == (), "to look takes nothing"

    assert take(bus, office.folder / "usb") == {"jiaxing-2026.12": "new"}
    [waiting] = packs.shelf_of(bus).state().waiting
    assert (waiting.ordered_for, waiting.edition.signed) == (DECEMBER, "bus v2: holder of bus-1")
    assert take(bus, office.folder / "usb") == {"jiaxing-2026.12": "waiting"}


def test_on_its_day_it_takes_force_between_two_trips_and_can_be_undone(office: OfficeRoom, bus: Configuration) -> None:
    take(bus, office.folder / "usb")
    profiles = box.load_profiles(bus.cards.profiles)
    switched = []

    def fail(what: str, why: str) -> None:
        raise AssertionError(f"{what}: {why}")

    read = []

    def unhurried(work: Callable[[], Pack]) -> Pack:
        read.append(work())
        return read[-1]

    turn = packs.Turn(
        bus, profiles, lambda: None, lambda switch: switched.append(switch()), fail, unhurried=unhurried
    )
    turn.take(DECEMBER - DAY)
    assert switched == []
    turn.take(DECEMBER)
    assert switched == read != [], "no tap waits while it is read"
    assert packs.load_pack(bus, profiles, None).value.version == "jiaxing-2026.12"
    packs.shelf_of(bus).change(lambda state: state.rolled_back())
    assert packs.load_pack(bus, profiles, None).value.version == "jiaxing-2022.1"
    assert take(bus, office.folder / "usb") == {"jiaxing-2026.12": "previous"}, "what was undone stays undone"


def test_a_rotated_root_comes_with_the_stick(office: OfficeRoom, bus: Configuration) -> None:
    take(bus, office.folder / "usb")
    [old] = [one for one in office.office().standings() if one.role == "root"]
    new = office.key("root-4")
    office.office().rotate({old.keys[0][0]: ("root", new)})
    office.publish("jiaxing-2027.1", date(2027, 1, 1))
    assert take(bus, office.stick("second"))["jiaxing-2027.1"] == "new"
    standing = signed.trust_of(bus).standing()
    assert standing is not None and standing.root == 2


def test_what_the_backend_says_of_the_time_is_kept_for_the_loader(bus: Configuration) -> None:
    told = ["2026-12-24T08:00:00+08:00"]
    profiles = box.load_profiles(bus.cards.profiles)
    Path(bus.terminal.data).mkdir(exist_ok=True)
    turn = packs.Turn(bus, profiles, lambda: None, lambda switch: None, lambda what, why: None, lambda: told[0])
    turn.take(DECEMBER)
    assert signed.floor_of(bus).server == datetime.fromisoformat(told[0])
    packs.kept_server_time(bus).write_text("soon", "ascii")
    assert signed.floor_of(bus).server is None


def test_the_same_layout_serves_as_a_folder_and_on_a_stick(office: OfficeRoom, bus: Configuration) -> None:
    assert take(bus, office.repository) == {"jiaxing-2026.12": "new"}
    assert fetcher(str(office.folder / "usb")).base == fetcher(str(office.repository)).base


def test_a_device_that_trusts_nobody_says_what_to_do(office: OfficeRoom, tmp_path: Path) -> None:
    assert "smk pack trust" in refusal(device(tmp_path), office.folder / "usb")


def test_a_device_that_takes_unsigned_packs_says_so_on_its_screen(bus: Configuration) -> None:
    def line(configuration: Configuration) -> str:
        tables = SimpleNamespace(pack=SimpleNamespace(version="v1", in_force_from=DECEMBER), hot_list=box.NO_HOT_LIST)
        journal = SimpleNamespace(unsent=lambda: SimpleNamespace(rows=0, fen=0, oldest_at=""))
        desk = SimpleNamespace(duty=SimpleNamespace(line="", direction=0, driver=""), journal=journal)
        shown: Any = SimpleNamespace(
            mode=Mode.READY, troubles={}, desk=desk, tables=tables, configuration=configuration
        )
        return status_line(box.status(shown, None), "en")

    assert "development" not in line(bus)
    assert "v1（开发模式 development）" in line(replace(bus, packs=replace(bus.packs, development=True)))


def test_a_root_with_two_new_keys_of_three_is_signed_by_both_sides(office: OfficeRoom, bus: Configuration) -> None:
    [old] = [one for one in office.office().standings() if one.role == "root"]
    new = {keyid: ("root", office.key(f"root-{nth}")) for nth, (keyid, _) in enumerate(old.keys[:2], start=4)}
    office.office().rotate(new)
    assert take(bus, office.stick("second")) == {"jiaxing-2026.12": "new"}
    standing = signed.trust_of(bus).standing()
    assert standing is not None and standing.root == 2


def test_a_stick_lasts_longer_than_what_the_network_says(office: OfficeRoom) -> None:
    """The long word goes with the stick alone: the network's ends within a month."""
    stick = office.stick("long", days=300)
    ends = [
        Metadata[Timestamp].from_bytes((folder / "metadata" / "timestamp.json").read_bytes()).signed.expires
        for folder in (stick / "smk", office.repository)
    ]
    assert ends == [NOW + 300 * DAY, NOW + 30 * DAY]


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(-3, 3)), unique_by=lambda one: one[0], max_size=6),
    st.sampled_from(["", *"abcdef"]),
    st.sampled_from(["", *"abcdef"]),
)
def test_of_what_has_come_one_at_most_is_taken_and_never_an_older_one(
    offered: list[tuple[str, int]], active: str, previous: str
) -> None:
    today = NOW.date()
    entries = [Entry("tariff", name, today + days * DAY, f"{name}.zip") for name, days in offered]
    held, before = (Edition(name, today - DAY, "00") if name else None for name in (active, previous))
    planned = plan.editions(entries, State(held, before), "", today)
    assert [one.entry for one in planned] == entries
    now = [one.entry for one in planned if one.how == "new" and one.entry.in_force_from <= today]
    assert len(now) <= 1
    for one in now:
        assert one.in_force_from == max(entry.in_force_from for entry in entries if entry.in_force_from <= today)
        assert one.version not in (active, previous)
    assert all(one.day is None or one.day >= today for one in planned)
