"""A diagnostic bundle that may leave the house: what a developer needs, and nothing that tells of a person.

Only what is named here goes in. Texts that others wrote (log, alarms, troubles) lose every long number first: cards,
chips, identity and telephone numbers; an address loses its user and password.
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from config.durable import zipped
from sync.errors import JournalError
from sync.events import Alarm
from terminal.faces.web.evidence import latest
from terminal.faces.web.limits import DAY_ROWS_MAX
from terminal.faces.web.page import House

_NUMBER = re.compile(r"[0-9A-Fa-f]*[0-9](?:[ -]?[0-9A-Fa-f]){7,}[Xx]?")
"""Eight figures or hexadecimal figures and more, also when written in groups; a date with its dashes is none."""
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(T[0-9:.+]+)?")
_USER = re.compile(r"//[^/@\s]*@")


def without_persons(text: str) -> str:
    """The text without numbers that could be somebody's, and without a user in an address."""
    dates: list[str] = []

    def keep(found: "re.Match[str]") -> str:
        dates.append(found[0])
        return f"\0{len(dates) - 1}\0"

    kept = _DATE.sub(keep, text)
    kept = _NUMBER.sub("#", _USER.sub("//…@", kept))
    return re.sub("\0([0-9]+)\0", lambda found: dates[int(found[1])], kept)


def made(house: House, parts: Mapping[str, Any], log: list[str]) -> bytes:
    """The zip: `parts` by name (state, packs, results of the self-test) as JSON; log, counts, configuration."""
    files = {f"{name}.json": _json(value) for name, value in parts.items()}
    files["log.txt"] = "\n".join(map(without_persons, log)).encode()
    files["journal.json"] = _json(_counts(house))
    files["configuration.json"] = _json(_configuration(house))
    return zipped(files)


def _json(value: Any) -> bytes:
    """With every text in it cleaned."""
    return msgspec.json.format(msgspec.json.encode(_cleaned(msgspec.to_builtins(value))), indent=1)


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return without_persons(value)
    if isinstance(value, Mapping):
        return {key: _cleaned(each) for key, each in value.items()}
    return [_cleaned(each) for each in value] if isinstance(value, list | tuple) else value


def _counts(house: House) -> dict[str, Any]:
    """How many rows of each kind lately, and the alarms among them."""
    kinds: Counter[str] = Counter()
    alarms: list[tuple[str, str, str]] = []
    try:
        for row in latest(house.journal, 0, DAY_ROWS_MAX):
            kinds[str(type(row.event).__struct_config__.tag)] += 1
            if isinstance(row.event, Alarm):
                alarms.append((row.at, row.event.what, row.event.detail))
    except JournalError as trouble:
        return {"trouble": str(trouble), "kinds": kinds}
    return {"last_row": house.journal.last_seq, "kinds": kinds, "alarms": alarms}


def _configuration(house: House) -> dict[str, Any]:
    """What the device was told to be, but for its drivers."""
    told: dict[str, Any] = msgspec.to_builtins(house.configuration)
    told["duties"] = len(house.configuration.duties)
    told["terminal"].pop("number")  # it stands in the state, where it is wanted
    return told
