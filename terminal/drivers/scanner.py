"""A barcode scanner on a serial line (or USB-COM): each code ends in CR, as every scanner can be set."""

import logging
from collections.abc import Callable

from terminal.drivers.inlet import Inlet
from terminal.drivers.limits import SCAN_CHARS_MAX, SCAN_SILENCE_S

log = logging.getLogger(__name__)


class Scanner:
    """Calls `scanned` with each code from its own thread: printable ASCII, without `prefix`.

    With a prefix set in the scanner, what does not bear it is no scan and is dropped. `plugged` hears each time whether
    the scanner is there.
    """

    def __init__(
        self,
        port: str,
        scanned: Callable[[str], None],
        baudrate: int = 9600,
        prefix: str = "",
        plugged: Callable[[bool], None] = lambda there: None,
    ) -> None:
        self._scanned, self._prefix = scanned, prefix
        self._inlet = Inlet(port, baudrate, self._heard, SCAN_CHARS_MAX, SCAN_SILENCE_S, "扫码枪", "scanner", plugged)

    @property
    def is_open(self) -> bool:
        """Whether the scanner is plugged in."""
        return self._inlet.is_open

    def close(self) -> None:
        """Stop scanning."""
        self._inlet.close()

    def _heard(self, raw: bytes) -> None:
        code = read_code(raw, self._prefix)
        if code is None:
            log.info("the scanner sent %d bytes that are no code · 无法识别的条码", len(raw))
        else:
            self._scanned(code)


def read_code(raw: bytes, prefix: str = "") -> str | None:
    """The code of a scanned line; None when it is none."""
    text = raw.decode("ascii", "replace")
    code = text.removeprefix(prefix).strip()
    good = text.startswith(prefix) and code.isascii() and code.isprintable() and code != ""
    return code if good else None
