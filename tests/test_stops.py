"""The stop that a bus stands at, in whole numbers."""

from math import asin, cos, radians, sin, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tariffs.faults import PackFaults
from tariffs.stops import Place, Stop, distance, nearest, read_stops

places = st.builds(Place, st.integers(18_000_000, 54_000_000), st.integers(73_000_000, 135_000_000))
near = st.integers(-5_000, 5_000)


@given(places, near, near)
def test_a_distance_is_right_to_three_percent(place: Place, north: int, east: int) -> None:
    other = Place(place.lat + north, place.lon + east)
    lat1, lon1, lat2, lon2 = (radians(value / 1e6) for value in (*place, *other))
    half = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    metres = 2 * 6_371_000 * asin(sqrt(half))
    assert abs(distance(place, other) - metres) <= metres * 0.03 + 1


def test_the_nearest_of_several_stops_is_taken_and_none_far_away() -> None:
    stops = [Stop(str(n), "", Place(30_754_000 + n * 400, 120_760_000)) for n in range(5)]
    found = nearest(Place(30_754_500, 120_760_000), stops)
    assert found is not None and (found.stop.id, found.metres) == ("1", 11)
    assert nearest(Place(30_760_000, 120_760_000), stops) is None
    assert nearest(Place(30_754_000, 120_761_000), stops) is None
    assert nearest(Place(0, 0), []) is None


def test_stops_are_read_exactly_and_stations_without_a_place_are_passed_over() -> None:
    text = "stop_id,stop_name,stop_lat,stop_lon\nA,甲,30.7541239,-120.5\nB,乙,,\n"
    assert read_stops({"stops.txt": text.encode()}) == (Stop("A", "甲", Place(30_754_123, -120_500_000)),)
    assert read_stops({}) == ()


@pytest.mark.parametrize("lat", ["91", "x", "30,7", "1e1", "NaN"])
def test_a_place_that_is_none_is_a_fault(lat: str) -> None:
    with pytest.raises(PackFaults):
        read_stops({"stops.txt": f'stop_id,stop_name,stop_lat,stop_lon\nA,a,"{lat}",120\n'.encode()})


@given(st.binary(max_size=100))
def test_any_bytes_are_stops_or_faults(raw: bytes) -> None:
    try:
        read_stops({"stops.txt": raw})
    except PackFaults:
        return
