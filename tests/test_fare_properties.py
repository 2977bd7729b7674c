"""The engine agrees with a naive enumeration of everything (tests/fare_oracle.py), and what must hold for any feed."""

from datetime import datetime, timedelta
from itertools import accumulate

from hypothesis import given, settings
from hypothesis import strategies as st

from tariffs.fares.feed import Feed, JoinRule, LegRule, Product, Service, Stops, Timeframe, TransferRule
from tariffs.fares.journey import Engine, Leg, Rider
from tariffs.fares.options import Options
from tests import fare_oracle

NETWORKS, AREAS, GROUPS = ("n1", "n2"), ("a1", "a2"), ("g1", "g2")
ROUTES = {"r1": "n1", "r2": "n2", "r0": ""}
STOPS = ("p1", "p2", "p3", "p4")
PRODUCTS = ("cheap", "dear", "off")
MORNING = datetime(2026, 3, 2, 7, 0)  # a Monday
EVERY_DAY = Service((True,) * 7, MORNING.date(), MORNING.date() + timedelta(days=1), frozenset(), frozenset())


def some(values: tuple[str, ...], blanks: int = 1) -> st.SearchStrategy[str]:
    return st.sampled_from((*("",) * blanks, *values))


def leg_rules(ranked: bool, blanks: int) -> st.SearchStrategy[LegRule]:
    return st.builds(
        LegRule,
        group=st.sampled_from((*GROUPS * blanks, "")),
        network=some(NETWORKS, blanks),
        from_area=some(AREAS, blanks),
        to_area=some(AREAS, blanks),
        from_timeframe=some(("early",), 2 * blanks),
        to_timeframe=some(("early",), 2 * blanks),
        product=st.sampled_from(PRODUCTS),
        priority=st.integers(0, 2) if ranked else st.just(0),
        line=st.just(0),
    )


TRANSFER_RULES = st.builds(
    TransferRule,
    from_group=some(GROUPS),
    to_group=some(GROUPS),
    count=st.sampled_from((None, -1, 1, 2, 3)),
    limit_seconds=st.none() | st.sampled_from((600, 1800, 3600, 7200)),
    limit_type=st.integers(0, 3),
    kind=st.integers(0, 2),
    product=st.sampled_from(("", "cheap", "off", "dear")),
    line=st.just(0),
)
NETWORK = st.sampled_from(NETWORKS)
NO_STOP = st.just("")
JOIN_RULES = st.builds(JoinRule, NETWORK, NETWORK, NO_STOP, NO_STOP) | st.builds(
    JoinRule, NETWORK, NETWORK, st.sampled_from(("S", "p3")), st.sampled_from(("S", "p4"))
)


@st.composite
def feeds(draw: st.DrawFn) -> Feed:
    ranked, blanks = draw(st.booleans()), draw(st.sampled_from((1, 8)))  # many blanks: most fares are known
    rows = [
        Product("cheap", "", "", draw(st.integers(0, 9)), "CNY", 2),
        Product("dear", "adult", "card", draw(st.integers(5, 20)), "CNY", 3),
        Product("dear", "child", "card", draw(st.integers(0, 9)), "CNY", 4),
        Product("dear", "adult", "cash", draw(st.integers(5, 20)), "CNY", 5),
        Product("off", "", "", draw(st.integers(-5, 0)), "CNY", 6),
    ]
    areas = draw(st.dictionaries(st.sampled_from((*STOPS, "S")), st.frozensets(st.sampled_from(AREAS)), max_size=4))
    return Feed(
        routes=ROUTES,
        stops=Stops({"p1": "S", "p2": "S", "p3": "", "p4": "", "S": ""}, areas, {}),
        categories={"adult": True, "child": False},
        media={"card": 2, "cash": 0},
        products={name: tuple(row for row in rows if row.id == name) for name in PRODUCTS},
        leg_rules=tuple(draw(st.lists(leg_rules(ranked, blanks), min_size=1, max_size=5))),
        ranked=ranked,
        join_rules=tuple(draw(st.lists(JOIN_RULES, max_size=2 - min(blanks, 2)))),
        transfer_rules=tuple(draw(st.lists(TRANSFER_RULES, min_size=1, max_size=5))),
        timeframes={"early": (Timeframe(0, 8 * 3600, "daily"),)},
        services={"daily": EVERY_DAY},
        zone=None,
        unverified=(),
    )


@st.composite
def journeys(draw: st.DrawFn, most: int = 5) -> tuple[Leg, ...]:
    rides = draw(
        st.lists(
            st.tuples(
                st.sampled_from(sorted(ROUTES)),
                st.sampled_from(STOPS),
                st.sampled_from(STOPS),
                st.integers(1, 40),
                st.integers(1, 40),
            ),
            min_size=1,
            max_size=most,
        )
    )
    starts = list(accumulate((wait + ride for _, _, _, wait, ride in rides), initial=0))
    return tuple(
        Leg(route, start, end, MORNING + timedelta(minutes=at + wait), MORNING + timedelta(minutes=at + wait + ride))
        for (route, start, end, wait, ride), at in zip(rides, starts, strict=False)
    )


RIDERS = st.sampled_from([Rider(), Rider("child"), Rider("adult", "card"), Rider(None, "cash")])


@given(feeds(), journeys(), RIDERS)
@settings(max_examples=250, deadline=None)
def test_the_cheapest_total_is_that_of_a_full_enumeration(feed: Feed, journey: tuple[Leg, ...], rider: Rider) -> None:
    found = Engine(feed, Options()).quote(journey, rider)
    wanted = fare_oracle.total(feed, journey, rider, "CNY")
    assert found.total == (None if wanted is None else (wanted, "CNY"))


@given(feeds(), journeys(3))
@settings(max_examples=120, deadline=None)
def test_the_index_finds_the_rows_that_hold_and_why_not_names_a_column_for_all_others(
    feed: Feed, journey: tuple[Leg, ...]
) -> None:
    engine = Engine(feed, Options())
    groups = engine.effective(journey)
    assert list(map(list, groups)) == fare_oracle.effective(feed, journey)
    for group in groups:
        travel = engine.travel(journey, group)
        found = engine.legs.match(travel)
        assert set(found) == set(fare_oracle.matching(feed, journey, list(group)))
        for rule in feed.leg_rules:
            assert (engine.legs.why_not(rule, travel) == "") is (rule in found)


@given(feeds(), journeys(), RIDERS)
@settings(max_examples=80, deadline=None)
def test_the_greedy_total_is_never_below_the_cheapest(feed: Feed, journey: tuple[Leg, ...], rider: Rider) -> None:
    cheapest = Engine(feed, Options()).quote(journey, rider).total
    greedy = Engine(feed, Options(partition="as_taken")).quote(journey, rider).total
    assert (cheapest is None) is (greedy is None)
    assert cheapest is None or greedy is None or greedy[0] >= cheapest[0]


@given(feeds(), journeys(4), RIDERS)
@settings(max_examples=80, deadline=None)
def test_an_unknown_leg_makes_the_total_unknown_and_nothing_else_does(
    feed: Feed, journey: tuple[Leg, ...], rider: Rider
) -> None:
    quote = Engine(feed, Options()).quote(journey, rider)
    payable = all(
        fare_oracle.tickets(feed, fare_oracle.matching(feed, journey, list(group)), rider, "CNY")
        for group in quote.legs
    )
    assert (quote.total is not None) is payable
