"""`smk install`, the unit and the updater on a Debian of its own, booted with systemd as its first process."""

from pathlib import Path

import pytest

from tests.appliance.story import play


@pytest.mark.drill
def test_a_bare_debian_becomes_a_terminal_that_survives_hangs_updates_and_a_read_only_root(tmp_path: Path) -> None:
    """Each scene of the story asserts its own promise."""
    lines: list[str] = []
    play(tmp_path, lines.append)
    assert lines[-1].startswith("✓")
