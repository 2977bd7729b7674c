"""What is open, as a clerk reads it."""

from dataclasses import dataclass

from sync.lending import Entry, State
from terminal.library.counter import Counter

ACTS = {"lend": "借 lend", "return": "还 return", "renew": "续 renew", "fee": "费 fee"}
WHY = {
    "refused": ("系统拒绝：查清后 replay --again 或 settle", "refused: look into it, then replay --again or settle"),
    "unclear": ("系统无法说明是否已办：人工核对后 settle", "the system cannot tell: check by hand, then settle"),
    "not_as_told": ("系统说成功但查不到：人工核对后 settle", "said done, found undone: check by hand, then settle"),
    "no_answer": ("系统无应答且未办：replay --again 或人工办理", "no answer, not done: replay --again, or by hand"),
    "bad_value": ("数据无法发送：人工办理后 settle", "cannot be sent: do it by hand, then settle"),
}
STATES = {State.QUEUED: "◷ 待传 waits", State.SENT: "? 已发待核 to be checked", State.STUCK: "✗ 例外 exception"}


@dataclass(frozen=True, slots=True)
class OpenAct:
    """One open act for the list. `card` masked unless the clerk asked for it."""

    entry: Entry
    card: str
    item: str
    words: str

    def line(self) -> str:
        """For a console."""
        entry = self.entry
        zh, en = WHY.get(entry.why, ("", ""))
        why = f" · {zh} · {en}" if entry.state is State.STUCK else ""
        words = f" · 系统：{self.words}" if self.words and why else ""
        act = ACTS[entry.asked.act]
        return f"{entry.row.seq:>6} {entry.row.at[:16]} {STATES[entry.state]} {act} {self.item} {self.card}{why}{words}"

    def shown(self) -> dict[str, object]:
        """For a program."""
        asked = self.entry.asked
        return {
            "seq": self.entry.row.seq,
            "at": self.entry.row.at,
            "state": self.entry.state.value,
            "act": asked.act,
            "granted": asked.granted,
            "item": self.item,
            "card": self.card,
            "due": asked.due,
            "fee_fen": asked.fee_fen,
            "why": self.entry.why if self.entry.state is State.STUCK else "",
            "words": self.words,
        }


def listed(counter: Counter, full: bool) -> list[OpenAct]:
    """All open acts, oldest first. Raises Unsealable."""
    found = []
    for entry in counter.queue.open():
        loan = counter.loan(entry)
        card = loan.card if full or not loan.card else f"…{loan.card[-4:]}"
        found.append(OpenAct(entry, card, loan.item, counter.words(entry)))
    return found
