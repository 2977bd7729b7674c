"""The signal table that ships with the program."""

from importlib.resources import files

from terminal.signal import Signals


def table_text() -> str:
    """The text of signals.toml."""
    return files("terminal.faces").joinpath("signals.toml").read_text(encoding="utf-8")


def load_signals() -> Signals:
    """The table, checked. Raises BadSignalTable."""
    return Signals(table_text())
