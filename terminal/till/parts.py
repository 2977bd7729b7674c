"""What a till is plugged to."""

from collections.abc import Callable
from dataclasses import dataclass

from apdu.profile import Profile
from config.model import Market, TopUp
from tariffs.pack import Pack
from terminal.chips import Chips
from terminal.desk import Desk
from terminal.ports import Clock
from terminal.precedence import Precedence
from terminal.till.issuer import Issuer


@dataclass(frozen=True, slots=True)
class Parts:
    """What a till is plugged to. `issuer` None: no backend is configured. `precedence`: held while a card is served.
    `closed`: why the backend took the terminal out of service, "" when it did not."""

    market: Market
    topup: TopUp
    terminal: str
    desk: Desk
    chips: Chips
    clock: Clock
    profiles: tuple[Profile, ...]
    pack: Pack
    issuer: Issuer | None
    wake: Callable[[], None]
    precedence: Precedence
    closed: Callable[[], str] = lambda: ""
