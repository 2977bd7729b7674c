"""The story, to watch: `python -m tests.appliance`, as root."""

import sys
import tempfile
from pathlib import Path

from tests.appliance.story import play

if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="smk-appliance-") as folder:
        try:
            play(Path(folder), lambda line: print(line, flush=True))
        except AssertionError as broken:
            sys.exit(f"✗ {broken}")
