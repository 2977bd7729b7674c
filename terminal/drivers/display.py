"""The customer display: two lines of twenty letters, CD5220 commands, on a serial line.

`ESC @` reset; `ESC Q A <20> CR` upper line; `ESC Q B <20> CR` lower line (CD5220 command set). The tubes have no
Chinese letters: numbers and short English or pinyin only.
"""

from terminal.drivers.limits import DISPLAY_LINES
from terminal.drivers.outlet import Outlet

COLUMNS = 20
RESET = b"\x1b@"


class CustomerDisplay:
    """The display at a serial port; one that is absent or hangs delays nobody."""

    def __init__(self, port: str, baudrate: int = 9600) -> None:
        self._outlet = Outlet(port, baudrate, DISPLAY_LINES, "顾客显示屏", "customer display")
        self._shown = b""

    def show(self, upper: str, lower: str = "") -> None:
        """Show two lines; sent when they changed. What the display cannot show becomes "?"."""
        data = screen(upper, lower)
        if data != self._shown:
            self._shown = data
            self._outlet.put(data)

    def lag_s(self) -> float:
        """Seconds for which its line has been busy with one piece of work."""
        return self._outlet.lag_s()

    def close(self) -> None:
        """Dark."""
        self._outlet.close(RESET)


def screen(upper: str, lower: str) -> bytes:
    """The bytes that show two lines, cut or filled to twenty letters each; a reset first, for it may just be back."""
    return RESET + b"\x1bQA" + _line(upper) + b"\r\x1bQB" + _line(lower) + b"\r"


def _line(text: str) -> bytes:
    shown = "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in text.replace("￥", "Y"))
    return shown[:COLUMNS].ljust(COLUMNS).encode("ascii")
