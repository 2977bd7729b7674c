"""The files that ship with the product and that its parsers must accept."""

from importlib.resources import files


def _texts(package: str, folder: str, *names: str) -> list[str]:
    return [(files(package) / folder / f"{name}.toml").read_text("utf-8") for name in names]


CARD_PROFILES = _texts("apdu", "profiles", "jiaxing", "jiaxing_b", "tunion")
CHIP_PROFILES = _texts("apdu", "profiles", "social_jiaxing", "social_old_medical")
[SIGNALS] = _texts("terminal", "faces", "signals")
[CONFIGURATION] = _texts("config", "defaults", "terminal")
ILS_PROFILES = [path.read_text("utf-8") for path in sorted((files("sync.sip2") / "profiles").iterdir(), key=str)]
