"""The passenger's screen of a validator: what the last card was told, or that it waits for one. Reading only."""

from terminal.faces.web.page import House, Page


def page(house: House) -> Page | None:
    """Only where cards are tapped."""
    return Page("kiosk", "乘客屏", "Passenger screen", roles=None) if house.device is not None else None
