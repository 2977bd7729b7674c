"""What all device tests share: the slot, the chips in their process, a backend, and a device for each test."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from apdu.virtual import remote
from tests import pcscd_fixture
from tests.device.rig import Backend, Rig, configuration
from tests.device.slot import alone

real_pcscd = pcscd_fixture.real_pcscd
numbers = count(1)

MakeRig = Callable[..., Rig]


@pytest.fixture(scope="package")
def chips(real_pcscd: None) -> Iterator[remote.Virtual]:
    """Cards and PSAM, the PSAM in slot 1."""
    with alone(), remote.start(seed=5, vpcd_wait=15) as running:
        yield running


@pytest.fixture(scope="package")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """A backend for all terminals of the package."""
    running = Backend(tmp_path_factory.mktemp("backend") / "store")
    yield running
    running.close()


@pytest.fixture
def make_rig(chips: remote.Virtual, backend: Backend, tmp_path: Path) -> Iterator[MakeRig]:
    """Builds devices; each has a terminal number of its own."""
    rigs: list[Rig] = []

    def make(folder: Path | None = None, **changes: Any) -> Rig:
        number = next(numbers)
        folder = folder or tmp_path / f"terminal-{number}"
        made = configuration(folder, f"{number:08d}", chips.udp_path, backend.address, **changes)
        rigs.append(Rig(chips, backend, made, number * 10_000))
        return rigs[-1]

    yield make
    if chips.remote.in_field() is not None:
        chips.remote.leave()
    for rig in rigs:
        rig.stop()
    chips.remote.clear_faults()
    chips.remote.timing(None)
    chips.remote.psam_plug()


@pytest.fixture
def rig(make_rig: MakeRig) -> Rig:
    """A device, ready."""
    made = make_rig()
    made.ready()
    return made
