"""A tariff pack is accepted as a whole or refused with everything that is wrong with it."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import config.limits
from tariffs import limits
from tariffs.fares.gtfs import read_feed
from tariffs.faults import Fault, Findings, PackFaults
from tariffs.pack import Pack, parse_pack
from tariffs.tables import edition_places

PACKS = Path(__file__).parent.parent / "config" / "defaults" / "packs"
SHIPPED = ("jiaxing", "jiaxing-flat")


def pack_files(name: str, **changed: bytes | None) -> dict[str, bytes]:
    """A shipped pack's files; `changed` by name, "__" for the dot, None to leave a file out."""
    files: dict[str, bytes | None] = {
        str(path.relative_to(PACKS / name)): path.read_bytes() for path in (PACKS / name).rglob("*") if path.is_file()
    }
    files |= {key.replace("__", "."): value for key, value in changed.items()}
    return {key: value for key, value in files.items() if value is not None}


def undated(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files without those of other days."""
    return {name: raw for name, raw in files.items() if "/" not in name}


def faults_of(files: dict[str, bytes]) -> tuple[Fault, ...]:
    with pytest.raises(PackFaults) as caught:
        parse_pack(files)
    return caught.value.faults


def edited(file: str, old: str, new: str) -> dict[str, bytes]:
    """The Jiaxing pack with one text in one file replaced."""
    files = pack_files("jiaxing")
    assert old.encode() in files[file], f"{file} does not hold {old}"
    return files | {file: files[file].replace(old.encode(), new.encode(), 1)}


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_pack_has_no_fault(name: str) -> None:
    assert isinstance(parse_pack(pack_files(name)), Pack)


def test_the_jiaxing_pack_charges_what_the_notices_say() -> None:
    pack = parse_pack(pack_files("jiaxing"))
    day = pack.in_force_from
    prices = {
        (name, network): price.amount_fen
        for name, editions in pack.local.items()
        if (terms := editions.at(day)) is not None
        for network, price in terms.prices.items()
    }
    city = {"ordinary": 100, "student": 100, "senior": 100, "senior_free": 0, "love": 0}
    assert prices == {(name, "city"): fen for name, fen in city.items()} | {(name, "boat"): 300 for name in city}
    assert pack.routes == {"1": "city", "3": "city", "boat": "boat"}


def test_unverified_values_are_listed_with_their_place_and_source() -> None:
    pack = parse_pack(pack_files("jiaxing"))
    places = {(file, line): source for file, line, source in pack.unverified}
    classes = pack_files("jiaxing")["classes.toml"].decode().split("\n")
    for (file, line), source in places.items():
        assert source and line > 1
        if file == "classes.toml":
            assert "verified = false" in classes[line - 1] and source in classes[line - 1]
    assert {"routes.txt", "fare_transfer_rules.txt", "pack.toml", "classes.toml"} <= {file for file, _ in places}
    assert sum("verified = false" in line for line in classes) == sum(file == "classes.toml" for file, _ in places)


def test_only_a_class_that_keeps_nothing_on_the_card_is_plain() -> None:
    assert parse_pack(pack_files("jiaxing")).plain_classes == frozenset()
    assert parse_pack(undated(pack_files("jiaxing", fare_transfer_rules__txt=None))).plain_classes == {"ordinary"}
    assert parse_pack(pack_files("jiaxing-flat")).plain_classes == {"ordinary"}


def test_leg_groups_fit_the_four_characters_of_the_card_record() -> None:
    for name in SHIPPED:
        assert all(len(rule.group) <= 4 for rule in read_feed(pack_files(name), Findings()).leg_rules)


@pytest.mark.parametrize(
    ("file", "old", "new", "field", "value"),
    [
        ("fare_products.txt", "card,1.00", "card,1e2", "amount", "1e2"),
        ("fare_products.txt", "card,1.00", "card,NaN", "amount", "NaN"),
        ("fare_products.txt", "card,1.00", "card,-1.00", "amount", "-1.00"),
        ("fare_products.txt", "card,1.00", "card,1000.01", "amount", "1000.01"),
        ("fare_products.txt", "card,1.00,CNY", "card,1.00,USD", "currency", "USD"),
        ("fare_products.txt", "student,card", "studnt,card", "rider_category_id", "studnt"),
        ("fare_products.txt", "student,card", "student,crad", "fare_media_id", "crad"),
        ("fare_products.txt", "student,card", "adult,card", "fare_product_id", "city_single"),
        ("fare_products.txt", "CNY", '"CNY', "", ""),
        ("fare_products.txt", "2.00,CNY", "2.00,,CNY", "", "city_single,常规公交单程 city single,adult,cash,2.00,,CNY"),
        ("rider_categories.txt", "senior_free,", "senior,", "rider_category_id", "senior"),
        ("routes.txt", "3,jiaxing,3", "1,jiaxing,3", "route_id", "1"),
        ("route_networks.txt", "city,3", "city,4", "route_id", "4"),
        ("route_networks.txt", "city,3", "town,3", "network_id", "town"),
        ("route_networks.txt", "city,3", "boat,1", "route_id", "1"),
        ("fare_leg_rules.txt", "city,city_single", "town,city_single", "network_id", "town"),
        ("fare_leg_rules.txt", "city_single", "singel", "fare_product_id", "singel"),
        ("fare_leg_rules.txt", "fare_product_id", "fare_product", "fare_product_id", ""),
        ("fare_leg_rules.txt", "leg_group_id", "fare_product_id", "", "fare_product_id,network_id,fare_product_id"),
        ("fare_transfer_rules.txt", "18000", "5h", "duration_limit", "5h"),
        ("fare_transfer_rules.txt", ",18000,1,0", ",18000,0,0", "duration_limit_type", "0"),
        ("fare_transfer_rules.txt", ",18000,1,0", ",18000,1,3", "fare_transfer_type", "3"),
        ("fare_transfer_rules.txt", ",-1,", ",,", "transfer_count", ""),
        ("fare_transfer_rules.txt", ",-1,", ",0,", "transfer_count", "0"),
        ("fare_transfer_rules.txt", "city,boat,", "city,ship,", "to_leg_group_id", "ship"),
        ("fare_transfer_rules.txt", "city,boat,", "city,boat,1", "transfer_count", "1"),
        (
            "fare_transfer_rules.txt",
            "city,boat,,18000,1,0,,",
            "city,boat,,18000,1,0,half,",
            "fare_product_id",
            "half",
        ),
        ("fare_transfer_rules.txt", "assumed,false", "assumed,no", "verified", "no"),
        ("pack.toml", 'version = "jiaxing-2022.1"', 'version = ""', "version", ""),
        ("pack.toml", "low_balance_fen = { value = 500", "low_balance_fen = { value = 5.0", "low_balance_fen", "5.0"),
        ("pack.toml", "low_balance_fen = { value = 500", "low_balance_fen = { value = true", "low_balance_fen", "true"),
        ("pack.toml", "in_force_from = { value = 2022-01-01", "in_force_from = { value = 2022-02-30", "", ""),
        ("pack.toml", 'unattributed_route = "1"', 'unattributed_route = "9"', "unattributed_route", "9"),
        ("pack.toml", 'unattributed_route = "1"', 'default_route = "1"', "default_route", ""),
        ("pack.toml", 'issuer = "02002900FFFFFFFF"', 'issuer = "02002900ff"', "accepted.issuer", "02002900ff"),
        ("pack.toml", 'terms = "tunion"', 'terms = "tunoin"', "accepted.terms", "tunoin"),
        ("pack.toml", "level = 1", "level = 0", "hot_levels.level", "0"),
        ("pack.toml", "lock = true", 'lock = "yes"', "hot_levels.lock", "yes"),
        ("pack.toml", "rate_percent = { value = 100", "rate_percent = { value = 101", "visitors.rate_percent", "101"),
        ("pack.toml", 'id = "city_union"', 'id = "tunion"', "visitors.id", "tunion"),
        ("pack.toml", 'name_en = "T-Union card"', 'name_en = ""', "visitors.name_en", ""),
        ("classes.toml", 'id = "student"', 'id = "ordinary"', "classes.id", "ordinary"),
        ("classes.toml", 'value = "full_fare"', 'value = "fullfare"', "classes.repeat", "fullfare"),
        ("classes.toml", 'value = "student"', 'value = "pupil"', "classes.rider_category", "pupil"),
        ("classes.toml", 'fare_media = { value = "card"', 'fare_media = { value = "app"', "classes.fare_media", "app"),
        ("classes.toml", '{ value = "ordinary"', '{ value = "student"', "classes.expired_as", "student"),
        ("classes.toml", "transfers = ", "transfer = ", "classes.transfer", ""),
        ("classes.toml", ", verified = true }", " }", "classes.rider_category", "{…}"),
        ("classes.toml", "value = 5", "value = 51", "classes.taps_max", "51"),
        ("classes.toml", "2017-01-01", "1999-01-01", "classes.in_force_from", "1999-01-01"),
    ],
)
def test_a_fault_names_file_line_field_and_value(file: str, old: str, new: str, field: str, value: str) -> None:
    line = pack_files("jiaxing")[file].decode().split(old)[0].count("\n") + 1
    found = faults_of(edited(file, old, new))
    place = [fault for fault in found if (fault.file, fault.line, fault.field) == (file, line, field)]
    assert place and place[0].value.startswith(value), [fault.text() for fault in found]
    assert all(fault.zh and fault.en and fault.text("zh") != fault.text("en") for fault in found)


def test_all_faults_of_all_files_are_told_at_once() -> None:
    files = pack_files("jiaxing", routes__txt=b"route_id\n1\n", agency__txt=None, classes__toml=b"[[classes]]\n")
    files["fare_products.txt"] = files["fare_products.txt"].replace(b"1.00", b"1,00")
    assert {fault.file for fault in faults_of(files)} >= {
        "routes.txt",
        "agency.txt",
        "classes.toml",
        "fare_products.txt",
    }


@pytest.mark.parametrize(
    "file", ["agency.txt", "routes.txt", "fare_products.txt", "fare_leg_rules.txt", "pack.toml", "classes.toml"]
)
def test_a_missing_file_is_a_fault_of_that_file(file: str) -> None:
    files = pack_files("jiaxing")
    del files[file]
    assert file in {fault.file for fault in faults_of(files) if fault.line == 0}


def test_an_empty_pack_is_refused() -> None:
    assert {fault.file for fault in faults_of({})} >= {"pack.toml", "classes.toml", "routes.txt"}


def test_a_product_without_exactly_one_default_category_is_a_fault() -> None:
    for new in ("pupil,1", "pupil,0"):
        files = edited("rider_categories.txt", "pupil,0", new)
        if new == "pupil,0":
            files["rider_categories.txt"] = files["rider_categories.txt"].replace(b"adult,1", b"adult,0")
        assert ("fare_products.txt", 2, "rider_category_id") in {
            (fault.file, fault.line, fault.field) for fault in faults_of(files)
        }


def test_a_network_without_a_cash_fare_is_a_fault() -> None:
    files = undated(edited("fare_media.txt", "现金 cash,0", "现金 cash,4"))
    assert {(fault.file, fault.value) for fault in faults_of(files)} == {
        ("fare_products.txt", "city"),
        ("fare_products.txt", "boat"),
    }


@pytest.mark.parametrize(("column", "file"), [("to_area_id", "areas"), ("to_timeframe_group_id", "timeframes")])
def test_a_pack_whose_fares_depend_on_where_a_ride_ends_is_refused_rather_than_priced_wrongly(
    column: str, file: str
) -> None:
    rules = f"network_id,fare_product_id,{column}\ncity,city_single,peak\n".encode()
    assert column in {fault.field for fault in faults_of(pack_files("jiaxing", fare_leg_rules__txt=rules))}


def test_a_pack_with_join_rules_is_refused_rather_than_priced_wrongly() -> None:
    joins = b"from_network_id,to_network_id\ncity,boat\n"
    found = faults_of(undated(pack_files("jiaxing", fare_leg_join_rules__txt=joins)))
    assert [(fault.file, fault.line) for fault in found] == [("fare_leg_join_rules.txt", 2)]


@pytest.mark.parametrize(
    ("rules", "city", "boat"),
    [
        # Without the column rule_priority an empty network is every network that the column does not name.
        ("network_id,fare_product_id\ncity,dear\n,cheap\n", 500, 100),
        ("network_id,fare_product_id\ncity,cheap\ncity,dear\n", 100, None),
        # With it an empty network is any network, and the highest priority alone counts.
        ("network_id,fare_product_id,rule_priority\ncity,dear,\n,cheap,\n", 100, 100),
        ("network_id,fare_product_id,rule_priority\ncity,dear,1\n,cheap,\n", 500, 100),
        ("network_id,fare_product_id,rule_priority\ncity,cheap,1\n,dear,2\n", 500, 500),
        ("network_id,fare_product_id,rule_priority\ncity,cheap,1\ncity,dear,3\n", 500, None),
        ("network_id,fare_product_id,rule_priority\n,cheap,1\n,dear,3\n", 500, 500),
    ],
)
def test_an_empty_network_means_what_the_column_rule_priority_says(
    rules: str, city: int | None, boat: int | None
) -> None:
    products = "fare_product_id,amount,currency\ndear,5,CNY\ncheap,1,CNY\n"
    files = undated(pack_files("jiaxing", fare_transfer_rules__txt=None))
    pack = parse_pack(files | {"fare_leg_rules.txt": rules.encode(), "fare_products.txt": products.encode()})
    terms = pack.local["ordinary"].at(pack.in_force_from)
    assert terms is not None
    amounts = {network: price.amount_fen for network, price in terms.prices.items()}
    assert (amounts.get("city"), amounts.get("boat")) == (city, boat)


def test_networks_are_named_by_routes_or_by_route_networks_but_not_by_both() -> None:
    routes = b"route_id,route_type,network_id\n1,3,city\nboat,4,boat\n"
    assert "routes.txt" in {fault.file for fault in faults_of(pack_files("jiaxing", routes__txt=routes))}
    alone = pack_files("jiaxing", routes__txt=routes, networks__txt=None, route_networks__txt=None)
    assert parse_pack(alone).routes == {"1": "city", "boat": "boat"}


def test_a_table_reads_the_same_with_byte_order_mark_crlf_quotes_and_unknown_columns() -> None:
    plain = parse_pack(pack_files("jiaxing"))
    files = pack_files("jiaxing")
    files["fare_leg_rules.txt"] = (
        '\ufeff"leg_group_id",network_id , colour,fare_product_id\r\n'
        'city,"city","a ""red""\nline",city_single\r\n\r\nboat, boat ,,boat_single'
    ).encode()
    read = parse_pack(files)
    assert (read.routes, read.in_force_from) == (plain.routes, plain.in_force_from)
    for name, editions in plain.local.items():
        assert read.local[name].editions == editions.editions


def test_the_line_of_a_fault_counts_line_ends_inside_quotes() -> None:
    files = edited("routes.txt", "3,jiaxing,3,3路", '3,jiaxing,3,"3\n\n路"')
    files["routes.txt"] = files["routes.txt"].replace(b"boat,jiaxing", b"1,jiaxing")
    assert ("routes.txt", 6) in {(fault.file, fault.line) for fault in faults_of(files)}


@pytest.mark.parametrize(
    "raw",
    [
        b"a = " + b"[" * 3_000,
        b"a = " + b"9" * 3_900,
        b".".join([b"a"] * 1_900) + b" = 1",
        b".".join([b"a"] * (limits.TOML_LINE_DOTS_MAX + 2)) + b" = 1",
        b"x" * (limits.TOML_LINE_CHARS_MAX + 1),
        b"#\n" * limits.TOML_BYTES_MAX,
        b"\xff",
        b"accepted = 1\nvisitors = [1]\nhot_levels = [[]]\n",
    ],
)
def test_hostile_toml_is_a_fault_of_its_file(raw: bytes) -> None:
    assert "pack.toml" in {fault.file for fault in faults_of(pack_files("jiaxing", pack__toml=raw))}


def test_sizes_beyond_the_bounds_are_faults_and_nothing_is_read() -> None:
    large = pack_files("jiaxing", stops__txt=bytes(limits.PACK_FILE_BYTES_MAX + 1))
    assert [fault.file for fault in faults_of(large)] == ["stops.txt"]
    many = pack_files("jiaxing") | {f"{number}.txt": b"" for number in range(limits.PACK_FILES_MAX)}
    assert len(faults_of(many)) == 1


def test_no_more_faults_are_told_than_the_bound_and_the_rest_is_counted() -> None:
    rows = b"route_id,route_type\n" + b",3\n" * (limits.FAULTS_MAX * 2)
    found = faults_of(pack_files("jiaxing", routes__txt=rows))
    assert len(found) == limits.FAULTS_MAX + 1
    assert "not listed" in found[-1].en


def test_a_value_is_shown_in_one_printable_line_of_bounded_length() -> None:
    files = edited("fare_products.txt", "card,1.00", "card,\x1b[2J" + "9" * 500)
    shown = next(fault.value for fault in faults_of(files) if fault.field == "amount")
    assert shown.isprintable() and len(shown) <= limits.VALUE_SHOWN_MAX + 1


@given(st.sampled_from(sorted(pack_files("jiaxing"))), st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
def test_any_bytes_in_any_file_give_a_pack_or_pack_faults(file: str, raw: bytes) -> None:
    files = pack_files("jiaxing") | {file: raw}
    try:
        parse_pack(files)
    except PackFaults as faults:
        assert faults.faults


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_a_damaged_file_gives_a_pack_or_pack_faults(data: st.DataObject) -> None:
    files = pack_files("jiaxing")
    file = data.draw(st.sampled_from(sorted(files)))
    raw = bytearray(files[file])
    for _ in range(data.draw(st.integers(1, 4))):
        begin = data.draw(st.integers(0, len(raw)))
        end = data.draw(st.integers(begin, min(len(raw), begin + 20)))
        raw[begin:end] = data.draw(st.one_of(st.binary(max_size=8), st.sampled_from(WORDS)))
    try:
        parse_pack(files | {file: bytes(raw)})
    except PackFaults as faults:
        assert faults.faults


WORDS = [
    b",",
    b"\n",
    b'"',
    b"-1",
    b"0",
    b"[",
    b"]",
    b"{",
    b"}",
    b"=",
    b"\r",
    b"\x00",
    b"[[classes]]\n",
    b"9" * 30,
    b" = 1\n",
]


def test_the_bounds_fit_those_of_whoever_reads_the_pack() -> None:
    assert limits.PACK_FILES_MAX >= config.limits.PACK_FILES_MAX
    assert limits.PACK_FILE_BYTES_MAX >= config.limits.PACK_FILE_BYTES_MAX
    assert limits.PACK_BYTES_MAX >= config.limits.PACK_BYTES_MAX
    assert limits.TOML_BYTES_MAX < limits.PACK_FILE_BYTES_MAX <= limits.PACK_BYTES_MAX
    assert limits.TERMS_MAX < limits.PRICES_MAX
    assert limits.TAPS_MAX <= limits.TRANSFERS_COUNTED_MAX == 0xFF


def test_dated_folders_take_the_place_of_single_files_for_their_own_days() -> None:
    files = ("a", "b", "c", "before-2020-01-01/a", "before-2022-01-01/b", "2030-01-01/a", "2031-01-01/c", "x/a", "20/a")
    assert edition_places(files) == {
        date.min: {"a": "before-2020-01-01/a", "b": "before-2022-01-01/b", "c": "c"},
        date(2020, 1, 1): {"a": "a", "b": "before-2022-01-01/b", "c": "c"},
        date(2022, 1, 1): {"a": "a", "b": "b", "c": "c"},
        date(2030, 1, 1): {"a": "2030-01-01/a", "b": "b", "c": "c"},
        date(2031, 1, 1): {"a": "2030-01-01/a", "b": "b", "c": "2031-01-01/c"},
    }
