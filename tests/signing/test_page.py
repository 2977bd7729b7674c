"""The page about signing says what really happens, and every attack that it lists has its test."""

import re
from pathlib import Path

from tests.signing.page import PAGE, printed

TESTS = Path(__file__).parents[1]


def test_the_page_shows_what_its_commands_print() -> None:
    text = PAGE.read_text("utf-8")
    assert printed(text) == text, "write it anew: .venv/bin/python -m tests.signing.page"


def test_each_attack_on_the_page_has_the_test_that_it_names() -> None:
    named = re.findall(r"`(test_\w+)`", PAGE.read_text("utf-8"))
    written = "\n".join(path.read_text("utf-8") for path in TESTS.rglob("test_*.py"))
    assert len(named) > 20
    assert [name for name in named if f"def {name}(" not in written] == []
