"""The PSAM in vpcd's slot: against a vpcd of our own, and through the real pcscd and pyscard."""

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu.virtual import remote
from apdu.virtual.chance import Chance
from apdu.virtual.contact import ContactFace, Slot, split
from apdu.virtual.faults import Answer, Gone, Tear, Trigger
from apdu.virtual.issuer import make_psam
from apdu.virtual.psam import ATR
from apdu.virtual.t0 import T0
from tests import pcscd_fixture

real_pcscd = pcscd_fixture.real_pcscd

SLOT_PORT = 35963
READER_NAME = "Virtual PCD 00 00"
SELECT_DF = "00A40000021001"
PATIENCE = 5.0


def slot() -> Slot:
    return Slot(T0(make_psam(bytes.fromhex("314000000001"), 16, Chance("psam"))), ATR)


class Vpcd:
    """The server side of vpcd's protocol, one client at a time."""

    def __init__(self, port: int = 0) -> None:
        self.server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.server.bind(("127.0.0.1", port))
        self.server.listen(1)
        self.server.settimeout(PATIENCE)
        self.port: int = self.server.getsockname()[1]
        self.client: socket.socket | None = None

    def accept(self) -> None:
        self.client, _ = self.server.accept()
        self.client.settimeout(PATIENCE)

    def send(self, text: str) -> None:
        message = bytes.fromhex(text)
        assert self.client is not None
        self.client.sendall(len(message).to_bytes(2, "big") + message)

    def ask(self, text: str) -> str:
        assert self.client is not None
        self.send(text)
        head = self.client.recv(2, socket.MSG_WAITALL)
        return self.client.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL).hex().upper()

    def close(self) -> None:
        if self.client is not None:
            self.client.close()
        self.server.close()


@pytest.fixture
def vpcd() -> Iterator[Vpcd]:
    one = Vpcd()
    yield one
    one.close()


@pytest.fixture
def face(vpcd: Vpcd) -> Iterator[ContactFace]:
    one = ContactFace(slot(), vpcd.port, threading.Lock())
    one.start()
    vpcd.accept()
    yield one
    one.stop()


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@given(st.lists(st.binary(max_size=300), max_size=6), st.data())
def test_a_stream_cut_anywhere_gives_the_same_messages(messages: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(len(one).to_bytes(2, "big") + one for one in messages)
    seen: list[bytes] = []
    waiting = b""
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        whole, waiting = split(waiting + stream[:cut])
        seen += whole
        stream = stream[cut:]
    assert (seen, waiting) == (messages, b"")


@given(st.lists(st.binary(max_size=40), max_size=10))
def test_any_message_gets_an_answer_or_is_a_control(messages: list[bytes]) -> None:
    one = slot()
    for message in messages:
        answer, seconds = one.receive(message)
        assert seconds == 0.0
        if answer is None:
            assert message in (b"\x00", b"\x01", b"\x02")
        else:
            assert len(answer) >= 2


def test_the_slot_tells_the_atr_and_runs_commands(vpcd: Vpcd, face: ContactFace) -> None:
    assert vpcd.ask("04") == ATR.hex().upper()
    vpcd.send("01")
    assert vpcd.ask(SELECT_DF) == "612A"
    assert face.wait_seen(PATIENCE)
    assert vpcd.ask("00C000002A").startswith("6F28")
    assert face.slot.counts == {0xA4: 1, 0xC0: 1}


@pytest.mark.parametrize("control", ["00", "01", "02"])
def test_power_and_reset_forget_the_selected_df(vpcd: Vpcd, face: ContactFace, control: str) -> None:
    assert vpcd.ask(SELECT_DF) == "612A"
    vpcd.send(control)
    assert vpcd.ask("00B0970001") == "6A82"


def test_a_brown_out_forgets_the_selected_df_unseen(vpcd: Vpcd, face: ContactFace) -> None:
    assert vpcd.ask(SELECT_DF) == "612A"
    assert vpcd.ask("00B0970001") == "019000"
    face.reset()
    assert vpcd.ask("00B0970001") == "6A82"


def test_the_chip_comes_back_after_pcscd_was_restarted(vpcd: Vpcd, face: ContactFace) -> None:
    assert vpcd.ask("04") == ATR.hex().upper()
    vpcd.close()
    assert eventually(lambda: not face.wait_seen(0))
    again = Vpcd(vpcd.port)
    try:
        again.accept()
        assert again.ask("00B0960006") == "3140000000019000"
        assert face.wait_seen(PATIENCE)
    finally:
        again.close()


def test_an_unplugged_chip_is_gone_until_it_is_plugged_in(vpcd: Vpcd, face: ContactFace) -> None:
    assert vpcd.ask(SELECT_DF) == "612A"
    face.unplug()
    assert vpcd.client is not None and vpcd.client.recv(1) == b""
    face.plug()
    vpcd.accept()
    assert vpcd.ask("00B0970001") == "6A82"


def test_a_torn_psam_is_pulled_out_and_may_have_done_its_work(vpcd: Vpcd, face: ContactFace) -> None:
    face.slot.faults.tears.append(Tear(Trigger(ins=0x84), "after"))
    assert vpcd.client is not None
    vpcd.send("0084000008")
    assert vpcd.client.recv(1) == b""
    face.plug()
    vpcd.accept()
    assert vpcd.ask("00B0960006") == "3140000000019000"


def test_a_scripted_answer_and_a_tear_before_leave_the_chip_alone() -> None:
    one = slot()
    one.faults.answers.append(Answer(Trigger(ins=0xA4), b"\x6a\x88"))
    assert one.receive(bytes.fromhex(SELECT_DF))[0] == b"\x6a\x88"
    assert one.receive(bytes.fromhex("00B0970001"))[0] == b"\x6a\x82"
    one.faults.tears.append(Tear(Trigger(nth=2), "before"))
    one.receive(bytes.fromhex(SELECT_DF))
    with pytest.raises(Gone):
        one.receive(bytes.fromhex("00B0970001"))


@pytest.fixture(scope="module")
def chips(real_pcscd: None) -> Iterator[remote.Virtual]:
    with remote.start(vpcd_port=SLOT_PORT, vpcd_wait=10) as one:
        yield one


def connected() -> Callable[[str], str]:
    from smartcard.System import readers

    reader = next(one for one in readers() if str(one) == READER_NAME)
    connection = reader.createConnection()
    connection.connect()

    def ask(text: str) -> str:
        data, sw1, sw2 = connection.transmit(list(bytes.fromhex(text)))
        return bytes([*data, sw1, sw2]).hex().upper()

    return ask


def test_pyscard_reads_the_terminal_number_through_pcscd(chips: remote.Virtual) -> None:
    ask = connected()
    assert ask("00B0960006") == "3140000000019000"
    assert ask("00B0960000") == "6C06"


def test_through_pcscd_a_df_stays_selected_until_a_reset_that_the_reader_does_not_see(chips: remote.Virtual) -> None:
    ask = connected()
    assert ask(SELECT_DF) == "612A"
    assert ask("00C000002A").startswith("6F28")
    assert ask("00B0970001") == "019000"
    chips.remote.psam_reset()
    assert ask("00B0970001") == "6A82"


def test_through_pcscd_an_unplugged_psam_fails_and_a_plugged_one_works_again(chips: remote.Virtual) -> None:
    from smartcard.Exceptions import SmartcardException

    ask = connected()
    chips.remote.psam_unplug()
    with pytest.raises(SmartcardException):
        ask("00B0960006")
    assert chips.remote.psam_plug()

    def works() -> bool:
        try:
            return connected()("00B0960006") == "3140000000019000"
        except SmartcardException:
            return False

    assert eventually(works)
