"""The full screen of the passenger's view, drawn with rich: headline band, shape, amounts, why, and the status line."""

from collections.abc import Sequence
from types import TracebackType
from typing import TextIO

from rich.align import Align
from rich.console import Console, Group
from rich.layout import Layout
from rich.table import Table
from rich.text import Text

from terminal.faces import words
from terminal.faces.shapes import DRAWINGS, figures
from terminal.mode import Mode
from terminal.ports import Light, Signal, Status
from terminal.signal import clipped, columns

BANDS = {
    Light.GREEN: "bold white on #005f00",
    Light.YELLOW: "bold black on #ffd700",
    Light.RED: "bold white on #8b0000",
    Light.BLUE: "bold white on #00005f",
    Light.OFF: "bold white on #262626",
}
"""Band of each light; every pair has a contrast of at least 7 to 1 (WCAG 2, enhanced)."""

FEW_COLOURS = {
    Light.GREEN: "black on green",
    Light.YELLOW: "black on yellow",
    Light.RED: "bold white on red",
    Light.BLUE: "bold white on blue",
    Light.OFF: "bold white on black",
}
"""The same where the terminal has 16 colours: rich's nearest ones would not keep the contrast."""

READY = {"zh": "请刷卡", "en": "Please tap your card"}
OPEN = (Mode.READY.value, Mode.SERVING.value)
BAND_LINES = 6


class Terminal(Console):
    """rich's console, but a broken pipe is the face's trouble alone; rich would end the process."""

    def on_broken_pipe(self) -> None:
        """Raises BrokenPipeError."""
        raise BrokenPipeError("the terminal is gone")


class Screen:
    """The alternate screen of a terminal, as a context."""

    def __init__(self, stream: TextIO, languages: Sequence[str]) -> None:
        self._console = Terminal(file=stream, force_terminal=True)
        self._languages = tuple(languages)
        self._bands = BANDS if self._console.color_system in ("256", "truecolor") else FEW_COLOURS

    def __enter__(self) -> "Screen":
        self._console.set_alt_screen(True)
        self._console.show_cursor(False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._console.show_cursor(True)
        self._console.set_alt_screen(False)

    def draw(self, signal: Signal | None, status: Status | None) -> None:
        """Show a signal, or without one that the device waits for a card."""
        layout = Layout()
        layout.split_column(
            Layout(self._band(signal, status), size=BAND_LINES),
            Layout(self._body(signal) if signal is not None else Text("")),
            Layout(self._foot(status), size=2 * len(self._languages)),
        )
        self._console.update_screen(layout)

    def _band(self, signal: Signal | None, status: Status | None) -> Align:
        if signal is not None:
            style = self._bands[signal.light]
            lines = [words.headline(signal, language) for language in self._languages]
        elif status is not None and status.mode not in OPEN:
            style = self._bands[Light.RED if status.mode == Mode.CLOSED.value else Light.OFF]
            lines = [words.headline(status, language) for language in self._languages]
        else:
            style = self._bands[Light.BLUE]
            lines = [READY[language] for language in self._languages]
        text = Text("\n".join(_spaced(line, self._console.width) for line in lines), justify="center", style=style)
        return Align.center(text, vertical="middle", style=style, height=BAND_LINES)

    def _body(self, signal: Signal) -> Table:
        table = Table.grid(padding=(1, 3))
        table.add_column(width=16)
        table.add_column()
        right: list[Text] = []
        if signal.amount_fen is not None:
            [(_, amount), *_] = words.money(signal, "en")
            right += [Text(line, style="bold") for line in figures(amount)]
        for language in self._languages:
            numbers = [f"{label} {number}" for label, number in words.money(signal, language)]
            right += [Text("   ".join(numbers), style="bold")] if numbers else []
            right += [Text(line) for line in words.details(signal, language)]
        table.add_row(Text("\n".join(DRAWINGS.get(signal.shape, ())), style="bold"), Group(*right))
        return table

    def _foot(self, status: Status | None) -> Text:
        if status is None:
            return Text("")
        return Text(
            "\n".join(words.status_line(status, language) for language in self._languages),
            style="reverse",
            overflow="ellipsis",
        )


def _spaced(text: str, most: int) -> str:
    """Letters set wide, the only way to be large in a terminal; a trouble's long text as it is, cut at the edge."""
    wide = " ".join(text)
    return wide if columns(wide) <= most else clipped(text, most)
