"""The operator's page in a real browser: the fleet on a chart and a table, behind the token; and its picture."""

from collections.abc import Iterator

import pytest

from tests.web.browser import Browser, browser
from tests.web.shown_fleet import FLEET, PICTURE, photograph, shown


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    with shown(tmp_path_factory.mktemp("operator")) as found:
        yield found


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    with browser() as opened:
        yield opened


def rows(window: Browser) -> list[str]:
    return [row.text for row in window.all("#terminals tbody tr")]


def test_the_token_opens_the_page_and_leaves_the_address_bar(window: Browser, served: tuple[str, str]) -> None:
    address, token = served
    window.open(f"{address}/operator")
    window.type("#token", "wrong\n")
    window.says("#why", "not the token")
    assert rows(window) == []
    window.complaints()
    window.open("about:blank")
    window.open(f"{address}/operator#token={token}")
    window.until(lambda: len(rows(window)) == FLEET + 1)
    assert token not in window.driver.current_url
    assert len(window.all("#chart circle")) == FLEET + 1 and window.complaints() == []


def test_the_table_shows_what_to_look_at_first_and_finds(window: Browser, served: tuple[str, str]) -> None:
    address, token = served
    window.open("about:blank")
    window.open(f"{address}/operator#token={token}")
    window.until(lambda: len(rows(window)) == FLEET + 1)
    assert "PSAM 没有应答 · <b>no answer</b>" in "\n".join(rows(window)[:3]), "as text, never as markup"
    assert window.all("#terminals b") == []
    window.type("#find", "00330410")
    window.until(lambda: len(rows(window)) == 1)
    assert "时钟不可信 clock" in rows(window)[0] and "unknown" in rows(window)[0]
    window.run("const find = document.querySelector('#find'); find.value = ''; find.dispatchEvent(new Event('input'));")
    window.press("#only")
    window.until(lambda: 0 < len(rows(window)) < FLEET)
    window.press("#only")
    window.run("document.querySelectorAll('th button')[3].click()")
    unsent = [int(row.text) for row in window.all("#terminals tbody td:nth-child(4)")]
    assert unsent == sorted(unsent) and unsent[-1] > 0
    assert "change its PSAM" in window.text("#alarms")


def test_the_picture_in_the_guide_is_of_this_page(window: Browser, served: tuple[str, str]) -> None:
    """Its size at least: letters differ by a dot from one machine to the next."""
    fresh = photograph(window, *served)
    assert fresh[16:24] == PICTURE.read_bytes()[16:24], "python -m tests.web.shown_fleet draws it anew"
