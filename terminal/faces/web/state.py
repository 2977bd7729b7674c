"""The device's state as the API and every page's status strip show it."""

from datetime import datetime

import msgspec

from terminal.faces.limits import SIGNAL_HOLD_S
from terminal.ports import Moment, Status


class State(msgspec.Struct, frozen=True):
    """What a clerk always sees.

    `online` null: no backend, or not asked yet. `unsent` rows that the backend does not have, `unsent_fen` their money,
    `oldest_unsent_at` ISO 8601 or "" and its age in seconds. `hot_list` and `pack` versions; their ages in days, null
    where there is none or the day is not known. `hold_ms` how long a signal stays on a passenger's screen.
    """

    terminal: str
    mode: str
    zh: str
    en: str
    line: str
    online: bool | None
    unsent: int
    unsent_fen: int
    oldest_unsent_at: str
    oldest_unsent_s: int | None
    pack: str
    pack_days: int | None
    hot_list: str
    hot_list_days: int | None
    at: str
    clock: str
    hold_ms: int


def state(status: Status, moment: Moment) -> State:
    """The state at that moment."""
    oldest = status.oldest_unsent_at
    age_s = max(0, int((moment.at - datetime.fromisoformat(oldest)).total_seconds())) if oldest else None
    return State(
        terminal=status.terminal,
        mode=status.mode,
        zh=status.zh,
        en=status.en,
        line=status.line,
        online=status.online,
        unsent=status.unsent,
        unsent_fen=status.unsent_fen,
        oldest_unsent_at=oldest,
        oldest_unsent_s=age_s,
        pack=status.pack,
        pack_days=_days(status.pack_since, moment),
        hot_list=status.hot_list,
        hot_list_days=_days(status.hot_list_since, moment),
        at=moment.at.isoformat(timespec="seconds"),
        clock=moment.trust.value,
        hold_ms=int(SIGNAL_HOLD_S * 1000),
    )


def _days(since: str, moment: Moment) -> int | None:
    """Whole days since that ISO date, None for none."""
    return (moment.at.date() - datetime.fromisoformat(since).date()).days if since else None
