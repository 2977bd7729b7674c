"""A comparison's picture: drawn whole with or without a Chinese font, and never loaded on a device."""

import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from terminal.whatif import plot
from terminal.whatif.pairs import Pair

NAMES = {"a": ("学生卡", "student"), "b": ("普通卡", "ordinary")}
PAIRS = [
    Pair("a", "1", 100, 50),
    Pair("a", "2", 100, 150),
    Pair("b", "3", 200, 200),
    Pair("b", "4", None, 100),
    Pair("unnamed", "5", 100, None),
]
TITLE = ("新旧对比", "old and new")


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts of the pictures that are drawn."""
    texts: list[str] = []
    save = Figure.savefig

    def saving(figure: Figure, path: Path, dpi: int) -> None:
        save(figure, path, dpi=dpi)
        texts.extend(text.get_text() for text in figure.findobj(Text))

    monkeypatch.setattr(Figure, "savefig", saving)
    return texts


PAID = ("收入", "yuan taken")


def draw(path: Path) -> None:
    """Any character without a glyph is a warning, and here an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plot.draw(path, PAIRS, NAMES, TITLE, ("车费", "fares"), PAID)


def test_without_a_chinese_font_the_english_labels_stand_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drawn: list[str]
) -> None:
    monkeypatch.setattr(plot, "CHINESE_FONTS", ())
    draw(tmp_path / "a.png")
    assert {"student", "ordinary", "unnamed", "pay less", "old and new"} <= set(drawn)
    assert all(text.isascii() for text in drawn if text)
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (1320, 780) and len(image.getcolors(100_000) or []) > 50


def test_with_a_chinese_font_both_languages_stand_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drawn: list[str]
) -> None:
    monkeypatch.setattr(plot, "CHINESE_FONTS", ("no such font", "DejaVu Sans"))  # its boxes are not looked at
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plot.draw(tmp_path / "b.png", PAIRS, NAMES, TITLE, ("车费", "fares"), PAID)
    assert {"学生卡\nstudent", "unnamed", "少付 · pay less", "新旧对比 · old and new"} <= set(drawn)


def test_very_many_different_changes_are_drawn_as_a_histogram(tmp_path: Path, drawn: list[str]) -> None:
    many = [Pair("a", str(nth), 100, 100 + nth) for nth in range(2 * plot.BARS_MAX)]
    plot.draw(tmp_path / "many.png", many, NAMES, TITLE, ("车费", "fares"), PAID)
    assert any("1 pay the same" in text for text in drawn)


def test_nothing_to_compare_is_a_picture_too(tmp_path: Path) -> None:
    plot.draw(tmp_path / "empty.svg", [], NAMES, TITLE, ("车费", "fares"), PAID)
    assert "<svg" in (tmp_path / "empty.svg").read_text("utf-8")


def test_a_file_name_that_no_picture_has_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="xyz"):
        plot.draw(tmp_path / "a.xyz", PAIRS, NAMES, TITLE, ("车费", "fares"), PAID)


def test_a_device_does_not_load_the_plotting_library() -> None:
    program = (
        "import sys, terminal.box, terminal.cli, terminal.commands.device, terminal.commands.packs, terminal.packs\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('matplotlib', 'numpy', 'PIL')])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
