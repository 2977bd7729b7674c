"""A comparison in words: rows of tables for people, plain values for programs. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from tariffs.money import yuan_text
from terminal.whatif.changes import Answer, Change, Place
from terminal.whatif.limits import PLACES_LISTED
from terminal.whatif.pairs import TOTAL, Sums

Names = Mapping[str, tuple[str, str]]
"""A group's name in Chinese and English."""

SUMS_HEAD = (
    "类别 · class",
    "次数 · cases",
    "收入 · yuan",
    "变化 · change",
    "多付 · more",
    "少付 · less",
    "不变 · same",
    "拒绝 · gone",
)
CHANGES_HEAD = ("自 · from", "持卡人 · rider", "行程 · journey", "线路 · routes", "旧 · old", "新 · new")


def sums_rows(found: Sequence[Sums], names: Names) -> list[list[str]]:
    """One row a group under SUMS_HEAD, the last one for all."""
    return [
        [
            "合计 · all" if group.group == TOTAL else named(group.group, names),
            _arrow(str(group.cases_old), str(group.cases_new)),
            _arrow(yuan_text(group.fen_old), yuan_text(group.fen_new)),
            signed(group.fen_new - group.fen_old),
            str(group.more),
            str(group.less),
            str(group.same),
            str(group.gone),
        ]
        for group in found
    ]


def changes_rows(found: Sequence[Change], places_in_all: int) -> list[list[str]]:
    """One row a change under CHANGES_HEAD."""
    return [
        [
            str(change.first),
            f"{change.rider.zh} · {change.rider.en}",
            f"{change.journey.zh} · {change.journey.en}" + "".join(f" {at:%H:%M}" for at in change.hours),
            _places(change.places, places_in_all),
            _told(change.old, change.old.fen == change.new.fen),
            _told(change.new, change.old.fen == change.new.fen),
        ]
        for change in found
    ]


def change_value(change: Change) -> dict[str, Any]:
    """The same for a program."""
    return {
        "from": change.first.isoformat(),
        "rider": change.rider.group,
        "journey": change.journey.en,
        "hours": [f"{at:%H:%M}" for at in change.hours],
        "places": [place._asdict() for place in change.places],
        "old": {"fen": change.old.fen, "reason": change.old.reason.value},
        "new": {"fen": change.new.fen, "reason": change.new.reason.value},
    }


def named(group: str, names: Names) -> str:
    """A group in both languages; its id where nobody named it."""
    return " · ".join(names[group]) if group in names else group


def signed(fen: int) -> str:
    """A change in yuan, with its sign."""
    return f"+{yuan_text(fen)}" if fen > 0 else yuan_text(fen)


def _arrow(old: str, new: str) -> str:
    return old if old == new else f"{old} → {new}"


def _places(places: tuple[Place, ...], places_in_all: int) -> str:
    if len(places) == places_in_all:
        return "全部 · all"
    rest = len(places) - PLACES_LISTED
    return ", ".join(map(str, places[:PLACES_LISTED])) + (f" +{rest}" if rest > 0 else "")


def _told(answer: Answer, with_reason: bool) -> str:
    if answer.fen is None:
        return f"拒绝 · {answer.reason.value}"
    return yuan_text(answer.fen) + (f" {answer.reason.value}" if with_reason else "")
