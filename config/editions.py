"""Which edition of a pack is in force, which was before it, and which wait for their day. Pure.

An edition goes from *waiting* (loaded and checked, no more) over *ordered* (waiting, with the day from which it shall
hold) to *in force*; the one that it displaces is kept as *previous*. Whatever holds the editions replaces this state
as a whole, so that there is no moment at which none or two of them are in force.
"""

from collections.abc import Iterator
from datetime import date

from msgspec import Struct, field
from msgspec.structs import replace

from config.errors import ConfigError
from config.limits import EDITIONS_WAITING_MAX


class Edition(Struct, frozen=True):
    """One pack. `version` stands in every record, `sha256` (hex) is of its copy, `in_force_from` its own first day.

    `signed`: who vouches for it, in a line; "" for one that nobody signed.
    """

    version: str
    in_force_from: date
    sha256: str
    signed: str = ""


class Waiting(Struct, frozen=True):
    """An edition that is loaded. `ordered_for`: the first day on which it shall hold, None while nobody ordered it."""

    edition: Edition
    ordered_for: date | None = None


class State(Struct, frozen=True):
    """What holds. `active` or `previous` None stands for what the device's configuration names."""

    active: Edition | None = None
    previous: Edition | None = None
    waiting: tuple[Waiting, ...] = field(default=())

    def __iter__(self) -> Iterator[Edition]:
        """Every edition that must be kept."""
        yield from (edition for edition in (self.active, self.previous) if edition is not None)
        yield from (one.edition for one in self.waiting)

    def find(self, version: str) -> Waiting:
        """The waiting edition of that version. Raises ConfigError."""
        for one in self.waiting:
            if one.edition.version == version:
                return one
        if any(edition.version == version for edition in self):
            zh, en = f"{version} 已生效或为上一版", f"{version} is in force, or the one before"
            raise _refused(zh, en, "用 smk pack rollback 回到上一版", "smk pack rollback goes back to the one before")
        known = ", ".join(one.edition.version for one in self.waiting) or "—"
        zh, en = f"没有已装入的版本 {version}；现有：{known}", f"no version {version} is loaded; there are: {known}"
        raise _refused(zh, en, "先用 smk pack load 装入", "load it first: smk pack load")

    def loaded(self, edition: Edition) -> "State":
        """With one more waiting. The same once more changes nothing. Raises ConfigError."""
        same = [other for other in self if other.version == edition.version]
        if any(other.sha256 == edition.sha256 for other in same):
            return self
        if same:
            zh, en = (
                f"版本号 {edition.version} 已用于另一份内容",
                f"version {edition.version} names other content already",
            )
            raise _refused(zh, en, "在 pack.toml 中改用新的 version", "give the pack a new version in pack.toml")
        if len(self.waiting) >= EDITIONS_WAITING_MAX:
            zh, en = f"已有 {len(self.waiting)} 个待用版本", f"{len(self.waiting)} editions are waiting already"
            raise _refused(zh, en, "先用 smk pack drop 删去不用的", "drop what is not wanted: smk pack drop")
        return replace(self, waiting=(*self.waiting, Waiting(edition)))

    def ordered(self, version: str, day: date) -> "State":
        """With a day from which that version shall hold, not before its own first day. Raises ConfigError."""
        found = self.find(version)
        first = found.edition.in_force_from
        if day < first:
            zh, en = f"{version} 自 {first} 起才有效", f"{version} holds from {first} on, not from {day}"
            raise _refused(zh, en, "改用该日或更晚的日期", "order it for that day or a later one")
        changed = Waiting(found.edition, day)
        return replace(self, waiting=tuple(changed if one is found else one for one in self.waiting))

    def due(self, today: date) -> Edition | None:
        """The ordered edition whose day has come; of several the one of the latest day."""
        come = [
            (one.ordered_for, nth)
            for nth, one in enumerate(self.waiting)
            if one.ordered_for and one.ordered_for <= today
        ]
        return self.waiting[max(come)[1]].edition if come else None

    def switched(self, edition: Edition) -> "State":
        """In force from now on; what was ordered for an earlier day has been overtaken. Raises ConfigError."""
        day = self.find(edition.version).ordered_for or date.max
        left = tuple(
            one for one in self.waiting if one.edition != edition and not (one.ordered_for and one.ordered_for <= day)
        )
        return State(edition, self.active, left)

    def rolled_back(self) -> "State":
        """The previous one in force again; done twice it is undone. Raises ConfigError."""
        if self.active is None and self.previous is None:
            zh, en = "没有上一版可回退", "there is no edition to go back to"
            raise _refused(zh, en, "用 smk pack list 查看", "smk pack list shows what there is")
        return replace(self, active=self.previous, previous=self.active)

    def dropped(self, version: str) -> "State":
        """Without that waiting edition, and without its order. Raises ConfigError."""
        found = self.find(version)
        return replace(self, waiting=tuple(one for one in self.waiting if one is not found))


def _refused(zh: str, en: str, zh_do: str, en_do: str) -> ConfigError:
    return ConfigError("packs", zh, en, zh_do, en_do)
