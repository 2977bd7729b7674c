"""A stick pulled out too early, and power that fails, leave the device as it was or as it shall be."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tuf.api.exceptions import DownloadError

from config import durable
from config.errors import ConfigError
from config.model import Configuration
from config.signing import fetch
from terminal import packs, signed
from tests.cuts import Cut, cut_at
from tests.signing.offices import DECEMBER, NOW, OfficeRoom, device, refusal, take


def test_a_stick_without_any_one_of_its_files_changes_nothing(office: OfficeRoom, tmp_path: Path) -> None:
    stick = office.folder / "usb"
    paths = sorted(path for path in stick.rglob("*") if path.is_file() and path.name != "1.root.json")
    for nth, path in enumerate(paths):
        bus = device(tmp_path / str(nth))
        signed.trust_of(bus).enrol(office.root)
        kept = path.read_bytes()
        path.unlink()
        assert "not whole" in refusal(bus, stick), path
        path.write_bytes(kept[: len(kept) // 2])
        assert refusal(bus, stick), path
        path.write_bytes(kept)
        assert take(bus, stick) == {"jiaxing-2026.12": "new"}


def test_a_stick_pulled_out_while_it_is_read_changes_nothing(
    office: OfficeRoom, bus: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    stick = str(office.folder / "usb")
    reads = 0

    def counting(file: Any, url: str) -> bytes:
        nonlocal reads
        reads += 1
        return bytes(file.read(1000))

    with monkeypatch.context() as patch:
        patch.setattr(fetch, "_chunk", counting)
        signed.inspect(bus, stick, NOW)
    for step in range(0, reads, 3):
        with monkeypatch.context() as patch:
            pulled = _pulled_after(step)
            patch.setattr(fetch, "_chunk", pulled)
            with suppress(ConfigError):
                signed.load(bus, stick, NOW)
            assert packs.shelf_of(bus).state().waiting == ()
    assert take(bus, Path(stick)) == {"jiaxing-2026.12": "new"}


def _pulled_after(step: int) -> Callable[[Any, str], bytes]:
    left = [step]

    def chunk(file: Any, url: str) -> bytes:
        if not left[0]:
            raise DownloadError("pulled out")
        left[0] -= 1
        return bytes(file.read(1000))

    return chunk


def test_a_power_cut_at_any_step_of_loading_leaves_a_device_that_loads_again(
    office: OfficeRoom, bus: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = ((os, "fsync"), (durable, "sync_folder"), (Path, "replace"))
    step = 0
    while True:
        with monkeypatch.context() as patch:
            left = cut_at(patch, step, steps)
            with suppress(Cut, ConfigError):
                signed.load(bus, str(office.folder / "usb"), NOW)
            done = left[0] > 0
        state = packs.shelf_of(bus).state()
        assert [one.edition.version for one in state.waiting] in ([], ["jiaxing-2026.12"])
        signed.trust_of(bus).standing()
        if done:
            break
        step += 1
    assert step > 6 and packs.shelf_of(bus).state().waiting[0].ordered_for == DECEMBER


def test_what_was_verified_is_not_forgotten_silently(office: OfficeRoom, bus: Configuration) -> None:
    """A damaged memory of what was seen would let an old stick in: it is told, and begun anew by a person alone."""
    take(bus, office.folder / "usb")
    kept = signed.trust_of(bus).folder / "metadata.zip"
    kept.write_bytes(kept.read_bytes()[:100])
    assert "--again" in refusal(bus, office.folder / "usb")
    signed.trust_of(bus).enrol(office.root, again=True)
    assert take(bus, office.folder / "usb") == {"jiaxing-2026.12": "waiting"}


def test_another_root_is_not_enrolled_by_the_way(office: OfficeRoom, bus: Configuration, tmp_path: Path) -> None:
    other = OfficeRoom(tmp_path / "other")
    with pytest.raises(ConfigError, match="trusts another root"):
        signed.trust_of(bus).enrol(other.root)
    assert "not signed by enough" in refusal(bus, other.stick())
