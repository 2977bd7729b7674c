"""A fleet of an evening for the operator's page, and its picture: `python -m tests.web.shown_fleet` draws it anew."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from sync.backend.operator import TOKEN
from sync.backend.service import Backend
from sync.condition import Condition
from tests.rows import done
from tests.serving import KEYS, NOW, Terminal, serving
from tests.web.browser import Browser, browser

PICTURE = Path(__file__).parents[2] / "docs" / "operator.png"
FLEET = 60
VERSIONS = {"pack": "jiaxing-2022.1", "hot_list": "20240506"}


@contextmanager
def shown(data: Path) -> Iterator[tuple[str, str]]:
    """Some of it in trouble; the backend's address and the operator's token."""
    chance = random.Random(7)
    moment = [NOW]
    backend = Backend(data, KEYS, lambda: moment[0], VERSIONS)
    for nth in range(FLEET):
        terminal = Terminal(backend, f"{33_0401 + nth:08d}")
        terminal.debit(done(0, "00000000") if nth == 3 else done(0), counter=nth)
        away = 0 if nth % 7 else int(10 ** chance.uniform(0.5, 4.3))
        at = datetime.fromisoformat(NOW) - timedelta(minutes=away)
        moment[0] = at.isoformat()
        waiting = int(10 ** chance.uniform(0.5, 3.7)) if away or nth % 11 == 0 else 0
        backend.take(terminal.batch()._replace(condition=told(nth, moment[0], waiting)))
    moment[0] = NOW
    Terminal(backend, "00399999")
    backend.close()
    with serving(data, versions=VERSIONS) as address:
        yield address, (data / TOKEN).read_text().strip()


def told(nth: int, at: str, waiting: int) -> Condition:
    """What the nth terminal says of itself."""
    troubles = {"psam": "PSAM 没有应答 · <b>no answer</b>"} if nth == 5 else {}
    return Condition(
        at=at,
        clock="unknown" if nth == 9 else "rtc" if nth % 3 else "synced",
        last=2 + waiting,
        unsent_fen=waiting * 100,
        oldest_at=at if waiting else "",
        mode="closed" if troubles else "ready",
        kind=("bus", "bus", "bus", "market", "hospital")[nth % 5],
        merchant="314000000000001",
        software="0.1.0",
        pack="jiaxing-2022.1",
        hot_list="20240506" if nth % 13 else "20240501",
        troubles=troubles,
    )


def photograph(window: Browser, address: str, token: str) -> bytes:
    """The page, as PNG."""
    window.driver.set_window_size(1280, 1_150)
    window.open("about:blank")
    window.open(f"{address}/operator#token={token}")
    window.until(lambda: len(window.all("#terminals tbody tr")) == FLEET + 1)
    return window.driver.get_screenshot_as_png()


if __name__ == "__main__":
    with TemporaryDirectory() as folder, shown(Path(folder)) as (address, token), browser() as window:
        PICTURE.write_bytes(photograph(window, address, token))
