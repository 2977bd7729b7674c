"""The process of simulated chips: its commands, its memory file, its ways to end."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nfc
import nfc.clf
import nfc.tag
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu import crypto
from apdu.virtual import issuer, timing
from apdu.virtual.control import COMMANDS, Control
from apdu.virtual.remote import Remote, RemoteError, Virtual, start
from apdu.virtual.simulation import Simulation
from apdu.virtual.spec import CardSpec

SPEC = CardSpec(serial="0000000000000001", balance_fen=10000, counter=5)
TUNION = CardSpec(serial="0123456789012345", kind="tunion", city="2900", issuer=issuer.SHANGHAI, balance_fen=10000)
MOMENT = "20260305081530"


@pytest.fixture(scope="module")
def chips() -> Iterator[Virtual]:
    with start(vpcd_port=0) as one:
        yield one


@pytest.fixture
def card(chips: Virtual) -> str:
    """A fresh card with a serial of its own."""
    serial = f"{len(chips.remote.cards()) + 100:016d}"
    return chips.remote.add(CardSpec(serial=serial, balance_fen=10000, counter=5))


def of(chips: Virtual, name: str) -> dict[str, Any]:
    return dict(chips.remote.memory()["cards"][name])


def keys_of(spec: CardSpec) -> Any:
    if spec.kind == "tunion":
        return issuer.card_keys(issuer.TUNION, bytes.fromhex(spec.serial), bytes.fromhex(spec.issuer))
    return issuer.card_keys(issuer.MOHURD, bytes.fromhex(spec.serial), issuer.city_factor(spec.city))


def test_a_card_is_named_by_its_number_and_enters_and_leaves(chips: Virtual, card: str) -> None:
    assert card == of(chips, card)["number20"]
    chips.remote.enter(card)
    assert chips.remote.in_field() == card
    assert of(chips, card)["in_field"]
    chips.remote.leave()
    assert chips.remote.in_field() is None


@pytest.mark.parametrize("spec", [SPEC, TUNION], ids=["jiaxing", "tunion"])
@pytest.mark.parametrize("kind", ["06", "09"])
def test_a_purchase_elsewhere_is_a_real_one_with_a_valid_tac(chips: Virtual, spec: CardSpec, kind: str) -> None:
    name = chips.remote.add(spec, card=f"{spec.kind}-{kind}")
    cache = "80DC00F030" + "AB" * 48 if spec.kind == "tunion" else "80DC09B830092E00" + "AB" * 45
    deal = chips.remote.purchase_elsewhere(name, 200, MOMENT, kind, [cache] if kind == "09" else [])
    data = bytes.fromhex(f"{200:08X}{kind}{deal['terminal']}{deal['terminal_sequence']:08X}{MOMENT}")
    assert crypto.tac(keys_of(spec).tac, data).hex().upper() == deal["tac"] == of(chips, name)["last_tac"]
    after = of(chips, name)
    assert (after["balance_fen"], after["counter"]) == (9800, deal["counter"] + 1)
    assert (deal["balance_before_fen"], deal["counter"]) == (10000, spec.counter)
    assert deal["terminal"] != chips.remote.memory()["psam"]["terminal"]
    assert after["log"][0] == f"{deal['counter'] + 1:04X}000000{200:08X}{kind}{deal['terminal']}{MOMENT}"
    if kind == "09":
        sfi = "1E" if spec.kind == "tunion" else "17"
        assert "AB" * 45 in after["records"][sfi][0]


def test_two_purchases_elsewhere_have_different_terminal_sequences(chips: Virtual, card: str) -> None:
    deals = [chips.remote.purchase_elsewhere(card, 100, MOMENT) for _ in range(2)]
    assert len({deal["terminal_sequence"] for deal in deals}) == 2


def test_a_load_elsewhere_adds_money_with_a_valid_tac(chips: Virtual, card: str) -> None:
    deal = chips.remote.credit(card, 5000, MOMENT)
    after = of(chips, card)
    assert (after["balance_fen"], after["counter"], after["load_counter"]) == (15000, 5, deal["load_counter"] + 1)
    spec = CardSpec.from_json(after["spec"])
    data = bytes.fromhex(f"{15000:08X}{deal['load_counter']:04X}{5000:08X}02{deal['terminal']}{MOMENT}")
    assert crypto.tac(keys_of(spec).tac, data).hex().upper() == deal["tac"] == after["last_tac"]
    assert after["last_type"] == 2


def test_a_purchase_that_the_card_refuses_is_told_with_its_status(chips: Virtual, card: str) -> None:
    with pytest.raises(RemoteError, match="INIT answered 9401"):
        chips.remote.purchase_elsewhere(card, 10001, MOMENT)


def test_the_issuer_locks_and_unlocks(chips: Virtual, card: str) -> None:
    chips.remote.block(card)
    with pytest.raises(RemoteError, match="SELECT answered 6A81"):
        chips.remote.purchase_elsewhere(card, 1, MOMENT)
    assert of(chips, card)["locked"] == 1
    chips.remote.unblock(card)
    assert chips.remote.purchase_elsewhere(card, 1, MOMENT)["amount_fen"] == 1


def test_a_card_in_the_field_cannot_be_elsewhere(chips: Virtual, card: str) -> None:
    chips.remote.enter(card)
    for command in (
        lambda: chips.remote.purchase_elsewhere(card, 1, MOMENT),
        lambda: chips.remote.credit(card, 1, MOMENT),
        lambda: chips.remote.block(card),
    ):
        with pytest.raises(RemoteError, match="is in the field"):
            command()
    chips.remote.leave()


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("enter", {"card": "nobody"}, "no card nobody"),
        ("enter", {}, "card"),
        ("add", {"spec": {"serial": "1"}}, "serial"),
        ("tear", {"side": "sideways"}, "side"),
        ("tear", {"side": "before", "nth": 0}, "nth"),
        ("tear", {"side": "before", "unit": "mile"}, "mile"),
        ("tear", {"side": "before", "chip": "sim"}, "chip"),
        ("damage", {"how": "loudly"}, "how"),
        ("answer_status", {"sw": "nonsense"}, "nonsense"),
        ("wtx", {"multiplier": "x"}, "multiplier"),
        ("psam_unplug", {}, "no contact face"),
        ("timing", {"profile": {"frame_ms": "slow"}}, "slow"),
        ("format", {}, "unknown command"),
    ],
)
def test_a_command_that_makes_no_sense_is_refused_with_its_reason(
    chips: Virtual, name: str, arguments: dict[str, Any], told: str
) -> None:
    with pytest.raises(RemoteError, match=told):
        chips.remote._do(name, **arguments)


def test_counts_faults_and_trace_are_told_over_the_socket(chips: Virtual, card: str) -> None:
    remote = chips.remote
    remote.counts(reset=True)
    remote.trace()
    remote.timing(timing.ESTIMATES)
    remote.timing(None)
    remote.enter(card)
    remote.answer_status("6581", ins="A4")
    remote.answer_bytes("00", ins="5C")
    remote.wtx(1, ins="B0")
    remote.tear("before", ins="B2", notice=True)
    remote.lose()
    remote.garble()
    remote.damage("empty")
    assert remote.armed() == 7
    clf = nfc.ContactlessFrontend(chips.udp_path)
    try:
        assert clf.sense(nfc.clf.RemoteTarget("106A")) is None
        tag = nfc.tag.activate(clf, clf.sense(nfc.clf.RemoteTarget("106A")))
        assert tag.transceive(bytes.fromhex("00A40000021001")) == b"\x65\x81"
        assert tag.transceive(bytes.fromhex("805C000204")) == b"\x00"
        assert tag.transceive(bytes.fromhex("00B0850000"))[-2:] == b"\x90\x00"
        with pytest.raises(nfc.clf.BrokenLinkError):
            tag.transceive(bytes.fromhex("00B201C400"))
    finally:
        clf.close()
    assert (remote.armed(), remote.in_field()) == (0, None)
    assert remote.wait_idle(quiet_ms=1)
    assert remote.counts()["card"] == {"5C": 1, "A4": 1, "B0": 1, "B2": 1}
    assert remote.frames() > 8
    assert {line[1] for line in remote.trace(on=False)} == {"frame", "apdu", "answer", "torn"}
    remote.silent()
    remote.clear_faults()
    assert remote.armed() == 0


def test_the_chips_memory_outlives_the_process(tmp_path: Path) -> None:
    memory, cards = tmp_path / "chips.json", tmp_path / "cards.json"
    cards.write_text(json.dumps([SPEC.to_json(), TUNION.to_json()]), "utf-8")
    with start(vpcd_port=0, memory=memory, cards=cards, seed=4) as first:
        names = first.remote.cards()
        first.remote.purchase_elsewhere(names[0], 150, MOMENT)
        before = first.remote.memory()
    assert json.loads(memory.read_text("utf-8")) == before
    with start(vpcd_port=0, memory=memory, seed=4) as second:
        assert second.remote.memory() == before
        assert second.remote.purchase_elsewhere(names[0], 150, MOMENT)["balance_before_fen"] == 9850


def test_a_damaged_memory_file_is_refused_by_its_name(tmp_path: Path) -> None:
    memory = tmp_path / "chips.json"
    for text in ("", "[]", "{}", '{"version": 2}', '{"version": 1, "seed": 0, "cards": {"a": {}}}'):
        memory.write_text(text, "utf-8")
        with pytest.raises(RemoteError, match=r"chips\.json: "):
            start(vpcd_port=0, memory=memory)


def test_without_a_vpcd_it_says_so_and_ends_with_three(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        options = ["--vpcd-port", str(nobody.getsockname()[1]), "--vpcd-wait", "0.2", "--control", str(tmp_path / "c")]
        ended = subprocess.run([sys.executable, "-m", "apdu.virtual", *options], capture_output=True, text=True)
    assert ended.returncode == 3
    assert ended.stderr.startswith("no vpcd: ") and ended.stdout == ""


def test_it_ends_with_the_program_that_started_it(tmp_path: Path) -> None:
    virtual = start(vpcd_port=0, control=tmp_path / "c")
    assert virtual.process.stdin is not None
    virtual.process.stdin.close()
    assert virtual.process.wait(5) == 0
    assert not (tmp_path / "c").exists()
    with pytest.raises(RemoteError, match="gone"):
        virtual.remote.memory()
    with pytest.raises(RemoteError, match="no simulated chips"):
        Remote(tmp_path / "c")
    virtual.remote.close()


def test_it_saves_its_memory_when_told_to_terminate(tmp_path: Path) -> None:
    memory = tmp_path / "chips.json"
    virtual = start(vpcd_port=0, memory=memory)
    virtual.remote.add(SPEC)
    virtual.process.terminate()
    assert virtual.process.wait(5) == 0
    assert SPEC.number20 in json.loads(memory.read_text("utf-8"))["cards"]
    virtual.stop()


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Control]:
    simulation = Simulation(0, 0, 0)
    simulation.start()
    simulation.add(SPEC.to_json(), "c")
    one = Control(simulation, tmp_path_factory.mktemp("control") / "socket", threading.Event().set)
    yield one
    one.stop()
    simulation.stop()


@given(line=st.binary(max_size=200))
def test_any_line_to_the_control_socket_gets_an_answer(control: Control, line: bytes) -> None:
    assert set(control.answer(line)) in ({"ok"}, {"error"})


values = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("c") | st.lists(st.integers())


@given(
    name=st.sampled_from([one for one in COMMANDS if one != "wait_idle"]),
    arguments=st.dictionaries(
        st.sampled_from(["card", "spec", "side", "ins", "nth", "times", "how", "profile", "fen", "moment", "on"]),
        values,
    ),
)
def test_any_arguments_to_any_command_get_an_answer(control: Control, name: str, arguments: dict[str, Any]) -> None:
    line = json.dumps({"do": name} | arguments).encode()
    assert set(control.answer(line)) in ({"ok"}, {"error"})
    assert control.answer(b'{"do": "clear_faults"}') == {"ok": None}
