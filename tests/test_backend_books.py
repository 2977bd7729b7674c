"""The backend's books: every TAC checked, grey debits settled, nothing paid twice, the issuer's files."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from sync.backend.keys import verifies
from sync.backend.report import consumption, lock_report
from sync.backend.service import Service
from sync.events import UNHEALED, Alarm, Grey, Locked, LockTried
from sync.issuer_files import parse_xf
from tests import stores
from tests.rows import HELD, done, grey, held, void
from tests.serving import KEYS, Terminal, alarms, counts, found, members, tac_of

backend, store = stores.backend, stores.store


@pytest.fixture
def terminal(backend: Service) -> Terminal:
    return Terminal(backend)


def wrong(tac: str) -> str:
    return f"{int(tac, 16) ^ 1:08X}"


# TACs and outcomes


def test_the_tac_of_another_buss_debit_beside_a_grey_one_is_an_answer_and_no_alarm(
    backend: Service, terminal: Terminal
) -> None:
    terminal.debit(grey(0, tac="DEADBEEF", why="proof_without_evidence"))
    terminal.send()
    assert counts(backend) == {"grey_open": 1} and alarms(backend) == []


def test_a_wrong_tac_goes_the_way_of_a_grey_record(backend: Service, terminal: Terminal) -> None:
    terminal.debit(done(0, wrong(tac_of(HELD))))
    terminal.send()
    assert counts(backend) == {"grey_open": 1} and alarms(backend) == ["wrong_tac"]
    assert found(backend)["unproven_done"] == 1 and found(backend)["paid_fen"] == 0
    terminal.debit(counter=18, balance=HELD.balance - HELD.amount)
    terminal.send()
    assert counts(backend) == {"grey_paid": 1, "open": 1} and found(backend)["paid_fen"] == HELD.amount


def test_a_tac_is_checked_over_every_field_under_it_and_for_its_own_card() -> None:
    tac = tac_of(HELD)
    assert verifies(KEYS, HELD, tac) and verifies(KEYS, HELD, tac.lower())
    others: list[dict[str, Any]] = [
        {"amount": 101},
        {"type": "09"},
        {"psam": "012300033D12"},
        {"psam_counter": 4712},
        {"when": "20240506070810"},
        {"serial_factor": "0000000012345679"},
        {"issuer_factor": "3350FF0000000000"},
        {"card": "31400000000012345679"},
        {"issuer_factor": ""},
        {"when": "x"},
    ]
    assert not any(verifies(KEYS, held(**changes), tac) for changes in others)
    assert not any(verifies(KEYS, HELD, text) for text in ("", "zz", tac[:6], tac + "00"))


def test_a_scheme_without_a_key_is_said_and_not_trusted(backend: Service, terminal: Terminal) -> None:
    terminal.debit(done(0, tac_of(HELD)), scheme="tunion")
    terminal.send()
    assert counts(backend) == {"grey_open": 1} and alarms(backend) == ["no_tac_key"]


def test_done_after_grey_is_paid_once(backend: Service, terminal: Terminal) -> None:
    terminal.debit(grey(0, why=UNHEALED))
    terminal.debit(counter=18, balance=HELD.balance - HELD.amount)
    terminal.send()
    assert counts(backend) == {"grey_paid": 1, "open": 1}
    terminal.add(done(1, tac_of(HELD)))
    terminal.send(4)
    assert counts(backend) == {"done": 1, "open": 1} and found(backend)["paid_fen"] == HELD.amount


def test_void_after_grey_takes_it_back_and_void_of_a_proven_debit_does_not(
    backend: Service, terminal: Terminal
) -> None:
    terminal.debit(grey(0, why=UNHEALED), void(0))
    second = held(counter=18)
    terminal.debit(done(0, tac_of(second)), void(0), counter=18)
    terminal.send()
    assert counts(backend) == {"void": 1, "done": 1} and alarms(backend) == ["void_of_a_proven_debit"]


def test_a_grey_record_with_its_own_valid_tac_is_paid(backend: Service, terminal: Terminal) -> None:
    terminal.debit(grey(0, tac_of(HELD)))
    terminal.send()
    assert counts(backend) == {"grey_paid": 1} and found(backend)["paid_fen"] == HELD.amount


def test_a_proof_counts_whenever_it_comes(backend: Service, terminal: Terminal) -> None:
    tac = tac_of(HELD)
    for outcomes in ((grey(0, tac), done(0, tac)), (void(0), done(0, tac)), (done(0, "00000000"), done(0, tac))):
        other = Terminal(backend)
        other.debit(*outcomes)
        other.send()
    assert counts(backend) == {"done": 3} and found(backend)["paid_fen"] == 3 * HELD.amount


def test_grey_after_void_changes_nothing(backend: Service, terminal: Terminal) -> None:
    terminal.debit(void(0), grey(0))
    terminal.send()
    assert counts(backend) == {"void": 1}


def test_a_terminals_own_alarms_are_in_the_report(backend: Service, terminal: Terminal) -> None:
    terminal.add(Alarm("psam_lost", "slot 1"))
    terminal.send()
    alarm = found(backend)["alarms"][0]
    assert (alarm["terminal"], alarm["seq"], alarm["what"], alarm["detail"]) == ("00330401", 1, "psam_lost", "slot 1")


def test_torn_on_one_bus_and_paid_on_the_next_is_paid_once_in_any_order(backend: Service) -> None:
    first, second, third = (Terminal(backend, f"0033040{number}") for number in (1, 2, 3))
    paid = held(psam_counter=99, when="20240506071500")
    first.debit(grey(0))
    second.debit(done(0, tac_of(paid)), psam_counter=99, when="20240506071500")
    third.debit(counter=18, balance=HELD.balance - HELD.amount, when="20240506080000")
    first.send()
    third.send()
    assert counts(backend) == {"grey_paid": 1, "open": 1}, "as far as anyone can know now"
    second.send()
    assert counts(backend) == {"grey_void": 1, "done": 1, "open": 1}
    assert found(backend)["paid_fen"] == HELD.amount and alarms(backend) == ["grey_taken_back"]


def test_a_load_between_two_records_is_added(backend: Service, terminal: Terminal) -> None:
    terminal.debit(grey(0))
    terminal.debit(counter=18, balance=HELD.balance - HELD.amount + 2_000, when="20240506090000")
    terminal.send()
    assert counts(backend)["grey_void"] == 1 and alarms(backend) == ["grey_difference"]
    loads = [{"card": HELD.card, "load_counter": 3, "amount_fen": 2_000, "at": "20240506080000"}]
    backend.add_loads(loads)
    backend.add_loads(loads)
    assert counts(backend)["grey_paid"] == 1


def test_two_valid_tacs_for_one_counter_are_a_cloned_chip(backend: Service, terminal: Terminal) -> None:
    terminal.debit(done(0, tac_of(HELD)))
    second = held(psam_counter=5_000)
    terminal.debit(done(0, tac_of(second)), psam_counter=5_000)
    terminal.send()
    assert "counter_paid_twice" in alarms(backend)


# The issuer's files


def test_the_consumption_file_holds_done_and_grey_debits_and_their_tacs(backend: Service, terminal: Terminal) -> None:
    tac = tac_of(HELD)
    terminal.debit(done(0, tac))
    terminal.debit(grey(0), counter=18, amount=200)
    terminal.debit(void(0), counter=18)
    terminal.debit(done(0, "00000001"), counter=18)
    terminal.debit(counter=19)
    terminal.debit(grey(0), counter=20, card="75000000000000000000")
    terminal.send()
    with backend.transaction() as database:
        lines = parse_xf(consumption(database))
    assert [(line.sequence, line.amount, line.tac, line.grey) for line in lines] == [
        (17, 100, tac, False),
        (18, 200, "00000000", True),
        (18, 100, "00000001", True),
    ]
    assert lines[0].serial == 1 and lines[0].terminal == "00330401" and lines[0].merchant == HELD.service.merchant
    assert "not_for_the_issuer" in alarms(backend)


def test_the_lock_report_names_each_locked_card_once(backend: Service, terminal: Terminal) -> None:
    tried = LockTried(HELD.card, HELD.uid, HELD.aid, 1)
    terminal.add(tried, Locked(HELD.card, HELD.uid, "answer"), Locked(HELD.card, HELD.uid, "select"))
    terminal.send()
    with backend.transaction() as database:
        assert lock_report(database, "20240506") == f"20240506000001\r\n{HELD.card}\r\n"


def test_the_report_of_a_card_adds_up(backend: Service, terminal: Terminal) -> None:
    terminal.debit(done(0, tac_of(HELD)))
    terminal.debit(grey(0), counter=18, card="3140" + "9" * 16)
    terminal.send()
    cards = found(backend)["cards"]
    assert cards[HELD.card]["paid_fen"] == HELD.amount == cards[HELD.card]["done"]["fen"]
    assert cards["3140" + "9" * 16]["grey_open"] == {"count": 1, "fen": 100, "paid_fen": 0}


def test_what_was_acknowledged_survives_the_process(store: str, tmp_path: Path, city_line: str) -> None:
    with stores.opened(store, tmp_path, stores.empty(city_line)) as backend:
        terminal = Terminal(backend)
        terminal.debit(done(0, tac_of(HELD)))
        terminal.send()
    with stores.opened(store, tmp_path, city_line) as again:
        assert counts(again) == {"done": 1}


@pytest.mark.parametrize("store", ["sqlite"])
def test_a_batch_that_fails_half_way_leaves_nothing(
    backend: Service, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.debit(done(0, tac_of(HELD)))

    def breaks(*_arguments: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr("sync.backend.intake.settle_card", breaks)
    with pytest.raises(OSError, match="no space"):
        terminal.send()
    monkeypatch.undo()
    assert found(backend)["rows"] == 0 and counts(backend) == {}
    assert terminal.send().ack_through == 2 and counts(backend) == {"done": 1}


def test_streams_of_many_terminals_do_not_touch_each_other(backend: Service) -> None:
    several = [Terminal(backend, f"{number:08d}") for number in range(5)]
    for number, terminal in enumerate(several):
        for counter in range(number + 1):
            event = held(counter=counter, card=f"3140{number:016d}", serial_factor=f"{number:016d}")
            terminal.debit(Grey(0, tac_of(event), "cannot_read"), **members(event))
    for terminal in several:
        terminal.send()
    paid = [found(backend)["cards"][f"3140{number:016d}"]["paid_fen"] for number in range(5)]
    assert paid == [100, 200, 300, 400, 500] and all(low < high for low, high in pairwise(paid))
