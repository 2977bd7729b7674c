"""A comparison as a picture (PNG, SVG or PDF by the file's name): sums by group, and who pays more or less.

The one file that knows the plotting library, which is the extra `plot` and not installed on a device. Chinese names are
drawn where the machine has a font for them, else the English ones stand alone.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from terminal.whatif.pairs import TOTAL, Pair, Sums, changes_by_person, sums
from terminal.whatif.report import signed

logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # a font without our weight is no news

CHINESE_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "AR PL UMing CN",
    "Microsoft YaHei",
    "SimHei",
    "PingFang SC",
    "Droid Sans Fallback",
)
"""Families that have simplified Chinese, as Debian, Windows and macOS bring them; the first that is there is used."""

BARS_MAX = 40
"""Different amounts of change that are drawn each by itself; more are drawn as a histogram."""

OLD, NEW, MORE, LESS, SAME = "#9aa5b1", "#2f6f9f", "#c8553d", "#3a8f5c", "#d9dde2"


def draw(
    path: Path,
    pairs: Sequence[Pair],
    names: Mapping[str, tuple[str, str]],
    title: tuple[str, str],
    unit: tuple[str, str],
    paid: tuple[str, str],
) -> None:
    """Draw `pairs` into `path`.

    `names`: group to (Chinese, English); `title` the same; `unit` what is paid for ("乘车", "rides");
    `paid` what the sums of money are ("收入", "yuan taken").

    Raises ValueError for a file name whose ending no picture has, OSError.
    """
    chinese = _chinese_font()
    groups = [found for found in sums(pairs) if found.group != TOTAL]
    labels = [_label(names.get(found.group, ("", found.group)), chinese) for found in groups]
    families = [chinese, "DejaVu Sans"] if chinese else ["DejaVu Sans"]
    with matplotlib.rc_context({"font.family": families, "font.size": 9, "axes.unicode_minus": False}):
        figure = Figure(figsize=(11, 6.5), layout="constrained")
        figure.suptitle(_label(title, chinese).replace("\n", " · "), fontsize=12)
        sums_axes, persons_axes, changes_axes = _three(figure)
        _sums(sums_axes, groups, labels, paid, chinese)
        _persons(persons_axes, groups, labels, chinese)
        _changes(changes_axes, pairs, unit, chinese)
        figure.savefig(path, dpi=120)


def _chinese_font() -> str:
    """The family that draws Chinese here, "" when there is none."""
    known = {font.name for font in font_manager.fontManager.ttflist}
    return next((name for name in CHINESE_FONTS if name in known), "")


def _label(words: tuple[str, str], chinese: str) -> str:
    """Chinese over English, or English alone."""
    return f"{words[0]}\n{words[1]}" if chinese and words[0] else words[1]


def _words(zh: str, en: str, chinese: str) -> str:
    return f"{zh} · {en}" if chinese else en


def _three(figure: Figure) -> tuple[Axes, Axes, Axes]:
    grid = figure.add_gridspec(2, 2, width_ratios=(1, 1), height_ratios=(3, 2))
    return figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[0, 1]), figure.add_subplot(grid[1, :])


def _sums(axes: Axes, groups: Sequence[Sums], labels: Sequence[str], paid: tuple[str, str], chinese: str) -> None:
    places = range(len(groups))
    old = [group.fen_old / 100 for group in groups]
    new = [group.fen_new / 100 for group in groups]
    axes.barh([place - 0.2 for place in places], old, 0.38, color=OLD, label=_words("旧", "old", chinese))
    axes.barh([place + 0.2 for place in places], new, 0.38, color=NEW, label=_words("新", "new", chinese))
    most = max([*old, *new, 1])
    for place, (before, after) in enumerate(zip(old, new, strict=True)):
        change = signed(groups[place].fen_new - groups[place].fen_old)
        axes.text(max(before, after) + most * 0.02, place, change, va="center", fontsize=8)
    axes.set_xlim(0, most * 1.22)
    axes.set_yticks(list(places), labels)
    axes.invert_yaxis()
    axes.set_xlabel(_words(f"{paid[0]}，元（旁为变化）", f"{paid[1]}, with the change", chinese))
    axes.legend(loc="lower right", frameon=False)
    _plain(axes)


def _persons(axes: Axes, groups: Sequence[Sums], labels: Sequence[str], chinese: str) -> None:
    left = [0.0] * len(groups)
    parts = (
        (LESS, _words("少付", "pay less", chinese), [group.less for group in groups]),
        (SAME, _words("不变", "the same", chinese), [group.same for group in groups]),
        (MORE, _words("多付", "pay more", chinese), [group.more for group in groups]),
    )
    all_ = [max(1, group.less + group.same + group.more) for group in groups]
    for colour, label, counts in parts:
        shares = [100 * count / whole for count, whole in zip(counts, all_, strict=True)]
        bars = axes.barh(range(len(groups)), shares, 0.7, left=left, color=colour, label=label)
        axes.bar_label(bars, [str(count) if share > 6 else "" for count, share in zip(counts, shares, strict=True)],
                       label_type="center", fontsize=8)  # fmt: skip
        left = [before + share for before, share in zip(left, shares, strict=True)]
    axes.set_yticks(range(len(groups)), [label.split("\n")[0] for label in labels])
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel(_words("持卡人，%", "% of persons", chinese))
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False)
    _plain(axes)


def _changes(axes: Axes, pairs: Sequence[Pair], unit: tuple[str, str], chinese: str) -> None:
    """How many persons pay how much more or less; those whose total stays are only counted in the title."""
    all_ = list(changes_by_person(pairs).values())
    changes = [change / 100 for change in all_ if change]
    counts = Counter(changes)
    if len(counts) <= BARS_MAX:  # each amount by itself
        wide = 0.02 * max((max(counts) - min(counts) if counts else 0), 1)
        bars = axes.bar(list(counts), list(counts.values()), wide)
        axes.bar_label(bars, fontsize=8)
        axes.margins(y=0.12)
    else:
        axes.hist(changes, bins=BARS_MAX)
    for bar in axes.patches:
        left, right = bar.get_extents().transformed(axes.transData.inverted()).intervalx
        bar.set_facecolor(MORE if left + right > 0 else LESS)
    axes.axvline(0, color="black", linewidth=0.8)
    what = f"人数，按{unit[0]}合计变化（元）", f"persons by the change of their {unit[1]} in yuan"
    axes.set_xlabel(_words(*what, chinese))
    axes.set_title(_words(f"{len(all_) - len(changes)} 人不变", f"{len(all_) - len(changes)} pay the same", chinese),
                   fontsize=9)  # fmt: skip
    _plain(axes)


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
