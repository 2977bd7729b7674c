"""What goes wrong, by script: torn cards, wrong statuses, silence, damaged frames, waiting-time extensions.

Each fault waits for its trigger and is used up. One set of faults belongs to one face (the field, or the PSAM's
contact).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

SIDES = ("before", "after")
DAMAGES = ("bcc", "short", "empty", "collision")


class Gone(Exception):
    """The card left the field. `notice`: the reader is told at once, otherwise it hears nothing more."""

    def __init__(self, notice: bool) -> None:
        super().__init__("the card left the field")
        self.notice = notice


class Unit(Enum):
    """What a trigger counts."""

    APDU = "apdu"
    FRAME = "frame"


@dataclass
class Trigger:
    """The `nth` APDU (with instruction `ins`, or any) or the `nth` frame from now on."""

    ins: int | None = None
    nth: int = 1
    unit: Unit = Unit.APDU

    def hit(self, unit: Unit, ins: int | None) -> bool:
        """Count one event; true when it is the one."""
        if unit is not self.unit or (self.ins is not None and ins != self.ins):
            return False
        self.nth -= 1
        return self.nth == 0


@dataclass
class Tear:
    """The card goes at the trigger: "before" the chip sees the command, or "after" it, and the answer is lost."""

    trigger: Trigger
    side: str
    notice: bool = False


@dataclass
class Answer:
    """The chip answers these bytes instead, `times` times; with `execute` it does the work all the same."""

    trigger: Trigger
    answer: bytes
    times: int = 1
    execute: bool = False


@dataclass
class Extension:
    """The card asks for `multiplier` (1..59) frame waiting times before it answers."""

    trigger: Trigger
    multiplier: int


@dataclass
class Faults:
    """All that is armed for one face."""

    tears: list[Tear] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    extensions: list[Extension] = field(default_factory=list)
    silent: bool = False
    damage: str = ""
    damage_times: int = 0
    garble_times: int = 0
    garble_bytes: bool = False
    lose_times: int = 0

    def clear(self) -> None:
        """Disarm everything."""
        self.tears, self.answers, self.extensions = [], [], []
        self.silent, self.damage_times, self.garble_times, self.lose_times = False, 0, 0, 0

    def armed(self) -> int:
        """How many faults still wait."""
        scripted = len(self.tears) + len(self.answers) + len(self.extensions)
        return scripted + self.silent + self.damage_times + self.garble_times + self.lose_times

    def tear(self, unit: Unit, ins: int | None) -> Tear | None:
        """The tear that this event triggers, if any; it is used up."""
        for tear in self.tears:
            if tear.trigger.hit(unit, ins):
                self.tears.remove(tear)
                return tear
        return None

    def extension(self, apdu: bytes) -> int:
        """The multiplier of a waiting-time extension before `apdu`, or 0."""
        for extension in self.extensions:
            if extension.trigger.hit(Unit.APDU, instruction(apdu)):
                self.extensions.remove(extension)
                return extension.multiplier
        return 0

    def execute(self, apdu: bytes, transmit: Callable[[bytes], bytes]) -> bytes:
        """Run one APDU on the chip, or not, as the script says. Raises Gone when the card is torn away."""
        ins = instruction(apdu)
        tear = self.tear(Unit.APDU, ins)
        if tear is not None and tear.side == "before":
            raise Gone(tear.notice)
        instead = self._instead(ins)
        answer = transmit(apdu) if instead is None or instead.execute else b""
        if tear is not None:
            raise Gone(tear.notice)
        return answer if instead is None else instead.answer

    def _instead(self, ins: int | None) -> Answer | None:
        for one in self.answers:
            if not one.trigger.hit(Unit.APDU, ins):
                continue
            one.times -= 1
            one.trigger.nth = 1
            if one.times <= 0:
                self.answers.remove(one)
            return one
        return None


def instruction(apdu: bytes) -> int | None:
    """The INS byte, if there is one."""
    return apdu[1] if len(apdu) > 1 else None
