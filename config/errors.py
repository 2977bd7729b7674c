"""The one error that leaves this room: an input that could not be taken into force."""

from collections.abc import Sequence
from typing import Protocol


class Told(Protocol):
    """One broken rule, as `config.faults.Fault` and the tariffs' own faults are."""

    def text(self, language: str = "en") -> str:
        """The fault in one line; `language` "zh" or "en"."""
        ...


class ConfigError(Exception):
    """An input that was not taken. `place`: the file or folder; `zh`/`en` what is wrong, `zh_do`/`en_do` what to do.

    `faults`: each broken rule, when the input could be read that far.
    """

    def __init__(self, place: str, zh: str, en: str, zh_do: str, en_do: str, faults: Sequence[Told] = ()) -> None:
        self.place = place
        self.zh, self.en = zh, en
        self.zh_do, self.en_do = zh_do, en_do
        self.faults = tuple(faults)
        super().__init__(self.text())

    @classmethod
    def refused(cls, place: str, wrong: ValueError) -> "ConfigError":
        """From what a parser raised; its `faults`, where it has them, are taken over."""
        faults: Sequence[Told] = getattr(wrong, "faults", ())
        said = "" if faults else f": {wrong}"
        return cls(
            place,
            f"有 {max(1, len(faults))} 处错误{said}",
            f"{max(1, len(faults))} fault{'s' if len(faults) > 1 else ''}{said}",
            "按所列逐处改正后重新装入",
            "mend what is listed and load it again",
            faults,
        )

    def text(self, language: str = "en") -> str:
        """All of it, a fault a line; `language` "zh" or "en"."""
        lines = [f"  {fault.text(language)}" for fault in self.faults]
        if language == "zh":
            return "\n".join([f"{self.place}：{self.zh}", *lines, f"处理：{self.zh_do}"])
        return "\n".join([f"{self.place}: {self.en}", *lines, f"What to do: {self.en_do}"])
