"""Between the chips' words and the tariffs': what is written for a ride is read back as that ride."""

from datetime import datetime

import pytest
from msgspec.structs import replace

from apdu.purse.debit import Opened
from apdu.purse.read import Purse
from apdu.virtual.spec import CardSpec
from config.store import load_pack_files
from tariffs.pack import parse_pack
from tariffs.verdict import Charge, Reason
from tariffs.wallet import LastRide
from terminal import translate
from tests.chips import Bench, profiles
from tests.test_purse import JIAXING, TUNION, visit

BOARDED = datetime(2026, 11, 23, 8, 15, 30)
RIDE = LastRide("3", 1, "1001", BOARDED, datetime(2026, 11, 23, 7, 0, 0), 2, 1, 100, "city")
OPENED = Opened(5_000, 7, 0, b"\x01", b"\x00", b"\x01\x02\x03\x04")


def charge(ride: LastRide) -> Charge:
    return Charge(100, Reason.FARE, True, 200, "city_single", ride)


def written(spec: CardSpec, ride: LastRide) -> Purse:
    """The purse after its records were written for `ride`."""
    purse = visit(Bench(spec))
    records = translate.compose(purse, charge(ride), "314000000001", OPENED)
    cache = purse.profile.caches[0]
    file = purse.profile.file(cache.proof)
    return replace(purse, files={**purse.files, cache.proof: file.layout.parse(records[0])})


def test_a_ride_written_on_a_jiaxing_card_reads_back_whole() -> None:
    assert translate.last_ride(written(JIAXING, RIDE)) == RIDE


def test_a_ride_written_on_a_t_union_card_reads_back_as_far_as_its_record_goes() -> None:
    found = translate.last_ride(written(TUNION, RIDE))
    assert found is not None
    assert (found.line, found.direction, found.vehicle, found.boarded_at) == ("3", 1, "1001", BOARDED)
    assert (found.taps, found.amount_fen) == (1, 100)


def test_a_line_with_letters_is_written_in_digits_where_the_record_has_no_letters() -> None:
    found = translate.last_ride(written(TUNION, replace(RIDE, line="K12")))
    assert found is not None and found.line == "12"
    own = translate.last_ride(written(JIAXING, replace(RIDE, line="K12")))
    assert own is not None and own.line == "K12"


def test_the_travel_record_carries_the_balance_after_the_debit() -> None:
    purse = visit(Bench(TUNION))
    travel = purse.profile.caches[1]
    record = translate.compose(purse, charge(RIDE), "314000000001", OPENED)[1]
    values = travel.layout.parse(record)
    assert (values["balance_after"], values["amount"], values["terminal"]) == (4_900, 100, "0000314000000001")


@pytest.mark.parametrize("spec", [JIAXING, TUNION])
def test_a_fresh_card_tells_of_no_ride(spec: CardSpec) -> None:
    assert translate.last_ride(visit(Bench(spec))) is None


def test_a_pack_whose_names_do_not_fit_the_cards_is_found() -> None:
    files = load_pack_files("builtin:jiaxing")
    assert translate.unfit(parse_pack(files), profiles()) == []
    routes, networks = files["routes.txt"], files["route_networks.txt"]
    longer = {
        **files,
        "routes.txt": routes.replace(b"\nboat,", b"\nferry,"),
        "route_networks.txt": networks.replace(b"boat,boat", b"boat,ferry"),
    }
    assert any("ferry" in fault for fault in translate.unfit(parse_pack(longer), profiles()))


def test_when_is_the_wall_clock_in_fourteen_digits() -> None:
    assert translate.when(datetime(2026, 1, 2, 3, 4, 5, 678_901)) == "20260102030405"
