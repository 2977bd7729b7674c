"""What is legal but suspect is told with its place; a pack without it is told nothing."""

import pytest

from tariffs.faults import Fault
from tariffs.limits import FAULTS_MAX
from tariffs.pack import parse_pack
from tariffs.suspects import suspects
from tests.test_pack import edited, pack_files, undated


def found(files: dict[str, bytes]) -> list[Fault]:
    return suspects(files, parse_pack(files))


@pytest.mark.parametrize("name", ["jiaxing", "jiaxing-flat"])
def test_a_shipped_pack_has_nothing_suspect(name: str) -> None:
    assert found(pack_files(name)) == []


FREE_FARE = "city_single,常规公交单程 city single,love,card,0.00,CNY,docs/transit.md S46 S48: free,true\n"
ORDINARY, STUDENT, TUNION = (f'id = "{name}"\nin_force_from = ' for name in ("ordinary", "student", "tunion"))
SHANGHAI = 'city = "2000"\n'
UNION = SHANGHAI + 'terms = "city_union"\nin_force_from = '
BOAT = "boat_single,水上巴士单程 boat single,,cash"
SUSPECT = [
    ("fare_products.txt", FREE_FARE, "", "classes.toml:55", "has no fare on network city"),
    ("fare_products.txt", "adult,card,1.00", "adult,card,2.50", "classes.toml:7", "above the cash fare of ¥2.00"),
    ("classes.toml", f"{STUDENT}2017-01", f"{STUDENT}2022-03", "classes.toml:19", "from 2022-01-01 to 2022-02-28"),
    ("classes.toml", f"{ORDINARY}2017-01", f"{ORDINARY}2022-03", "classes.toml:19", "has no rules yet"),
    ("pack.toml", f"{TUNION}2017", f"{TUNION}2023", "pack.toml:68", "no rules for tunion"),
    (
        "pack.toml",
        SHANGHAI,
        f"{SHANGHAI}in_force_until = 2026-12-31\n",
        "pack.toml:44",
        "no longer accepted after 2026",
    ),
    ("pack.toml", f"{UNION}2017-01", f"{UNION}2022-02", "pack.toml:44", "not accepted from 2022-01-01 to 2022-01-31"),
    ("routes.txt", "3,jiaxing", "4,jiaxing,4,4路,3,x,false\n3,jiaxing", "classes.toml:7", "routes without one"),
    ("networks.txt", "boat,", "tram,电车\nboat,", "networks.txt:3", "is not used in route_networks.txt"),
    ("rider_categories.txt", "love,", "dog,犬,0\nlove,", "rider_categories.txt:6", "is not used in fare_products.txt"),
    ("fare_products.txt", BOAT, f"day,x,,cash,9.00,CNY,x,false\n{BOAT}", "fare_products.txt:8", "no rule sells"),
]


@pytest.mark.parametrize(("file", "old", "new", "where", "what"), SUSPECT)
def test_what_is_suspect_is_told_with_its_place(file: str, old: str, new: str, where: str, what: str) -> None:
    told = found(edited(file, old, new))
    assert any(fault.where.startswith(where) and what in fault.en and fault.zh for fault in told), told


def test_a_gap_between_two_entries_of_the_allow_list_is_told() -> None:
    entry = (
        b'\n[[accepted]]\nscheme = "jiaxing"\ncity = "2000"\nterms = "city_union"\nin_force_from = 2027-03-01\n'
        b'source = "x"\nverified = false\n'
    )
    files = edited("pack.toml", 'city = "2000"\nterms', 'city = "2000"\nin_force_until = 2026-12-31\nterms')
    files["pack.toml"] += entry
    assert [fault.en for fault in found(files)] == ["not accepted from 2027-01-01 to 2027-02-28"]


def test_classes_that_count_on_transfers_without_a_rule_are_told() -> None:
    files = {
        **pack_files("jiaxing"),
        "fare_transfer_rules.txt": b"from_leg_group_id,to_leg_group_id,fare_transfer_type\n",
    }
    assert sum("no transfer rule" in fault.en for fault in found(files)) == 3


def test_a_later_edition_is_looked_at_by_itself() -> None:
    files = pack_files("jiaxing")
    files["2027-01-01/networks.txt"] = files["networks.txt"] + b"tram,x\n"
    assert [fault.where for fault in found(files)] == ['2027-01-01/networks.txt:4 network_id = "tram"']
    files["rider_categories.txt"] += b"dog,x,0\n"  # told once, though every edition has the row
    assert len(found(files)) == 2


def test_suspects_are_bounded() -> None:
    files = pack_files("jiaxing")
    files["networks.txt"] += b"".join(b"n%d,x\n" % n for n in range(2 * FAULTS_MAX))
    assert len(found(files)) == FAULTS_MAX


def test_a_line_whose_fare_depends_on_the_stop_needs_its_stops() -> None:
    files = edited("fare_leg_rules.txt", "", "")
    header, *rules = files["fare_leg_rules.txt"].decode("utf-8-sig").splitlines()
    bare = {
        "areas.txt": b"area_id\nA\n",
        "stops.txt": b"stop_id,stop_name\nS1,x\n",
        "stop_areas.txt": b"area_id,stop_id\nA,S1\n",
        "fare_leg_rules.txt": "\n".join([header + ",from_area_id", *(rule + ",A" for rule in rules)]).encode(),
    }
    line = 'route_id = "{0}"\ndirection = 0\nin_force_from = 2022-01-01\n'
    line += 'stops = {{ value = ["S1"], source = "x", verified = true }}\n'
    told = found(undated(files | bare))
    routes = {fault.value for fault in told if fault.file == "stops.toml"}
    assert {"1", "3"} <= routes
    with_stops = "".join("[[lines]]\n" + line.format(route) for route in sorted(routes))
    told = found(undated(files | bare | {"stops.toml": with_stops.encode()}))
    assert not any(fault.file == "stops.toml" for fault in told)
