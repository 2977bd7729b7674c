"""Several faces as one: each gets every signal, and one that fails is left out while taps go on."""

from collections.abc import Callable, Sequence
from math import inf

from terminal.ports import Advancing, Face, Signal, Status


class Fan:
    """Fits `terminal.ports.Face`. `alarm` is told once of each face that fails: its name and why."""

    def __init__(self, faces: Sequence[Face], alarm: Callable[[str, str], None]) -> None:
        self._faces = list(faces)
        self._alarm = alarm
        self._left_out = False

    def show(self, signal: Signal) -> None:
        """Show it on every face."""
        self._each(lambda face: face.show(signal))

    def idle(self, status: Status) -> None:
        """Tell every face."""
        self._each(lambda face: face.idle(status))

    def close(self) -> None:
        """Close every face, also after one that cannot be closed."""
        self._each(lambda face: face.close())

    def lag_s(self) -> float:
        """The longest lag among the faces; without end once one was left out. A face that has no thread has none."""
        if self._left_out:
            return inf
        return max((face.lag_s() for face in self._faces if isinstance(face, Advancing)), default=0.0)

    def _each(self, act: Callable[[Face], None]) -> None:
        for face in tuple(self._faces):
            try:
                act(face)
            except Exception as trouble:  # a face may be anything, a tap must end
                self._faces.remove(face)
                self._left_out = True
                self._alarm(type(face).__name__, str(trouble))
