"""The floor of a whole process: open reader and PSAM, look for a card each 40 ms, send it the script's tap.

    python -m tests.bench.floor UDP_PATH READER DATABASE SCRIPT      SCRIPT: a file, JSON of `Script`

It runs until it is terminated.
"""

import json
import logging
import sys
import time
from pathlib import Path

from tests.bench.bare import Bare, Database, Script, open_devices

POLL_SECONDS = 0.040


def main(path: str, reader: str, database: str, script: str) -> None:
    """Serve for ever."""
    logging.getLogger("nfc").setLevel(logging.WARNING)
    raw = json.loads(Path(script).read_text("utf-8"))
    told = Script(tuple(raw["apdus"]), raw["type"], raw["factors"], tuple(raw["rows"]), raw["psam_select"])
    frontend, psam = open_devices(path, reader)
    bare = Bare(frontend, psam, Database(Path(database)))
    bare.psam(told.psam_select)
    while True:
        tag = bare.poll()
        if tag is not None:
            bare.serve(tag, told)
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
