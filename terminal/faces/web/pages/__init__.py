"""The pages of the web face, one module each: `page(house)` gives the page, None where the device has no use for it."""

from collections.abc import Iterator
from importlib import import_module

from terminal.faces.web.page import House, Page

MODULES = (
    "card", "library", "hospital", "till", "market", "topup", "tray",
    "journal", "redress", "day", "technician", "stick", "kiosk",
)  # fmt: skip
"""In the order of the navigation."""

AT_A_COUNTER = frozenset({"card", "library", "hospital", "till", "market", "topup", "tray"})
"""What a validator never needs, and does not load: a third of its pages' start."""


def pages(house: House) -> Iterator[Page]:
    """The pages of this device."""
    for name in MODULES:
        if house.place is None and name in AT_A_COUNTER:
            continue
        page: Page | None = import_module(f"{__name__}.{name}").page(house)
        if page is not None:
            yield page
