"""Recorded conversations. A real card's conversation, recorded once with `smk card --record`, is a test for ever."""

from importlib.resources import files
from typing import Any

import pytest

from apdu.profile import Profile, parse_profiles
from apdu.psam import Psam
from apdu.purse.debit import Order, Receipt, debit
from apdu.purse.heal import Healing, heal
from apdu.purse.read import read, select
from apdu.script import Script
from tests.chips import Bench
from tests.replay import Replay
from tests.test_heal import torn_debit
from tests.test_purse import JIAXING, visit

TIANJIN = """
name = "tianjin"
extends = "tunion"
files = [{ name = "city", command = "00B09700", layout = "city", required = true }]
caches = [{ p1p2 = "00F0", layout = "travel", proof = "", fixed = { type = "06" } }]
"""


def tianjin() -> Profile:
    """The validator of the log reads EF17 and appends a travel record: another profile, the same code."""
    shipped = (files("apdu") / "profiles/tunion.toml").read_text("utf-8")
    return parse_profiles([shipped, TIANJIN])[1]


def purchase(profile: Profile, psam: Psam) -> Script[Receipt]:
    """SELECT, read, debit 1 fen, as the log did."""
    found = yield from select([profile])
    assert found is not None
    purse = yield from read(found)
    record = profile.caches[0].layout.build(profile.caches[0].fixed)
    result = yield from debit(Order(purse, psam, 1, "09", "20190108151751", lambda opened: (record,)))
    assert isinstance(result, Receipt)
    return result


def test_a_published_validator_log_is_reproduced_byte_for_byte() -> None:
    replay, held = Replay("tunion-validator-2019.json"), list[Any]()
    profile = tianjin()
    psam = Psam("413101210198", {profile.psam_df: 1}, profile.psam_df)
    receipt = replay.play(purchase(profile, psam), held)
    replay.finish()
    assert (receipt.tac.hex(), receipt.mac2) == ("4fe3d8dd", "checked")
    assert held[0].opened.balance_fen == 0x471C and held[0].opened.counter == 0x59 and held[0].psam_counter == 0x1E7


def test_a_replay_is_strict() -> None:
    profile = tianjin()
    psam = Psam("413101210199", {profile.psam_df: 1}, profile.psam_df)
    with pytest.raises(AssertionError, match="step 3"):
        Replay("tunion-validator-2019.json").play(purchase(profile, psam), [])


def test_what_the_simulated_chips_say_can_be_recorded_and_replayed() -> None:
    bench = Bench(JIAXING)
    draft = torn_debit(bench, "09", executed=True)
    steps: list[dict[str, str]] = []
    chip = bench.wire.chip

    def recording(raw: bytes) -> bytes:
        answer = chip(raw)
        steps.append({"to": "card", "c": raw.hex().upper(), "r": answer.hex().upper()})
        return answer

    bench.wire.chip = recording
    purse = visit(bench)
    first: Healing = bench.run(heal(purse, bench.psam, draft))
    replay = Replay("tunion-validator-2019.json")
    replay.steps = steps

    def again() -> Script[Healing]:
        found = yield from select(bench.profiles)
        assert found is not None
        whole = yield from read(found)
        return (yield from heal(whole, bench.psam, draft))

    assert replay.play(again(), []) == first == Healing("DONE", first.tac, "proved", first.mac2)
    replay.finish()
