"""The last lines of the program's log in memory, for the technician's page and the bundle."""

import logging
from collections import deque
from datetime import datetime

from terminal.drivers.clock import CHINA
from terminal.faces.web.limits import LOG_LINE_CHARS_MAX, LOG_LINES_KEPT


class Logbook(logging.Handler):
    """Keeps the last lines of every logger, from any thread."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._lines: deque[str] = deque(maxlen=LOG_LINES_KEPT)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line; one that cannot be written is kept as what it was made of."""
        try:
            said = record.getMessage()
        except Exception:  # a logger's mistake must not end whoever logs
            said = str(record.msg)
        at = datetime.fromtimestamp(record.created, CHINA).isoformat(timespec="seconds")
        self._lines.append(f"{at} {record.levelname} {record.name}: {said}"[:LOG_LINE_CHARS_MAX])

    def lines(self) -> list[str]:
        """Oldest first."""
        return list(self._lines)
