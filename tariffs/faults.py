"""What is wrong with a tariff pack: all of it at once, each with its file, line, value and the rule that it breaks."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tariffs.limits import FAULTS_MAX, VALUE_SHOWN_MAX


@dataclass(frozen=True, slots=True)
class Fault:
    """One broken rule. `line` from 1, 0 for the whole file; `field` the column or key; `value` as found, shortened."""

    file: str
    line: int
    field: str
    value: str
    zh: str
    en: str

    @property
    def where(self) -> str:
        """File, line, field and value, as far as they are known."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        found = f" {self.field}" if self.field else ""
        found += f' = "{self.value}"' if self.value else ""
        return place + found

    def text(self, language: str = "en") -> str:
        """The fault in one line; `language` "zh" or "en"."""
        return f"{self.where}：{self.zh}" if language == "zh" else f"{self.where}: {self.en}"


class PackFaults(ValueError):
    """A pack that does not take force; `faults` in the order in which the files are read."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        assert faults, "a pack without a fault is accepted"
        super().__init__("\n".join(fault.text() for fault in faults))
        self.faults = faults


class Findings:
    """Collects faults while a pack is read; `told` is bounded, `count` is not."""

    def __init__(self) -> None:
        self.told: list[Fault] = []
        self.count = 0

    def add(self, file: str, line: int, field: str, value: object, zh: str, en: str) -> None:
        """Note one fault."""
        self.count += 1
        if len(self.told) < FAULTS_MAX:
            self.told.append(Fault(file, line, field, shown(value), zh, en))

    def take(self, others: "Findings", places: Mapping[str, str]) -> None:
        """Take over what others hold; `places` renames files."""
        self.count += others.count
        for fault in others.told[: FAULTS_MAX - len(self.told)]:
            self.told.append(replace(fault, file=places.get(fault.file, fault.file)))

    def raise_if_any(self) -> None:
        """Raises PackFaults when anything was noted."""
        rest = self.count - len(self.told)
        if rest:
            self.told.append(Fault("…", 0, "", "", f"另有 {rest} 处错误未列出", f"{rest} more faults are not listed"))
        if self.told:
            raise PackFaults(tuple(self.told))


def shown(value: object) -> str:
    """A value as a fault shows it: printable, in one line, of bounded length."""
    if isinstance(value, (dict, list)):
        return "{…}" if isinstance(value, dict) else "[…]"
    try:
        text = str(value).lower() if isinstance(value, bool) else str(value)
    except ValueError:  # an integer with more digits than Python prints
        return "…"
    printable = "".join(letter if letter.isprintable() else "�" for letter in text[:VALUE_SHOWN_MAX])
    return printable + ("…" if len(text) > VALUE_SHOWN_MAX else "")
