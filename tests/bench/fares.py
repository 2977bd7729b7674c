"""Fares: a validator's decision, whole journeys beside the naive enumeration, and a pack with 100,000 leg rules."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from tariffs.decide import decide
from tariffs.fares.feed import Feed
from tariffs.fares.gtfs import read_feed
from tariffs.fares.journey import Engine, Leg, Rider
from tariffs.fares.options import Options
from tariffs.faults import Findings
from tariffs.pack import Pack, parse_pack
from tests import fare_oracle
from tests.bench.figures import Figure, median, p99
from tests.test_fare_cases import feed_files
from tests.test_pack import pack_files
from tests.test_tapout import PACK as AT_END
from tests.test_tapout import VISITOR, ask, tap
from tests.test_transfers import CARD, NOW, RIDE, boarded

ROUNDS = 2000
DECISION_US = 50.0
OPEN_S = 2.0
RULES = 100_000


def fares(folder: Path) -> Iterator[Figure]:
    """Decisions with a limit, journeys beside the oracle of the same run, the large pack beside the small one."""
    pack = parse_pack(pack_files("jiaxing"))
    yield from decisions(pack)
    yield from journeys()
    yield from large()
    yield from large_pack()


def decisions(pack: Pack) -> Iterator[Figure]:
    """Each kind of tap by itself."""
    transfer, again = boarded(timedelta(hours=1)), boarded(timedelta(minutes=1), vehicle=RIDE.vehicle)
    for name, card in (
        ("first ride", CARD),
        ("transfer", replace(CARD, last_ride=transfer)),
        ("second tap, student", replace(CARD, card_class="student", last_ride=again)),
    ):
        times = timed(partial(decide, card, RIDE, NOW, pack))
        yield Figure(f"decide(): {name}", median(times), "us", DECISION_US, p99(times))
    _, on = tap(VISITOR, ask())
    missed = ask(vehicle="BUS2")
    for name, card, where in (("tap-in", VISITOR, ask()), ("tap-out", on, ask("S3")), ("tap-out missed", on, missed)):
        times = timed(partial(decide, card, where, NOW + timedelta(minutes=9), AT_END))
        yield Figure(f"decide(): {name}", median(times), "us", DECISION_US, p99(times))


def timed(work: Callable[[], Any], rounds: int = ROUNDS) -> list[float]:
    """Microseconds of each round."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append((time.perf_counter() - started) * 1e6)
    return times


def journeys() -> Iterator[Figure]:
    """Whole journeys a second on the OTP feed of two networks with costed transfers between them."""
    feed = read_feed(feed_files("feeds/otp-costed-across"), Findings())
    engine, begin = Engine(feed, Options()), datetime(2026, 3, 2, 7)
    for count, rounds in ((3, 200), (12, 2)):
        legs = tuple(
            Leg("rb" if place % 3 else "ra", "A", "A", begin + timedelta(minutes=10 * place), None)
            for place in range(count)
        )
        assert engine.quote(legs, Rider()).total == (fare_oracle.total(feed, legs, Rider(), "EUR"), "EUR")
        here = median(timed(partial(engine.quote, legs, Rider()), 200))
        naive = median(timed(partial(fare_oracle.total, feed, legs, Rider(), "EUR"), rounds))
        note = f"{1e6 / here:.0f} journeys a second, {naive / here:.1f} times the enumeration"
        yield Figure(f"a journey of {count} legs", here, "us", floor=naive, note=note)


def large() -> Iterator[Figure]:
    """100,000 rows of leg rules: opening, and a decision beside that of a small pack of the same form."""
    small, many = _zones(4), _zones(RULES)
    started = time.process_time()  # the processor's own seconds: others use this machine too, and it is one thread
    feed = read_feed(many, Findings())
    engine = Engine(feed, Options())
    opened = time.process_time() - started
    assert len(feed.leg_rules) == RULES
    yield Figure(f"a feed of {RULES} leg rules opens", opened, "s", OPEN_S)
    floor = median(_matches(read_feed(small, Findings()), None))
    times = _matches(feed, engine)
    note = f"{median(times) / floor:.2f} times four rules"
    yield Figure("  a leg finds its rule there", median(times), "us", 3 * floor, p99(times), floor, note=note)


def large_pack() -> Iterator[Figure]:
    """A whole pack with 100,000 such rows and the Jiaxing classes: opening, and decisions beside a small one's."""
    small, many = _zoned_pack(2, 2), _zoned_pack(100, RULES // 100)
    started = time.process_time()
    opened = parse_pack(many)
    yield Figure(f"a whole pack of {RULES} leg rules opens", time.process_time() - started, "s", OPEN_S)
    ask = replace(RIDE, line="r1", stop="s1")
    times, floors = (timed(partial(decide, CARD, ask, NOW, each)) for each in (opened, parse_pack(small)))
    note = f"{median(times) / median(floors):.2f} times four rules"
    yield Figure("  a tap is decided there", median(times), "us", DECISION_US, p99(times), median(floors), note=note)


def _zoned_pack(lines: int, zones: int) -> dict[str, bytes]:
    """The Jiaxing pack with more lines, each of which has a row for boarding in each zone."""
    files = {name: raw for name, raw in pack_files("jiaxing").items() if "/" not in name}
    more = {
        "routes.txt": "".join(f"r{line},jiaxing,r{line},r{line},3,made up,false\n" for line in range(lines)),
        "networks.txt": "".join(f"n{line},n{line}\n" for line in range(lines)),
        "route_networks.txt": "".join(f"n{line},r{line}\n" for line in range(lines)),
        "stops.txt": "stop_id\n" + "".join(f"s{zone}\n" for zone in range(zones)),
        "areas.txt": "area_id\n" + "".join(f"a{zone}\n" for zone in range(zones)),
        "stop_areas.txt": "area_id,stop_id\n" + "".join(f"a{zone},s{zone}\n" for zone in range(zones)),
        "fare_leg_rules.txt": "leg_group_id,network_id,from_area_id,fare_product_id\ncity,city,,city_single\n"
        + "".join(f"city,n{line},a{zone},city_single\n" for line in range(lines) for zone in range(zones)),
    }
    added = {"routes.txt", "networks.txt", "route_networks.txt"}
    files.pop("fare_transfer_rules.txt")
    return files | {name: (files[name] if name in added else b"") + text.encode() for name, text in more.items()}


def _matches(feed: Feed, engine: Engine | None) -> list[float]:
    engine = engine or Engine(feed, Options())
    legs = (Leg("r", "s1", "s0", datetime(2026, 3, 2, 7), None),)
    return timed(lambda: engine.legs.match(engine.travel(legs, (0,))))


def _zones(rules: int) -> dict[str, bytes]:
    """A feed in which each pair of so many zones has a fare."""
    side = int(rules**0.5) + (int(rules**0.5) ** 2 < rules)
    pairs = [(start, end) for start in range(side) for end in range(side)][:rules]
    files = {
        "agency.txt": "agency_name,agency_url,agency_timezone\nA,https://a,Asia/Shanghai\n",
        "routes.txt": "route_id,route_type,network_id\nr,3,n\n",
        "stops.txt": "stop_id\n" + "".join(f"s{zone}\n" for zone in range(side)),
        "areas.txt": "area_id\n" + "".join(f"a{zone}\n" for zone in range(side)),
        "stop_areas.txt": "area_id,stop_id\n" + "".join(f"a{zone},s{zone}\n" for zone in range(side)),
        "fare_products.txt": "fare_product_id,amount,currency\np,2,CNY\n",
        "fare_leg_rules.txt": "leg_group_id,network_id,from_area_id,to_area_id,fare_product_id\n"
        + "".join(f"g,n,a{start},a{end},p\n" for start, end in pairs),
    }
    return {name: text.encode() for name, text in files.items()}
