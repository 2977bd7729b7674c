"""A running device is asked for a copy of its journal, and gives way to the release that passed its trial."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from apdu.virtual import remote
from config.durable import zipped
from config.signing import keys
from config.signing.contents import Entry
from sync.tables import SCHEMA_VERSION
from terminal import signed
from terminal.releases import MANIFEST, Releases
from tests.device.process import Running, smk
from tests.device.rig import Backend, configuration
from tests.signing.offices import NOW, OfficeRoom
from tests.signing.test_releases import PYTHON, laid_out


def test_a_running_device_ends_between_two_taps_for_a_release_that_read_its_journal(
    chips: remote.Virtual, backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "SCRYPT_LOG_N", 10)
    office = OfficeRoom(tmp_path / "office", max(NOW, datetime.now(UTC)))
    told = configuration(tmp_path / "updated", "00000075", chips.udp_path, backend.address)
    signed.trust_of(told).enrol(office.root)
    here = Releases(Path(told.terminal.data))
    device = Running(told)
    try:
        device.ready()
        assert smk("update", "adopt", device.file).returncode == 0
        laid_out(here, "9.0.0")
        manifest = f'{{"version":"9.0.0","schema":{SCHEMA_VERSION},"python":"{PYTHON}"}}'.encode()
        entry = Entry("software", "9.0.0", office.now.date(), "9.0.0.zip")
        office.office().publish("city", "all", entry, zipped({MANIFEST: manifest}))
        done = smk("update", "install", device.file, office.repository, "--clock-right")
        assert done.returncode == 0 and "tried on a copy" in done.stdout, done.stdout + done.stderr
        assert "switched: 9.0.0" in done.stdout and "starts anew between two taps" in done.stdout
        assert device.process.wait(15) == 0, "it ended as at the end of a day"
    finally:
        device.process.kill()
    current = here.current()
    assert current is not None and current.manifest.version == "9.0.0"
    assert smk("journal", "verify", Path(told.terminal.data) / "journal.db").returncode == 0
