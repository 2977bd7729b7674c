"""Short words for the library's tests: a desk, a moment, a profile, an account."""

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from sync.ils import Account, Ils
from sync.sip2.ils import Desk
from sync.sip2.profile import IlsProfile, read_profile

CHINA = timezone(timedelta(hours=8))
AT = datetime(2024, 6, 1, 9, 30, tzinfo=CHINA)
DESK = Desk("JXLIB", "", "city")
PROFILES = Path(__file__).parent.parent / "sync" / "sip2" / "profiles"


def profile(name: str = "evergreen", **changes: Any) -> IlsProfile:
    """A shipped profile, with some values changed."""
    found = read_profile((PROFILES / f"{name}.toml").read_text("utf-8"))
    return IlsProfile(**{**{key: getattr(found, key) for key in IlsProfile.__slots__}, **changes})


def connected(port: int, password: str = "secret", **changes: Any) -> Ils:
    """The client at a simulated library system."""
    return Ils(Account("127.0.0.1", port, "desk", password, DESK), profile(**changes))
