"""A serial line as a pseudo-terminal whose far end the test holds."""

import os
import select
import tty
from pathlib import Path


class Line:
    """A serial line whose far end the test holds; it can be unplugged and plugged again."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ttyTEST"
        self.plug()

    def plug(self) -> None:
        self.end, self._tty = os.openpty()
        tty.setraw(self._tty)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(self._tty))

    def unplug(self) -> None:
        os.close(self.end)
        os.close(self._tty)
        self.path.unlink()

    def read_until(self, last: bytes, seconds: float = 10.0) -> bytes:
        """What arrived up to a line; fails when it does not come."""
        heard = b""
        while not heard.endswith(last + b"\r\n"):
            assert select.select([self.end], [], [], seconds)[0], f"only {heard!r} came"
            heard += os.read(self.end, 1)
        return heard

    def read(self, count: int, seconds: float = 10.0) -> bytes:
        """So many bytes that arrived; fails when they do not come."""
        heard = b""
        while len(heard) < count:
            assert select.select([self.end], [], [], seconds)[0], f"only {heard!r} came"
            heard += os.read(self.end, count - len(heard))
        return heard

    def say(self, data: bytes) -> None:
        """Send from the far end."""
        os.write(self.end, data)
