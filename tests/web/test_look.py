"""What can be told of the pages without a browser: contrast, shapes, both languages, nothing from elsewhere."""

import re
import subprocess
import sys

import pytest

from terminal.faces.table import load_signals
from terminal.faces.web.pages import AT_A_COUNTER, MODULES
from terminal.faces.web.site import static_files

FILES = {name: raw.decode() for name, raw in static_files().items()}
CSS = re.sub(r"/\*.*?\*/", "", FILES["web.css"], flags=re.DOTALL)
PAIRS = dict(re.findall(r"--((?:ink|paper)-[a-z]+): (#[0-9a-f]{6});", CSS))
RULES = [(head.strip(), body) for head, body in re.findall(r"([^{}]+)\{([^{}]*)\}", CSS) if head.strip() != ":root"]
CONTRAST_MIN = 7.0
"""WCAG 2, success criterion 1.4.6 (enhanced)."""


def luminance(colour: str) -> float:
    """Relative luminance of "#rrggbb" (WCAG 2, "relative luminance")."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_reckoned_as_the_standard_does() -> None:
    assert round(contrast("#000000", "#ffffff"), 2) == 21.0 and round(contrast("#777777", "#ffffff"), 2) == 4.48


@pytest.mark.parametrize("name", sorted(name.removeprefix("ink-") for name in PAIRS if name.startswith("ink-")))
def test_every_pair_of_colours_has_the_contrast(name: str) -> None:
    assert contrast(PAIRS[f"ink-{name}"], PAIRS[f"paper-{name}"]) >= CONTRAST_MIN


def test_no_rule_writes_one_pairs_ink_on_anothers_paper_or_names_a_colour_itself() -> None:
    for head, body in RULES:
        assert not re.search(r"#[0-9a-fA-F]{3,8}\b|rgba?\(|hsl", body), head
        inks = re.findall(r"(?<![a-z-])color: var\(--ink-([a-z]+)\)", body)
        papers = re.findall(r"background: var\(--paper-([a-z]+)\)", body)
        assert inks == papers, head
        assert len(re.findall(r"(?<![a-z-])color:|background:", body)) == len(inks) * 2, head


def test_the_passengers_page_can_draw_every_shape_in_every_light() -> None:
    kinds = load_signals().table.kind.values()
    drawn = set(re.findall(r'<symbol id="([a-z]+)"', FILES["kiosk.html"]))
    assert {shape for kind in kinds for shape in kind.shapes} <= drawn
    lit = set(re.findall(r'#tap\[data-light="([a-z]+)"\]', CSS))
    assert {kind.light.value for kind in kinds} <= lit


def test_nothing_comes_from_elsewhere_and_no_script_or_style_stands_in_a_page() -> None:
    for name, text in FILES.items():
        found = set(re.findall(r"https?://[^\s\"'<]+", text)) - {"http://www.w3.org/2000/svg"}
        assert not found, name
        inline = r"<script(?![^>]* src=\"/static/)|<style|\son[a-z]+=|\sstyle=|innerHTML|\beval\("
        assert not re.search(inline, text), name


@pytest.mark.parametrize("name", sorted(name for name in FILES if name.endswith(".html")))
def test_whatever_a_page_says_it_says_in_both_languages(name: str) -> None:
    text = FILES[name]
    assert len(re.findall('lang="zh"', text)) == len(re.findall('lang="en"', text))
    bare = re.sub(r'<(span|option|title)[^>]*>.*?</\1>', "", text, flags=re.DOTALL)
    assert not re.search("[\u4e00-\u9fff]", re.sub(r"<[^>]*>", "", bare)), name


def test_a_validators_pages_load_no_counter_and_nothing_that_verifies() -> None:
    """Page usable within a second of the process's start."""
    pages = [name for name in MODULES if name not in AT_A_COUNTER]
    script = f"""
import sys, importlib
import terminal.faces.web.server, terminal.faces.web.pages
for name in {pages}:
    importlib.import_module("terminal.faces.web.pages." + name)
parts = ("terminal.counters.place", "terminal.till", "terminal.library", "terminal.hospital", "terminal.kinds")
print([name for name in sys.modules if name.startswith((*parts, "tuf", "securesystemslib", "cryptography", "serial"))])
"""
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_every_page_has_its_text_and_its_script() -> None:
    for module in MODULES:
        if module not in ("redress", "card", "till", "tray", "stick"):  # they bring acts to other pages
            assert {f"{module}.html", f"{module}.js"} <= set(FILES), module
