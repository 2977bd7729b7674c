"""An explanation names the row that made the fare, and says of every other row why it did not."""

from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from msgspec.structs import replace

from tariffs.asks import Ride
from tariffs.explain import PRICED, SECOND_TAPS, Explained, Explainer
from tariffs.explain_rows import Note
from tariffs.limits import NOTES_MAX
from tariffs.pack import parse_pack
from tariffs.verdict import Charge, Reason, Refuse
from tariffs.wallet import LastRide, Wallet
from terminal.whatif.cast import cast
from terminal.whatif.changes import Place
from terminal.whatif.day import generated
from tests.test_pack import edited, pack_files
from tests.test_transfers import CARD, NOW, RIDE

FILES = pack_files("jiaxing")
PACK = parse_pack(FILES)
EXPLAINER = Explainer(FILES, PACK)


def explained(files: dict[str, bytes] = FILES, card: Wallet = CARD, ask: Ride = RIDE, now: datetime = NOW) -> Explained:
    return Explainer(files, parse_pack(files)).explain(card, ask, now)


def notes(of: Explained, step: str) -> list[Note]:
    return next((list(one.notes) for one in of.steps if one.en == step), [])


def why(of: Explained, where: str) -> str:
    """What is said of one row."""
    [note] = [note for step in of.steps for note in step.notes if note.where == where]
    return "matches" if note.matched else note.en


def test_on_every_tap_of_a_day_the_rows_that_match_are_those_that_made_the_fare() -> None:
    last: dict[str, LastRide] = {}
    seen: Counter[Reason] = Counter()
    for tap in generated(
        cast([PACK], date(2026, 12, 1)), [Place("1"), Place("3"), Place("boat")], date(2026, 12, 1), 250, 5
    ):
        number = tap.wallet.number
        found = EXPLAINER.explain(replace(tap.wallet, last_ride=last.get(number)), tap.ask, tap.at)
        verdict = found.verdict
        seen[verdict.reason] += 1
        amounts = [
            int(Decimal(note.said.split()[-1]) * 100) for note in notes(found, "products and amounts") if note.matched
        ]
        transfers = [note for note in notes(found, "a transfer") if note.matched]
        assert len(amounts) == 1
        if isinstance(verdict, Charge):
            if verdict.composite:
                last[number] = verdict.ride
            if verdict.reason not in SECOND_TAPS | {Reason.TRANSFER}:
                assert verdict.amount_fen == amounts[0] and not transfers
        assert bool(transfers) == (verdict.reason is Reason.TRANSFER)
        assert notes(found, "a second tap in the same ride")[0].matched == (verdict.reason in SECOND_TAPS)
    assert set(seen) >= {Reason.FARE, Reason.CONCESSION, Reason.FREE_CLASS, Reason.TRANSFER, Reason.INTEROP}


def test_every_row_that_does_not_match_says_why_in_both_languages() -> None:
    for card in (CARD, replace(CARD, card_class="student"), replace(CARD, city="2000")):
        for step in explained(card=card).steps:
            assert step.zh and step.en and step.notes
            assert all(note.matched or (note.zh and note.en) for note in step.notes)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"hot_level": 0}, Reason.HOT_LISTED),
        ({"city": "9999"}, Reason.FOREIGN_CITY),
        ({"end": date(2020, 1, 2)}, Reason.EXPIRED),
        ({"card_class": ""}, Reason.CLASS_NOT_SERVED),
    ],
)
def test_a_refused_card_is_told_its_reason_and_no_fare(changed: dict[str, object], reason: Reason) -> None:
    found = explained(card=replace(CARD, **changed))
    assert isinstance(found.verdict, Refuse) and reason not in PRICED
    assert [step.en for step in found.steps] == ["is the card accepted"]
    assert found.steps[0].notes[-1].en == f"refused: {reason}"


def test_a_route_that_the_pack_does_not_have_is_told() -> None:
    found = explained(ask=replace(RIDE, line="9"))
    assert notes(found, "which network")[-1].en == "there is no route 9"


def test_an_ended_concession_leads_to_the_other_class() -> None:
    found = explained(card=replace(CARD, card_class="student", class_end=NOW.date() - timedelta(days=1)))
    told = [(note.said.split()[0], note.matched) for note in notes(found, "on which terms") if note.said]
    assert ("student", True) in told and told[-1] == ("ordinary", True)
    assert why(found, "fare_products.txt:3") == "matches"


def test_editions_of_other_days_say_when_they_hold() -> None:
    files = dict(FILES)
    start = files["classes.toml"].index(b"[[classes]]")
    first = files["classes.toml"][start : files["classes.toml"].index(b"[[classes]]", start + 1)]
    files["classes.toml"] += first.replace(b"2017-01-01", b"2023-01-01") + first.replace(b"2017-01-01", b"2099-01-01")
    said = {note.said: (note.matched, note.en) for note in notes(explained(files), "on which terms")}
    assert said["ordinary 2017-01-01"] == (False, "overtaken on 2023-01-01")
    assert said["ordinary 2023-01-01"] == (True, "ordinary card")
    assert said["ordinary 2099-01-01"] == (False, "only from 2099-01-01 on")


def test_a_window_that_ended_and_a_count_that_is_used_up_are_told() -> None:
    now = NOW.replace(tzinfo=None)
    last = LastRide("3", 0, "other", now, now - timedelta(hours=5, seconds=1), 1, 1, 100)
    late = explained(card=replace(CARD, last_ride=last))
    assert why(late, "fare_transfer_rules.txt:2") == "after 18001 s, the limit is 18000"
    assert why(late, "fare_transfer_rules.txt:3") == "this one is city → city"
    once = edited("fare_transfer_rules.txt", "city,city,-1,18000", "city,city,1,18000")
    used = explained(once, replace(CARD, last_ride=replace(last, first_boarded_at=last.boarded_at)))
    assert why(used, "fare_transfer_rules.txt:2") == "it allows 1, this is transfer 2"


def test_blank_and_outranked_leg_rules_say_so() -> None:
    blank = edited("fare_leg_rules.txt", "boat,boat,boat_single\n", "boat,boat,boat_single\n,,boat_single\n")
    assert "not listed; city is" in why(explained(blank), "fare_leg_rules.txt:4")
    ranked = {**FILES, "fare_leg_rules.txt": b"leg_group_id,network_id,fare_product_id,rule_priority\n"
              b"city,city,city_single,1\nboat,boat,boat_single,\n,,boat_single,0\n"}  # fmt: skip
    assert why(explained(ranked), "fare_leg_rules.txt:4") == "another rule has a higher priority"


def test_a_dearer_row_for_anybody_gives_way_to_the_classs_own() -> None:
    files = {**FILES, "fare_products.txt": FILES["fare_products.txt"] + b"city_single,x,,card,5.00,CNY,none,false\n"}
    assert "cheaper" in why(explained(files), "fare_products.txt:10")


def test_a_rule_of_another_hour_says_so() -> None:
    days = b"monday,tuesday,wednesday,thursday,friday,saturday,sunday"
    files = {
        **FILES,
        "calendar.txt": b"service_id,%s,start_date,end_date\nall,1,1,1,1,1,1,1,20200101,20991231\n" % days,
        "timeframes.txt": b"timeframe_group_id,start_time,end_time,service_id\nnight,22:00:00,24:00:00,all\n",
        "fare_leg_rules.txt": b"leg_group_id,network_id,from_timeframe_group_id,fare_product_id\n"
        b"city,city,,city_single\nboat,boat,,boat_single\ncity,city,night,city_single\n",
    }
    assert why(explained(files), "fare_leg_rules.txt:4") == "not at this time"
    assert why(explained(files, now=NOW.replace(hour=23)), "fare_leg_rules.txt:4") == "matches"


def test_rows_of_a_later_edition_are_told_with_its_folder() -> None:
    files = {
        **FILES,
        "2025-07-01/fare_products.txt": FILES["fare_products.txt"].replace(b"adult,card,1.00", b"adult,card,1.50"),
    }
    july = explained(files, now=NOW + timedelta(days=60))
    assert why(explained(files), "fare_products.txt:3") == why(july, "2025-07-01/fare_products.txt:3") == "matches"
    assert isinstance(july.verdict, Charge) and july.verdict.amount_fen == 150


def test_of_very_many_rows_those_that_match_are_told_and_the_rest_is_counted() -> None:
    rows = b"".join(b"n%d,n%d,city_single\n" % (n, n) for n in range(50))
    files = {**FILES, "fare_leg_rules.txt": FILES["fare_leg_rules.txt"] + rows}
    files["networks.txt"] += b"".join(b"n%d,x\n" % n for n in range(50))
    found = notes(explained(files), "fare rules")
    assert len(found) == NOTES_MAX + 2 and found[-1].en == f"{51 - NOTES_MAX} more rows do not match"
    assert [note.where for note in found if note.matched] == ["fare_leg_rules.txt:2"]
