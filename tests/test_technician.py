"""The technician's page says what really happens."""

from io import BytesIO

import pytest
from PIL import Image, ImageChops, ImageStat

from tests.technician import PAGE, PICTURE, printed


@pytest.fixture(scope="module")
def now() -> tuple[str, bytes]:
    """Page and picture as the commands make them now."""
    return printed(PAGE.read_text("utf-8"))


def test_the_technicians_page_shows_what_its_commands_print(now: tuple[str, bytes]) -> None:
    assert now[0] == PAGE.read_text("utf-8"), "write it anew: .venv/bin/python -m tests.technician"


def test_its_picture_is_the_one_that_they_draw(now: tuple[str, bytes]) -> None:
    with Image.open(BytesIO(now[1])) as drawn, Image.open(PICTURE) as kept:
        assert drawn.size == kept.size
        difference = ImageStat.Stat(ImageChops.difference(drawn.convert("RGB"), kept.convert("RGB"))).mean
    assert max(difference) < 0.5, "write it anew: .venv/bin/python -m tests.technician"
