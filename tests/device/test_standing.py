"""A device that its backend takes out of service closes, says why, brings what it holds, and opens when it is back."""

from pathlib import Path

from config.model import Sync, Terminal
from sync.backend.custody import Custody
from sync.backend.registry import Standing
from terminal.credential import Credential
from terminal.mode import Mode
from terminal.standing import CLOSED
from tests.authorities import NUMBER, City
from tests.device.conftest import MakeRig
from tests.device.rig import eventually


def test_a_retired_device_closes_until_it_is_back_in_service(make_rig: MakeRig, tmp_path: Path) -> None:
    city, folder = City(tmp_path / "city"), tmp_path / "device"
    custody = Custody(city.registry)
    with city.serving():
        Credential(folder, "", NUMBER).enrol(city.address, city.code())
        sync, terminal = Sync(city.address), Terminal(NUMBER, "330400000000001", str(folder))
        rig = make_rig(folder, sync=sync, terminal=terminal)
        rig.ready()
        card = rig.card()
        assert rig.tap(card).outcome == "fare"
        assert rig.box.worker is not None
        assert eventually(lambda: rig.box.journal.unsent().rows == 0)
        custody.put(NUMBER, Standing.RETIRED, "20240506", "")
        rig.box.worker.wake()
        assert rig.closed("standing") == CLOSED["retired"][1]
        assert eventually(lambda: CLOSED["retired"][0] in rig.recorder.statuses[-1].zh)
        assert rig.paid_fen(card) == 100
    rig.restart()  # nobody answers now: it does not forget
    assert rig.closed("standing") == CLOSED["retired"][1]
    rig.stop()
    custody.put(NUMBER, Standing.IN_SERVICE, "", "")
    port = int(city.address.rsplit(":", 1)[1])
    with city.serving(port=port):
        rig.start()
        assert eventually(lambda: rig.box.device.mode is Mode.READY)
        assert rig.tap(rig.card()).outcome == "fare"
        assert eventually(lambda: rig.box.journal.unsent().rows == 0)
        rig.stop()
