"""What the clerk is told of each act."""

from dataclasses import dataclass
from enum import Enum

from tariffs.library import Denied


class Outcome(Enum):
    """How an act ended, with its shape (never colour alone) and its words."""

    DONE = ("✓", "完成", "done")
    QUEUED = ("◷", "离线已记，待上传", "recorded offline, to be sent")
    REFUSED = ("✗", "未办理", "refused")
    UNCLEAR = ("?", "结果未知：先不要交书，联网后自动核实", "unknown: hand nothing over, it is checked when online")

    def __init__(self, shape: str, zh: str, en: str) -> None:
        self.shape = shape
        self.zh = zh
        self.en = en


@dataclass(frozen=True, slots=True)
class Result:
    """One act's end. `words` the library system's or the rules' reason; `due` as a day, or as the system wrote it.

    `alert`: keep the item aside, somebody waits for it. `seq` the journal's row, 0 where nothing was kept.
    """

    act: str
    item: str
    outcome: Outcome
    title: str = ""
    due: str = ""
    words: str = ""
    alert: bool = False
    seq: int = 0

    def line(self) -> str:
        """For a console: shape, item, title, what was decided, in both languages."""
        due = f" 应还 due {self.due}" if self.due else ""
        words = f" · {self.words}" if self.words else ""
        alert = " · 有人预约，放预约架 · on hold for another reader" if self.alert else ""
        head = f"{self.outcome.shape} {self.item} {self.title}".rstrip()
        return f"{head} {self.outcome.zh} {self.outcome.en}{due}{words}{alert}"

    def shown(self) -> dict[str, object]:
        """For a program."""
        return {
            "act": self.act,
            "item": self.item,
            "outcome": self.outcome.name.lower(),
            "title": self.title,
            "due": self.due,
            "words": self.words,
            "alert": self.alert,
            "seq": self.seq,
        }


@dataclass(frozen=True, slots=True)
class ReaderView:
    """A reader at the counter. `blocked`: reasons, empty when lending is open. `items` at home, as far as known."""

    online: bool
    known: bool
    name: str
    blocked: tuple[str, ...]
    items: tuple[str, ...]
    fee: str
    words: str


def denied(why: Denied) -> str:
    """A rule's no in both languages."""
    return f"{why.zh} · {why.en}"


FLAGS = (
    ("停借", "charge denied"),
    ("不可续借", "renewal denied"),
    ("不可召回", "recall denied"),
    ("不可预约", "hold denied"),
    ("读者证挂失", "card reported lost"),
    ("借书超限", "too many items"),
    ("逾期过多", "too many overdue"),
    ("续借过多", "too many renewals"),
    ("声称已还过多", "too many claims of return"),
    ("丢失过多", "too many lost"),
    ("罚款超限", "fines too high"),
    ("费用超限", "fees too high"),
    ("召回逾期", "recall overdue"),
    ("欠费过多", "billed for too many"),
)
"""SIP2's fourteen patron flags in their order."""


def flag(place: int) -> str:
    """A patron flag in both languages."""
    zh, en = FLAGS[place]
    return f"{zh} · {en}"
