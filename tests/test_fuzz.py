"""Any bytes give a value or the parser's own error: each parser of the product, in the short form of `make fuzz`."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.found import FOUND
from tests.fuzz.parser import HOSTILE, Parser
from tests.fuzz.parsers import PARSERS

ROOT = Path(__file__).parents[1]
EACH = pytest.mark.parametrize("parser", PARSERS.values(), ids=PARSERS)


@st.composite
def altered(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """An accepted input with some places changed: bytes put in, taken out, repeated, or taken from another."""
    raw = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(raw)))
        end = draw(st.integers(begin, min(len(raw), begin + 40)))
        part = bytes(raw[begin:end])
        raw[begin:end] = draw(st.sampled_from((b"", part * 3)) | st.binary(max_size=12))
    return bytes(raw)


@EACH
def test_what_a_parser_must_accept_it_accepts(parser: Parser) -> None:
    seeds = parser.seeds()
    assert seeds and all(map(parser.accepts, seeds))
    assert max(map(len, seeds)) <= parser.bytes_max


@EACH
@pytest.mark.parametrize("nth", range(len(HOSTILE)))
def test_bytes_that_break_parsers_give_its_own_error(parser: Parser, nth: int) -> None:
    parser.accepts(HOSTILE[nth])
    parser.accepts(b"\x00" + HOSTILE[nth])


@pytest.mark.parametrize("name, raw", [(name, raw) for name, inputs in FOUND.items() for raw in inputs])
def test_what_once_broke_a_parser_is_refused_in_its_own_words(name: str, raw: bytes) -> None:
    assert not PARSERS[name].accepts(raw)


@EACH
def test_any_bytes_give_a_value_or_the_parsers_own_error(parser: Parser) -> None:
    seeds = parser.seeds()

    @settings(max_examples=60)
    @given(altered(seeds) | st.binary(max_size=200))
    def tried(raw: bytes) -> None:
        parser.accepts(raw)

    tried()


@pytest.mark.drill
def test_each_parser_holds_under_inputs_that_coverage_guides_a_thousand_or_two_seconds_long() -> None:
    command = [sys.executable, "-m", "tests.fuzz", "--inputs", "1000", "--seconds", "2"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert ended.returncode == 0, ended.stdout
    assert ended.stdout.count("0 crashes") == len(PARSERS)


@pytest.mark.drill
def test_an_input_that_breaks_a_promise_is_told_and_kept(tmp_path: Path) -> None:
    """The fuzzer itself: a parser that breaks on one word is caught, by coverage alone."""
    planted = (
        "from tests.fuzz import engine, parsers\nfrom tests.fuzz.parser import Parser\nfrom sync.record import decode\n"
        "def read(raw):\n    try:\n        decode(raw)\n    except ValueError:\n        assert len(raw) < 3\n"
        "parsers.PARSERS['planted'] = Parser('planted', read, (), lambda: [b''], 9)\n"
        f"engine.main('planted', {str(tmp_path / 'corpus')!r}, '-runs=2000', '-artifact_prefix={tmp_path}/broke-')\n"
    )
    (tmp_path / "corpus").mkdir()
    ended = subprocess.run([sys.executable, "-c", planted], capture_output=True, text=True, cwd=ROOT, check=False)
    assert ended.returncode != 0 and "AssertionError" in ended.stdout + ended.stderr
    assert list(tmp_path.glob("broke-*"))
