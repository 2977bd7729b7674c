"""One parser under atheris, in a process of its own: python -m tests.fuzz.engine NAME CORPUS [libFuzzer's options].

libFuzzer ends the process: with 0 after so many inputs, with another status on the first input that breaks a promise,
which then lies as a file beside the corpus.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["apdu", "config", "sync", "tariffs", "terminal", "tomllib", "zipfile"]):
    from tests.fuzz.parsers import PARSERS


def main(name: str, corpus: str, *options: str) -> None:
    """Fuzz one parser; never returns."""
    parser = PARSERS[name]
    for nth, seed in enumerate(parser.seeds()):
        (Path(corpus) / f"seed-{nth}").write_bytes(seed)

    def one(raw: bytes) -> None:
        parser.accepts(raw)

    atheris.Setup([sys.argv[0], *options, f"-max_len={parser.bytes_max}", corpus], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
