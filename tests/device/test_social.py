"""A patient's chip through pcscd and pyscard: read, masked, its PIN's tries, and a card that is pulled out."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from apdu.errors import ApduError
from apdu.social.read import Chip
from apdu.virtual import remote
from apdu.virtual.social import SocialSpec
from apdu.virtual.timing import NO_DELAY
from config.model import Hospital
from sync.events import HolderChecked
from sync.record import decode
from terminal import box
from terminal.chipcard import NotServed, read_in
from terminal.faces.web.page import Role
from terminal.library.card import contact_number
from terminal.ports import ReaderLost
from terminal.training.build import PASSWORD, PEOPLE, start
from terminal.training.cast import TRAINEES
from tests.web.served import Client

COUNTER_PORT = 35963
HOSPITAL = Hospital(reader="00 00")
HOLDER = SocialSpec("A00000001", "33041119700101001X", "张三丰", accumulators=(2012, 1200, 900, 1, 0))
SMK = Path(sys.executable).parent / "smk"


@pytest.fixture(scope="module")
def cards(real_pcscd: None) -> Iterator[remote.Remote]:
    """The counter's slot, with cards to put in."""
    with remote.start(vpcd_port=0, social_port=COUNTER_PORT) as running:
        running.remote.social_add(HOLDER, "holder")
        trainee = TRAINEES[0]
        assert trainee.chip is not None
        running.remote.social_add(trainee.chip, "insured")
        others = {"city_pass": "B00000002", "old_medical": "C00000003"}
        for kind, number in others.items():
            running.remote.social_add(SocialSpec(number, HOLDER.id_number, "李四", kind=kind), kind)
        yield running.remote


@pytest.fixture
def inside(cards: remote.Remote, request: pytest.FixtureRequest) -> Iterator[remote.Remote]:
    """The card that the test names is in the slot."""
    assert cards.social_insert(request.param)
    yield cards
    cards.social_withdraw()
    cards.clear_faults()


def test_a_slot_without_a_card_says_so(cards: remote.Remote) -> None:
    with pytest.raises(ReaderLost, match="citizen card"):
        box.open_patient_slot(HOSPITAL)


@pytest.mark.parametrize("inside", ["holder"], indirect=True)
def test_a_chip_is_read_on_the_real_stack_and_its_pin_counts_down(inside: remote.Remote) -> None:
    def read(pin: str = "") -> Chip:
        return read_in(lambda: box.open_patient_slot(HOSPITAL), box.load_chip_profiles(HOSPITAL.chips), pin)

    chip = read("123456")
    assert chip.text("name") == "张三丰" and chip.fact("inscope_fen") == 1200
    for left in (2, 1):
        with pytest.raises(NotServed, match=f"{left} tries left"):
            read("000000")
    read("123456")
    with pytest.raises(NotServed, match="2 tries left"):
        read("000000")
    read("123456")
    inside.tear("before", ins="B2", chip="social")
    with pytest.raises((ApduError, ReaderLost)):
        read("123456")


@pytest.mark.parametrize("inside", ["holder"], indirect=True)
def test_the_command_shows_a_chip_masked(inside: remote.Remote, tmp_path: Path) -> None:
    text = """[terminal]
number = "00000001"
merchant = "330400000000001"
data = "data"
[psam]
reader = "00 01"
[tariff]
pack = "builtin:jiaxing"
[hospital]
reader = "00 00"
"""
    (tmp_path / "terminal.toml").write_text(text, "utf-8")
    command = [str(SMK), "social", "--json", str(tmp_path / "terminal.toml")]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    shown = json.loads(ran.stdout)
    assert shown["name"] == "张**" and shown["id_number"] == "*" * 14 + "001X" and shown["verified"] is False
    assert HOLDER.id_number not in ran.stdout and "region" not in shown


@pytest.mark.parametrize("inside", ["holder"], indirect=True)
def test_the_librarys_counter_knows_its_reader_by_the_chip(inside: remote.Remote, tmp_path: Path) -> None:
    assert contact_number(lambda: box.open_patient_slot(HOSPITAL), HOSPITAL.chips) == (HOLDER.number, "social_jiaxing")


@pytest.mark.parametrize("inside", ["city_pass"], indirect=True)
def test_a_city_pass_card_is_told_that_it_has_no_such_function(inside: remote.Remote) -> None:
    with pytest.raises(NotServed, match="城市通卡"):
        read_in(lambda: box.open_patient_slot(HOSPITAL), box.load_chip_profiles(HOSPITAL.chips))


@pytest.mark.parametrize("inside", ["old_medical"], indirect=True)
def test_the_old_card_is_served_by_its_own_profile(inside: remote.Remote) -> None:
    chip = read_in(lambda: box.open_patient_slot(HOSPITAL), box.load_chip_profiles(HOSPITAL.chips), "123456")
    assert chip.kind == "old_medical" and chip.text("name") == "李四"


@pytest.mark.parametrize("inside", ["insured"], indirect=True)
def test_the_hospitals_page_checks_a_pin_on_the_real_stack(inside: remote.Remote, tmp_path: Path) -> None:
    training = start(tmp_path / "training", 0, NO_DELAY)
    try:
        place = training.built.house.place
        assert place is not None and place.hospital is not None
        place.hospital.parts = place.hospital.parts._replace(open_slot=lambda: box.open_patient_slot(HOSPITAL))
        assert training.built.face.ready.wait(15)
        client = Client(training.built.face.port).log_in_as(PEOPLE[Role.CLERK], PASSWORD)
        client.act("hospital_sign_in", {})
        assert "2 tries left" in client.act("hospital_pin", {"pin": "000000"}).json["en"]
        assert client.get("/api/hospital").json["step"] == "ready"
        assert client.act("hospital_pin", {"pin": "123456"}).json["step"] == "entitled"
        rows = training.built.house.journal.rows(0, 100, 10**6)
        found = [event for row in rows if isinstance(event := decode(row.raw).event, HolderChecked)]
        assert [(event.by, event.clerk) for event in found] == [("pin", PEOPLE[Role.CLERK])]
    finally:
        training.close()
