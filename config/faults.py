"""What is wrong with an input, all of it at once, each fault with its place."""

from collections.abc import Iterable
from dataclasses import dataclass

from config.limits import FAULTS_MAX, VALUE_SHOWN_MAX


@dataclass(frozen=True, slots=True)
class Fault:
    """One broken rule. `place`: key path or file; `line` from 1, None when not known; `value` as found, shortened."""

    place: str
    zh: str
    en: str
    line: int | None = None
    value: str = ""

    def text(self, language: str = "en") -> str:
        """The fault in one line; `language` "zh" or "en"."""
        if language == "zh":
            where = f"第 {self.line} 行 " if self.line else ""
            return f"{where}{self.place}{f' = {self.value}' if self.value else ''}：{self.zh}"
        where = f"line {self.line}: " if self.line else ""
        return f"{where}{self.place}{f' = {self.value}' if self.value else ''}: {self.en}"


class Faults(ValueError):
    """An input that was not accepted; `faults` holds everything that is wrong with it, in the order of the input."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        found = list(faults)
        assert found, "an input without a fault is accepted"
        if len(found) > FAULTS_MAX:
            rest = len(found) - FAULTS_MAX
            found = found[:FAULTS_MAX]
            found.append(Fault("…", f"另有 {rest} 处错误未列出", f"{rest} more faults are not listed"))
        self.faults = tuple(found)
        super().__init__("\n".join(fault.text() for fault in self.faults))


def shown(value: object) -> str:
    """A value as a fault shows it: one printable line of bounded length."""
    if isinstance(value, dict):
        return "{…}"
    if isinstance(value, list):
        return "[…]"
    try:
        text = str(value).lower() if isinstance(value, bool) else str(value)
    except ValueError:  # an integer with more digits than Python prints
        return "…"
    printable = "".join(letter if letter.isprintable() else "�" for letter in text[:VALUE_SHOWN_MAX])
    printable += "…" if len(text) > VALUE_SHOWN_MAX else ""
    return f'"{printable}"' if isinstance(value, str) else printable
