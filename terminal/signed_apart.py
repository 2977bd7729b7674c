"""Signed sticks for a page: looked at and loaded by a process of their own, so that the running device never holds what
verifies (its memory, its start). Asked and answered in JSON over the child's standard input and output."""

import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from config.errors import ConfigError
from config.model import Configuration
from terminal.limits import STICK_S_MAX

if TYPE_CHECKING:
    from config.signing.contents import Entry
    from terminal.signed import Change, Stick


class Request(msgspec.Struct, frozen=True):
    """What is wanted at `place`, a folder or an address, at the device's time `now`.

    `clock_is_right`: what somebody answered to the question whether it is, None while nobody was asked.
    """

    what: Literal["inspect", "load"]
    configuration: Configuration
    place: str
    now: datetime
    clock_is_right: bool | None = None


class Offered(msgspec.Struct, frozen=True):
    """One offer. `how` new, waiting, in force, previous, overtaken or unwanted, `zh` and `en` in words.

    `day` ISO date from when it holds, `when_zh` and `when_en` how, `instead_of` the version that it replaces, each ""
    for none. `signed` by whom, good until day `until`. After a load `taken`, or `refused_zh` and `refused_en` why not.
    `undo` "drop" or "rollback", by which it is taken back; "" where nothing was taken or nothing was before.
    """

    kind: str
    kind_zh: str
    kind_en: str
    version: str
    bytes: int
    how: str
    zh: str
    en: str
    day: str
    when_zh: str
    when_en: str
    instead_of: str
    note: str
    signed: str
    until: str
    taken: bool = False
    undo: str = ""
    refused_zh: str = ""
    refused_en: str = ""


class StickTold(msgspec.Struct, frozen=True):
    """What lies there for this device, its signatures good. `until` the day on which they end, "" for none.

    `at` the time that was believed, `clock` how: "clock", "floor" (it lags), "denied" (somebody said that it is wrong).
    """

    place: str
    root: int
    until: str
    at: str
    clock: str
    offers: tuple[Offered, ...]


class Trouble(msgspec.Struct, frozen=True):
    """Why nothing was verified, and nothing taken. `question`: somebody has to say whether the clock is right."""

    place: str
    zh: str
    en: str
    zh_do: str
    en_do: str
    question: bool = False


class Answer(msgspec.Struct, frozen=True):
    """One of the two."""

    told: StickTold | None = None
    trouble: Trouble | None = None


class Question(ConfigError):
    """The clock is far ahead: ask again with `clock_is_right`."""


def asked(request: Request) -> StickTold:
    """What came of it. Raises ConfigError, Question among them."""
    command = [sys.executable, "-P", "-m", __name__]
    zh, en = "介质未能读完", "the stick could not be read to its end"
    zh_do, en_do = "插好介质后再试；已装入的不受影响", "plug it in and try again: what was loaded before stays"
    try:
        ended = subprocess.run(command, input=msgspec.json.encode(request), capture_output=True, timeout=STICK_S_MAX)
        answer = msgspec.json.decode(ended.stdout, type=Answer)
    except (OSError, subprocess.TimeoutExpired, msgspec.DecodeError) as trouble:
        raise ConfigError(request.place, zh, en, zh_do, en_do) from trouble
    if answer.told is not None:
        return answer.told
    assert answer.trouble is not None
    kind = Question if answer.trouble.question else ConfigError
    told = answer.trouble
    raise kind(told.place, told.zh, told.en, told.zh_do, told.en_do)


def holds_signed(folder: Path) -> bool:
    """Whether a folder seems to hold what the office signed."""
    return any((inside / "metadata").is_dir() for inside in (folder, folder / "smk"))


# In the child


def answered(request: Request) -> Answer:
    """Look or load."""
    from config.timefloor import ClockQuestion
    from terminal import signed

    act = signed.load if request.what == "load" else signed.inspect
    try:
        found = act(request.configuration, request.place, request.now, request.clock_is_right)
    except ConfigError as wrong:
        zh, en = ("\n".join([text, *(fault.text(say) for fault in wrong.faults)]) for text, say in _said(wrong))
        return Answer(trouble=Trouble(wrong.place, zh, en, wrong.zh_do, wrong.en_do, isinstance(wrong, ClockQuestion)))
    return Answer(_told(found, request.what == "load"))


def _said(wrong: ConfigError) -> tuple[tuple[str, str], tuple[str, str]]:
    return (wrong.zh, "zh"), (wrong.en, "en")


def _told(found: "Stick", is_load: bool) -> StickTold:
    refused = {id(change.offer): wrong for change, wrong in found.refused}
    offers = tuple(_offered(change, is_load, refused.get(id(change.offer))) for change in found.changes)
    until = found.standing.fresh_until
    day = until.date().isoformat() if until else ""
    return StickTold(found.place, found.standing.root, day, found.time.at.isoformat(), found.time.how, offers)


def _offered(change: "Change", is_load: bool, wrong: ConfigError | None) -> Offered:
    from terminal.commands.signed import HOW, KINDS
    from terminal.kinds import SHELVED

    entry, planned, signature = change.offer.entry, change.planned, change.offer.signature
    is_new = planned.how == "new"
    taken = is_load and is_new and wrong is None and entry.kind != "software"
    undo = "drop" if entry.kind in SHELVED else "rollback" if planned.instead_of else ""
    return Offered(
        entry.kind,
        *_both(KINDS[entry.kind]),
        entry.version,
        change.offer.length,
        planned.how,
        *_both(HOW[planned.how]),
        planned.day.isoformat() if planned.day else "",
        *_both(_when(entry) if planned.day else ""),
        planned.instead_of,
        entry.note,
        signature.text(),
        f"{signature.expires:%Y-%m-%d}",
        taken,
        undo if taken else "",
        wrong.text("zh") if wrong else "",
        wrong.text("en") if wrong else "",
    )


def _when(entry: "Entry") -> str:
    """How what is new takes force."""
    from terminal.kinds import SHELVED

    if entry.kind == "software":
        return "停车时由 smk update install 安装 · by smk update install, while parked"
    return SHELVED[entry.kind].when if entry.kind in SHELVED else "下一次刷卡起 · from the next tap on"


def _both(words: str) -> tuple[str, str]:
    zh, _, en = words.partition(" · ")
    return zh, en


if __name__ == "__main__":
    wanted = msgspec.json.decode(sys.stdin.buffer.read(), type=Request)
    sys.stdout.buffer.write(msgspec.json.encode(answered(wanted)))
