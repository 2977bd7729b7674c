"""Retired, replaced and stolen terminals; a PSAM that changed, moved or was stolen."""

from pathlib import Path

import pytest

from sync.backend.custody import Custody
from sync.backend.registry import Standing
from sync.events import Started
from sync.link import Link
from sync.worker import enrol
from tests.authorities import NUMBER, City
from tests.rows import done
from tests.serving import NOW, Terminal, alarms, counts, tac_of

PSAM = "334506000001"


def started(psam: str) -> Started:
    return Started("1", "3", "reader", "psam reader", psam)


@pytest.fixture
def city(tmp_path: Path) -> City:
    return City(tmp_path)


def paid(terminal: Terminal, when: str, counter: int, psam: str = PSAM) -> None:
    event = terminal.debit(when=when, counter=counter, psam=psam)
    terminal.add(done(len(terminal.rows), tac_of(event)))


def test_what_a_stolen_psam_signed_from_its_day_on_is_set_aside_wherever_it_turns_up(city: City) -> None:
    with city.serving() as backend:
        custody = Custody(city.registry)
        custody.report_psam(PSAM, "20240505")
        other = Terminal(backend, "00330499")
        paid(other, "20240504235959", 1)
        paid(other, "20240505000000", 2)
        paid(other, "20240505000100", 3, "334506000002")
        assert other.send().quarantined == [3, 4]
        assert counts(backend) == {"done": 2} and alarms(backend) == ["quarantined"] * 2
        custody.report_psam(PSAM, "")
        paid(other, "20240506000000", 4)
        assert other.send(7).quarantined == []


def test_a_stolen_terminal_s_rows_are_set_aside_from_its_day_on_and_its_psam_is_stolen_with_it(city: City) -> None:
    with city.serving() as backend:
        custody = Custody(city.registry)
        terminal = Terminal(backend, NUMBER)
        terminal.add(started(PSAM))
        assert terminal.send().quarantined == []
        assert custody.put(NUMBER, Standing.STOLEN, NOW[:10].replace("-", ""), "") == [PSAM]
        paid(terminal, "20240506080000", 1)
        assert terminal.send(2).quarantined == [2, 3]
        elsewhere = Terminal(backend, "00330499")
        elsewhere.add(started(PSAM))
        paid(elsewhere, "20240506080000", 2)
        assert elsewhere.send().quarantined == [2, 3]
        assert "psam_moved" in alarms(backend)


def test_a_terminal_s_first_psam_is_bound_and_another_one_is_told(city: City) -> None:
    with city.serving() as backend:
        one, two = Terminal(backend, "00330401"), Terminal(backend, "00330402")
        for terminal, psam in ((one, PSAM), (one, PSAM), (two, "334506000002")):
            terminal.add(started(psam))
            terminal.send()
        assert alarms(backend) == []
        one.add(started("334506000003"))
        one.send()
        assert alarms(backend) == ["psam_changed"]
        one.add(started("334506000002"))
        one.send()
        assert alarms(backend) == ["psam_changed", "psam_moved"]
        assert [bound.psam for bound in Custody(city.registry).of("00330401")] == ["334506000002"]
        assert Custody(city.registry).of("00330402") == []


@pytest.mark.parametrize("standing", [Standing.RETIRED, Standing.REPLACED, Standing.STOLEN])
def test_a_terminal_out_of_service_uploads_and_is_told_and_does_nothing_else(city: City, standing: Standing) -> None:
    with city.serving():
        credential = city.device("one")
        link = city.link(credential)
        enrol(link, NUMBER)
        batches = f"/v1/terminals/{NUMBER}/batches"
        Custody(city.registry).put(NUMBER, standing, "20240506", "")
        city.later(80)  # past half of its certificate's life: it is not asked to renew
        answer = link.post(batches, b"")
        assert (answer.status, answer.standing, answer.renew) == (400, standing.value, False)
        assert link.post(f"/v1/terminals/{NUMBER}/enrol", b"").status == 403
        bare = Link(city.address, trust=credential.context())
        code = city.code()
        assert b"cannot_enrol" in bare.post(f"/v1/terminals/{NUMBER}/certificate", _asking(code)).body
        Custody(city.registry).put(NUMBER, Standing.IN_SERVICE, "", "")
        assert link.post(batches, b"").standing == "in_service"
        link.close()
        bare.close()


def _asking(code: str) -> bytes:
    import msgspec

    from tests.test_authority import request

    return msgspec.json.encode({"request": request(), "code": code})
