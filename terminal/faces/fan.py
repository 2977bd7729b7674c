"""Several faces as one: each gets every signal, and one that fails is left out while taps go on."""

from collections.abc import Callable, Sequence

from terminal.ports import Face, Signal, Status


class Fan:
    """Fits `terminal.ports.Face`. `alarm` is told once of each face that fails: its name and why."""

    def __init__(self, faces: Sequence[Face], alarm: Callable[[str, str], None]) -> None:
        self._faces = list(faces)
        self._alarm = alarm

    def show(self, signal: Signal) -> None:
        """Show it on every face."""
        self._each(lambda face: face.show(signal))

    def idle(self, status: Status) -> None:
        """Tell every face."""
        self._each(lambda face: face.idle(status))

    def close(self) -> None:
        """Close every face, also after one that cannot be closed."""
        self._each(lambda face: face.close())

    def _each(self, act: Callable[[Face], None]) -> None:
        for face in tuple(self._faces):
            try:
                act(face)
            except Exception as trouble:  # a face may be anything, a tap must end
                self._faces.remove(face)
                self._alarm(type(face).__name__, str(trouble))
