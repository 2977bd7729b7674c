"""The simulated world in its short form: every promise holds under every fault, and each known wrong program is found.

`make world` runs a longer form; docs/world.md says what is simulated.
"""

import subprocess
import sys

import pytest

from tests.world.cuts import cut
from tests.world.mutants import MUTANTS, Kept, planted
from tests.world.run import CRASH, play
from tests.world.world import Faults

SEEDS_A_MUTANT = 8


@pytest.mark.parametrize("seed", range(8))
def test_no_fault_loses_or_doubles_a_fen(seed: int) -> None:
    verdict = play(seed, 1)
    assert verdict.violation is None, "\n".join([*verdict.story, str(verdict.violation)])
    assert verdict.debits > 30, "the town was at work"


@pytest.mark.parametrize("seed", range(8))
def test_counters_offline_at_once_lose_and_double_no_fen_of_funds_accounts_or_cash(seed: int) -> None:
    verdict = play(seed, 1, place="clinic")
    assert verdict.violation is None, "\n".join([*verdict.story, str(verdict.violation)])
    assert verdict.debits > 10, "the clinic was at work"


@pytest.mark.parametrize("seed", [0, 5, 24, 45])
def test_tills_and_their_customers_lose_and_double_no_fen_of_loads_and_sales(seed: int) -> None:
    verdict = play(seed, 1, place="market")
    assert verdict.violation is None, "\n".join([*verdict.story, str(verdict.violation)])
    assert verdict.debits > 15, "the tills were at work"


@pytest.mark.parametrize("seed", range(8))
def test_library_counters_offline_at_once_lose_no_loan_and_tell_none_twice(seed: int) -> None:
    verdict = play(seed, 1, place="library")
    assert verdict.violation is None, "\n".join([*verdict.story, str(verdict.violation)])
    assert verdict.debits > 3, "the library was at work"


@pytest.mark.parametrize(("seed", "days"), [(102, 3), (125, 3), (181, 3)])
def test_days_at_which_the_library_once_broke_a_promise_go_well(seed: int, days: int) -> None:
    verdict = play(seed, days, place="library")
    assert verdict.violation is None, "\n".join([*verdict.story, str(verdict.violation)])


@pytest.mark.parametrize(("seed", "often"), [(18, {}), (79, {"clock": 2}), (3, {"restored": 4})])
def test_days_at_which_the_market_once_broke_a_promise_go_well(seed: int, often: dict[str, int]) -> None:
    verdict = play(seed, 2, Faults(often=often), place="market")
    assert verdict.violation is None, "\n".join([*verdict.story, str(verdict.violation)])


@pytest.mark.parametrize(("seed", "days"), [(14, 2), (33, 1), (500, 4), (508, 4), (510, 4)])
def test_days_at_which_the_clinic_once_broke_a_promise_go_well(seed: int, days: int) -> None:
    verdict = play(seed, days, place="clinic")
    assert verdict.violation is None, "\n".join([*verdict.story, str(verdict.violation)])


@pytest.mark.parametrize("seed", [401, 7016, 7028, 7057])
def test_days_at_which_the_buses_once_broke_a_promise_go_well(seed: int) -> None:
    verdict = play(seed, 2)
    assert verdict.violation is None, "\n".join([*verdict.story, str(verdict.violation)])


@pytest.mark.parametrize(
    ("seed", "weather"),
    [
        (45, Faults(mistake="", end=0.4, no_battery=0.6, often={"torn": 30, "rush": 30, "clock": 15, "power_cut": 10})),
        (49, Faults(mistake="", end=0.5, often={"rush": 60, "disk": 20})),
    ],
)
def test_a_disk_that_fails_also_while_its_journal_is_given_back_ends_no_program(seed: int, weather: Faults) -> None:
    verdict = play(seed, 2, weather)
    assert verdict.violation is None, "\n".join([*verdict.story, str(verdict.violation)])


@pytest.mark.parametrize("mistake", ["clone", "duplicate"])
def test_two_terminals_with_one_number_lose_nothing_and_are_told(mistake: str) -> None:
    verdict = play(100, 2, Faults(mistake=mistake))
    assert verdict.violation is None, "\n".join([*verdict.story, str(verdict.violation)])


@pytest.mark.parametrize("name", MUTANTS)
def test_each_known_wrong_program_is_found(name: str) -> None:
    kept = MUTANTS[name]
    for seed in range(kept.seed, kept.seed + SEEDS_A_MUTANT):
        with planted(name):
            violation = play(seed, kept.days, kept.weather, place=kept.place).violation
        if violation is not None:
            assert violation.promise != CRASH, f"{name} is found by no checker: {violation}"
            return
    pytest.fail(f"{name} lives after {SEEDS_A_MUTANT} seeds")


WEATHERS = {(kept.place, repr(kept.weather)): kept for kept in MUTANTS.values() if kept.weather != Faults()}


@pytest.mark.parametrize("kept", WEATHERS.values(), ids=lambda kept: kept.patch.__name__)
def test_the_weather_in_which_they_are_found_hurts_no_right_program(kept: Kept) -> None:
    verdict = play(0, 1, kept.weather, place=kept.place)
    assert verdict.violation is None, "\n".join([*verdict.story, str(verdict.violation)])


@pytest.mark.parametrize("by", ["power", "kill"])
def test_a_process_that_ends_at_any_touch_of_a_tap_loses_nothing(by: str) -> None:
    found = cut(150, by)
    assert found.violations == []
    assert found.held >= 10 and len(found.points) >= 20


@pytest.mark.drill
@pytest.mark.parametrize("by", ["power", "kill"])
def test_cuts_reach_the_moment_between_hold_and_outcome_often(by: str) -> None:
    found = cut(1_500, by)
    assert found.violations == [] and found.held >= 100


@pytest.mark.drill
@pytest.mark.parametrize("seed", range(1_000, 1_012))
def test_counters_offline_at_once_lose_and_double_no_fen_in_longer_times(seed: int) -> None:
    verdict = play(seed, 5, place="clinic")
    assert verdict.violation is None, "\n".join([*verdict.story, str(verdict.violation)])


@pytest.mark.drill
@pytest.mark.parametrize("seed", range(1_000, 1_020))
def test_library_counters_lose_no_loan_and_tell_none_twice_in_longer_times(seed: int) -> None:
    verdict = play(seed, 3, place="library")
    assert verdict.violation is None, "\n".join([*verdict.story, str(verdict.violation)])


@pytest.mark.drill
@pytest.mark.parametrize("seed", range(1_000, 1_030))
def test_no_fault_loses_or_doubles_a_fen_in_more_worlds(seed: int) -> None:
    verdict = play(seed, 2)
    assert verdict.violation is None, "\n".join([*verdict.story, str(verdict.violation)])


def test_the_same_seed_tells_the_same_story() -> None:
    assert play(3, 1) == play(3, 1)


def test_a_broken_promise_ends_with_a_story_that_can_be_replayed() -> None:
    command = [sys.executable, "-c", _WITH_A_MUTANT]
    told = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert told.returncode == 1, told.stdout + told.stderr
    assert "replay: python -m tests.world --seed 0 --days 1" in told.stdout
    assert "BROKEN: debit once" in told.stdout


_WITH_A_MUTANT = """
from tests.world.__main__ import main
from tests.world.mutants import planted
with planted("debit_sent_again"):
    main(["--seed", "0"])
"""
