"""Each sentence of the GTFS-Fares v2 text by a feed of a few rows, and each option where the text is silent."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from tariffs.fares.currency import BadAmount, units_from_text, units_text
from tariffs.fares.gtfs import read_feed
from tariffs.fares.journey import Engine
from tariffs.fares.options import CHOICES, Options
from tariffs.fares.quote import BadRequest, answer
from tariffs.faults import Findings
from terminal.cli import main

BASE = {
    "agency.txt": "agency_name,agency_url,agency_timezone\nA,https://a,Asia/Shanghai\n",
    "routes.txt": "route_id,route_type,network_id\nr,3,n\nq,3,m\nz,3,\n",
    "stops.txt": "stop_id,parent_station,stop_timezone\nS,,\np1,S,\np2,S,\nx,,\ny,,\nfar,,Asia/Tokyo\n",
    "areas.txt": "area_id\na\nb\n",
    "stop_areas.txt": "area_id,stop_id\na,S\nb,p2\na,x\nb,x\n",
    "calendar.txt": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
    "week,1,1,1,1,1,0,0,20260101,20261231\n",
    "calendar_dates.txt": "service_id,date,exception_type\nweek,20260303,2\nweek,20260307,1\nonce,20260308,1\n",
    "timeframes.txt": "timeframe_group_id,start_time,end_time,service_id\npeak,07:00:00,9:00:00,week\nday,,,once\n",
    "fare_products.txt": "fare_product_id,amount,currency\nten,10,CNY\nfive,5,CNY\none,1,CNY\nless,-2,CNY\n",
    "fare_leg_rules.txt": "leg_group_id,network_id,fare_product_id\ng,n,ten\nh,m,five\n",
}
TRANSFERS = "from_leg_group_id,to_leg_group_id,transfer_count,duration_limit,duration_limit_type,fare_transfer_type,"
TRANSFERS += "fare_product_id\n"


def ride(spec: str) -> dict[str, Any]:
    """ "r x y 08:00 08:30" on Monday the second of March 2026; a day may stand before the times."""
    route, start, end, *times = spec.split()
    day = times.pop(0) if len(times) == 3 else "2026-03-02"
    departure, arrival = (f"{day}T{time}" for time in times)
    return {"route_id": route, "from_stop_id": start, "to_stop_id": end, "departure": departure, "arrival": arrival}


def quote(*rides: str, options: Options | None = None, select: dict[str, str] | None = None, **files: str) -> Any:
    told = BASE | {name.replace("__", "."): text for name, text in files.items()}
    feed = read_feed({name: text.encode() for name, text in told.items()}, Findings())
    return answer(Engine(feed, options or Options()), {"journey": list(map(ride, rides)), "select": select})


def total(*rides: str, **how: Any) -> str | None:
    found = quote(*rides, **how)["total"]
    return None if found is None else found["amount"]


def products(*rides: str, **how: Any) -> list[list[str]]:
    return [[one["fare_product_id"] for one in leg] for leg in quote(*rides, **how)["leg_products"]]


THREE = ("r x y 08:00 08:10", "q y x 08:20 08:30", "r x y 08:40 08:50")


@pytest.mark.parametrize(
    ("first", "second", "amount"),
    [
        # A + AB, then S + BC: 10 + 1 + 1
        ("0", "0", "12.00"),
        # A + AB + B, then S + BC + C, against the separate legs: 10 + 5 + 10
        ("1", "1", "25.00"),
        # AB, then S + BC
        ("2", "2", "2.00"),
        ("2", "0", "2.00"),
        # 10 + 1 + 1 together, but 10, then AB alone: 10 + 1
        ("0", "2", "11.00"),
        # 1 + 1 + 10 together, but AB, then 10 alone: 1 + 10
        ("2", "1", "11.00"),
    ],
)
def test_three_legs_add_up_as_the_table_of_transfer_types_says(first: str, second: str, amount: str) -> None:
    rules = f"{TRANSFERS}g,h,,,,{first},one\nh,g,,,,{second},one\n"
    assert total(*THREE, fare_transfer_rules__txt=rules) == amount


def test_a_transfer_that_is_dearer_than_separate_legs_is_not_taken() -> None:
    assert total(*THREE[:2], fare_transfer_rules__txt=f"{TRANSFERS}g,h,,,,0,ten\n") == "15.00"


def test_a_discount_is_a_transfer_product_below_zero() -> None:
    assert total(*THREE[:2], fare_transfer_rules__txt=f"{TRANSFERS}g,h,,,,1,less\n") == "13.00"


def test_transfers_are_directional() -> None:
    rules = f"{TRANSFERS}h,g,,,,0,\n"
    assert [one["from_effective_leg"] for one in quote(*THREE, fare_transfer_rules__txt=rules)["transfers"]] == [1]


@pytest.mark.parametrize(
    ("kind", "at_limit", "over"), [(0, 3000, 2999), (1, 1800, 1799), (2, 1200, 1199), (3, 2400, 2399)]
)
def test_each_limit_type_measures_between_its_own_two_events(kind: int, at_limit: int, over: int) -> None:
    legs = "r x y 08:00 08:10", "q y x 08:30 08:50"
    for seconds, amount in ((at_limit, "10.00"), (over, "15.00")):
        rules = f"{TRANSFERS}g,h,,{seconds},{kind},0,\n"
        assert total(*legs, fare_transfer_rules__txt=rules) == amount
    exclusive = Options(limit="exclusive")
    rules = f"{TRANSFERS}g,h,,{at_limit},{kind},0,\n"
    assert total(*legs, fare_transfer_rules__txt=rules, options=exclusive) == "15.00"


FOUR = tuple(f"r x y 0{hour}:00 0{hour}:10" for hour in (6, 7, 8, 9))


def test_a_run_of_one_group_is_measured_from_its_first_leg() -> None:
    rules = f"{TRANSFERS}g,g,-1,7200,1,0,\n"
    assert total(*FOUR[:3], fare_transfer_rules__txt=rules) == "10.00"
    assert total(*FOUR, fare_transfer_rules__txt=rules) == "20.00"


def test_a_limit_between_two_groups_counts_from_their_own_first_leg_unless_told_otherwise() -> None:
    rules = f"{TRANSFERS}g,h,,1500,1,0,\nh,g,,1500,1,0,\n"
    assert total(*THREE, fare_transfer_rules__txt=rules) == "10.00"
    # From the first leg of the whole: the third is out of time, and then riding the second anew is the cheaper way.
    assert total(*THREE, fare_transfer_rules__txt=rules, options=Options(limit_from="first")) == "15.00"


def test_of_several_counts_the_smallest_that_is_enough_is_used() -> None:
    rules = f"{TRANSFERS}g,g,1,,,0,\ng,g,3,,,0,one\n"
    # Free once, then 1 yuan each; a new chain costs 10.
    assert total(*FOUR, fare_transfer_rules__txt=rules) == "12.00"
    assert total(*FOUR, fare_transfer_rules__txt=f"{TRANSFERS}g,g,1,,,0,\n") == "20.00"


def test_count_on_unequal_groups_and_a_missing_count_are_read_as_the_options_say() -> None:
    missing = f"{TRANSFERS}g,g,,,,0,\n"
    assert total(*FOUR, fare_transfer_rules__txt=missing) == "10.00"
    assert total(*FOUR, fare_transfer_rules__txt=missing, options=Options(count_missing="once")) == "20.00"


def test_an_exact_pair_comes_before_blanks_and_a_blank_takes_only_groups_that_its_column_does_not_name() -> None:
    assert total(*THREE[:2], fare_transfer_rules__txt=f"{TRANSFERS},,-1,,,0,\n") == "10.00"
    assert total(*THREE[:2], fare_transfer_rules__txt=f"{TRANSFERS},,-1,,,0,\ng,h,,,,0,one\n") == "11.00"
    assert total(*THREE[:2], fare_transfer_rules__txt=f"{TRANSFERS},h,,,,0,\ng,g,-1,,,0,\n") == "15.00"


def test_a_leg_without_a_group_has_no_transfer() -> None:
    rules = "leg_group_id,network_id,fare_product_id\n,n,ten\nh,m,five\n"
    assert total(*THREE[:2], fare_leg_rules__txt=rules, fare_transfer_rules__txt=f"{TRANSFERS},,-1,,,0,\n") == "15.00"


def test_a_transfer_product_is_sold_each_time_or_once() -> None:
    rules = f"{TRANSFERS}g,h,,,,0,one\nh,g,,,,0,one\n"
    assert total(*THREE, fare_transfer_rules__txt=rules) == "12.00"
    assert total(*THREE, fare_transfer_rules__txt=rules, options=Options(repeated_product="once")) == "11.00"


AREA_RULES = "from_area_id,to_area_id,fare_product_id\na,,ten\nb,,five\n"


def test_a_platform_has_the_areas_of_its_station_unless_it_has_its_own() -> None:
    assert products("r p1 y 08:00 08:10", "r p2 y 08:20 08:30", fare_leg_rules__txt=AREA_RULES) == [["ten"], ["five"]]


def test_a_stop_may_be_in_several_areas_and_in_none() -> None:
    assert products("r x y 08:00 08:10", fare_leg_rules__txt=AREA_RULES) == [["ten", "five"]]
    assert products("r y x 08:00 08:10", fare_leg_rules__txt=AREA_RULES) == [[]]
    blank = "from_area_id,fare_product_id\na,ten\n,five\n"
    assert products("r y x 08:00 08:10", fare_leg_rules__txt=blank) == [["five"]]
    unknown = Options(without_area="unknown")
    assert products("r y x 08:00 08:10", fare_leg_rules__txt=blank, options=unknown) == [[]]
    assert products("r x y 08:00 08:10", fare_leg_rules__txt=blank) == [["ten"]]
    both = Options(some_areas_named="both")
    assert sorted(products("r x y 08:00 08:10", fare_leg_rules__txt=blank, options=both)[0]) == ["five", "ten"]


def test_the_column_rule_priority_alone_changes_what_blanks_mean() -> None:
    rules = "network_id,fare_product_id\nn,ten\n,five\n"
    assert products("r x y 08:00 08:10", fare_leg_rules__txt=rules) == [["ten"]]
    ranked = "network_id,fare_product_id,rule_priority\nn,ten,\n,five,\n"
    assert products("r x y 08:00 08:10", fare_leg_rules__txt=ranked) == [["ten", "five"]]
    assert products("r x y 08:00 08:10", fare_leg_rules__txt=ranked.replace(",five,", ",five,1")) == [["five"]]


def test_a_route_in_no_network_is_matched_by_a_blank_or_unknown() -> None:
    rules = "network_id,fare_product_id\nn,ten\n,five\n"
    assert products("z x y 08:00 08:10", fare_leg_rules__txt=rules) == [["five"]]
    unknown = Options(without_network="unknown")
    assert products("z x y 08:00 08:10", fare_leg_rules__txt=rules, options=unknown) == [[]]


PEAK = "from_timeframe_group_id,to_timeframe_group_id,fare_product_id\npeak,,ten\n,peak,five\nday,,one\n"


@pytest.mark.parametrize(
    ("leg", "found"),
    [
        ("r x y 07:00 09:00", ["ten"]),  # the start is in, the end is out
        ("r x y 06:59:59 08:59:59", ["five"]),
        ("r x y 08:59:59 09:30", ["ten"]),
        ("r x y 2026-03-03 07:00 09:00", []),  # taken out by calendar_dates
        ("r x y 2026-03-07 07:00 09:00", ["ten"]),  # a Saturday put in
        ("r x y 2026-03-08 23:59:59 24:10", ["one"]),  # a service of single dates, the whole day
        ("r x y 2026-03-07 24:00 24:10", ["one"]),  # past midnight: the local date, not the day of service
        ("r x y 2026-03-01 31:00 33:00", ["ten"]),
        ("r far y 06:00 06:30", ["ten"]),  # the stop's own time zone: seven in Tokyo
        ("r far y 08:00 09:30", []),
    ],
)
def test_timeframes_include_their_start_and_hold_on_the_local_date_of_the_stop(leg: str, found: list[str]) -> None:
    assert products(leg, fare_leg_rules__txt=PEAK) == [found]


JOIN = "from_network_id,to_network_id,from_stop_id,to_stop_id\n"


@pytest.mark.parametrize(
    ("rule", "second", "legs"),
    [
        ("n,n,,", "r p2 y 08:20 08:30", [[0, 1]]),  # two platforms of one station
        ("n,n,,", "r x y 08:20 08:30", [[0], [1]]),
        ("n,m,,", "r p2 y 08:20 08:30", [[0], [1]]),
        ("n,n,S,x", "r x y 08:20 08:30", [[0, 1]]),  # a station for its platforms, and stops that are apart
        ("n,n,p2,x", "r x y 08:20 08:30", [[0], [1]]),
        ("n,n,p1,x", "r x y 08:20 08:30", [[0, 1]]),
    ],
)
def test_join_rules_need_one_station_unless_stops_are_named(rule: str, second: str, legs: list[list[int]]) -> None:
    found = quote("r x p1 08:00 08:10", second, fare_leg_join_rules__txt=JOIN + rule + "\n")
    assert found["effective_legs"] == legs


def test_joins_chain_and_the_first_and_the_last_leg_give_areas_and_hours() -> None:
    rules = "network_id,from_area_id,to_area_id,from_timeframe_group_id,fare_product_id\nn,a,b,peak,one\nn,a,b,,ten\n"
    legs = "r S p1 08:00 08:10", "r p2 S 08:20 08:30", "r p1 p2 09:40 09:50"
    found = quote(*legs, fare_leg_join_rules__txt=JOIN + "n,n,,\n", fare_leg_rules__txt=rules)
    assert found["effective_legs"] == [[0, 1, 2]] and found["total"]["amount"] == "1.00"


RIDERS = {
    "rider_categories__txt": "rider_category_id,rider_category_name,is_default_fare_category\nadult,A,1\nkid,K,0\n",
    "fare_media__txt": "fare_media_id,fare_media_type\ncard,2\ncash,0\n",
    "fare_products__txt": "fare_product_id,rider_category_id,fare_media_id,amount,currency\n"
    "ten,adult,card,10,CNY\nten,kid,card,4,CNY\nten,adult,cash,20,CNY\nfive,,,5,CNY\n",
}


@pytest.mark.parametrize(
    ("select", "amount"),
    [
        ({}, "10.00"),
        ({"rider_category_id": "kid"}, "4.00"),
        ({"fare_media_id": "cash"}, "20.00"),
        ({"rider_category_id": "kid", "fare_media_id": "cash"}, None),
        ({"rider_category_id": "nobody"}, None),
    ],
)
def test_a_rider_pays_by_category_and_medium_and_nobody_in_particular_by_the_default(
    select: dict[str, str], amount: str | None
) -> None:
    assert total("r x y 08:00 08:10", select=select, **RIDERS) == amount


def test_a_product_without_category_and_medium_is_for_everybody() -> None:
    select = {"rider_category_id": "kid", "fare_media_id": "cash"}
    assert total("q x y 08:00 08:10", select=select, **RIDERS) == "5.00"


def test_media_may_be_mixed_or_not() -> None:
    how = RIDERS | {"fare_products__txt": RIDERS["fare_products__txt"].replace("five,,,5", "five,,cash,5")}
    legs = "r x y 08:00 08:10", "q x y 09:00 09:10"
    assert total(*legs, **how) == "15.00"
    assert total(*legs, options=Options(media="one"), **how) == "25.00"


def test_amounts_have_the_decimals_of_their_currency() -> None:
    assert [units_from_text(*told) for told in (("2", "CNY"), ("-0.5", "CNY"), ("200", "JPY"), ("1.5", "KWD"))] == [
        200, -50, 200, 1500,
    ]  # fmt: skip
    assert [units_text(*told) for told in ((-5, "CNY"), (200, "JPY"), (7, "KWD"))] == ["-0.05", "200", "0.007"]
    assert units_from_text("2.000", "CNY") == 200 and units_from_text("20.0", "JPY") == 20
    for text, code in (("1.005", "CNY"), ("1e2", "CNY"), ("1,5", "CNY"), ("", "CNY"), ("20.5", "JPY"), ("+1", "CNY")):
        with pytest.raises(BadAmount):
            units_from_text(text, code)


def test_legs_in_two_currencies_have_no_total() -> None:
    two = BASE["fare_products.txt"].replace("five,5,CNY", "five,500,JPY")
    assert total(*THREE[:2], fare_products__txt=two) is None
    assert quote(THREE[1], fare_products__txt=two)["total"] == {"amount": "500", "currency": "JPY"}


def test_every_option_has_a_default_that_is_its_first_choice_and_refuses_others() -> None:
    for name, offered in CHOICES.items():
        assert getattr(Options(), name) == offered[0]
        assert all(getattr(Options().chosen(name, value), name) == value for value in offered)
        with pytest.raises(ValueError, match=name):
            Options().chosen(name, "neither")
    with pytest.raises(ValueError, match="unheard"):
        Options().chosen("unheard", "of")


@pytest.mark.parametrize(
    "request_",
    [{}, {"journey": 1}, {"journey": [1]}, {"journey": [{}]}, {"journey": [{"departure": "2026-13-01T00:00"}]},
     {"journey": [{"departure": "08:00"}]}, {"journey": [ride("r x y 08:00 08:10")], "select": [1]},
     {"journey": [ride("r x y 08:00 08:10") | {"route_id": 7}]}, {"journey": [ride("r x y 08:60 08:10")]}],
)  # fmt: skip
def test_what_is_no_journey_is_refused_with_its_reason(request_: Any) -> None:
    feed = read_feed({name: text.encode() for name, text in BASE.items()}, Findings())
    with pytest.raises(BadRequest):
        answer(Engine(feed, Options()), request_)


def test_an_empty_journey_and_an_empty_feed_have_no_total() -> None:
    assert quote()["total"] is None
    feed = read_feed({}, Findings())
    found = answer(Engine(feed, Options()), {"journey": [ride("r x y 08:00 08:10")]})
    assert found == {"effective_legs": [[0]], "leg_products": [[]], "transfers": [], "total": None}


def test_a_published_feed_with_unusable_rows_is_used_as_far_as_it_goes() -> None:
    findings = Findings()
    files = {name: ("\ufeff" + text).replace("\n", "\r\n").encode() for name, text in BASE.items()}
    files["fare_products.txt"] = b'fare_product_id,amount,currency,mood\nten,10,CNY\nbad,1e9,CNY,x\nfive,"5",CNY,\xff\n'
    feed = read_feed(files, findings)
    assert answer(Engine(feed, Options()), {"journey": [ride(THREE[0])]})["total"] == {
        "amount": "10.00",
        "currency": "CNY",
    }
    assert {(fault.file, fault.line) for fault in findings.told} == {("fare_products.txt", line) for line in (2, 3, 4)}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["r", "x", "2026-03-02T08:00"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*sorted(ride(THREE[0])), "journey", "select", "fare_media_id"]), inner, max_size=5
        )
    ),
    max_leaves=12,
)
LEG = st.fixed_dictionaries(
    {}, optional={key: JSON | st.just(value) for key, value in ride("r far y 08:00 08:10").items()}
)


@given(st.fixed_dictionaries({"journey": st.lists(LEG, max_size=3) | JSON}, optional={"select": JSON}))
@settings(max_examples=150, deadline=None)
def test_any_request_is_answered_or_refused(request_: dict[str, Any]) -> None:
    try:
        found = answer(ENGINE, request_)
    except BadRequest as wrong:
        assert str(wrong)
    else:
        assert json.dumps(found) and len(found["effective_legs"]) <= len(request_["journey"])


ENGINE = Engine(read_feed({name: text.encode() for name, text in BASE.items()}, Findings()), Options())


def test_the_command_goes_on_after_a_line_that_is_no_journey(tmp_path: Path) -> None:
    for name, text in BASE.items():
        (tmp_path / name).write_text(text)
    good = json.dumps({"journey": [ride(THREE[0])]})
    unsold = json.dumps({"journey": [ride(THREE[0])], "overrides": {"fare_products.txt": None}})
    lines = b"\n".join([good.encode(), b"", b"\xff{", b"[1]", unsold.encode(), good.encode()])
    ran = CliRunner().invoke(main, ["fare", "quote", "--feed", str(tmp_path), "--quiet"], input=lines)
    answers = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [answer.get("total", "none") for answer in answers] == [
        {"amount": "10.00", "currency": "CNY"}, "none", "none", None, {"amount": "10.00", "currency": "CNY"},
    ]  # fmt: skip
    assert ran.exit_code == 1 and answers[1]["error"].startswith("line 3") and "2" in ran.stderr
    refused = CliRunner().invoke(main, ["fare", "quote", "--feed", str(tmp_path), "--option", "limit=never"], input=b"")
    assert refused.exit_code == 1 and "inclusive, exclusive" in refused.stderr


def test_a_zip_of_a_feed_is_read_and_its_timetable_is_not(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "feed.zip", "w") as packed:
        for name, text in (BASE | {"stop_times.txt": "no table at all"}).items():
            packed.writestr(name, text)
    lines = json.dumps({"journey": [ride(THREE[0])]}).encode()
    ran = CliRunner().invoke(main, ["fare", "quote", "--feed", str(tmp_path / "feed.zip")], input=lines)
    assert json.loads(ran.stdout)["total"]["amount"] == "10.00" and ran.stderr == ""


def test_a_hundred_thousand_stops_are_read() -> None:
    stops = "stop_id,stop_name\n" + "".join(f"s{number},x\n" for number in range(100_000))
    findings = Findings()
    feed = read_feed({"stops.txt": stops.encode()}, findings)
    assert len(feed.stops.parents) == 100_000 and not findings.count
