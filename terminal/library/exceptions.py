"""How the counter stands and what is open, as a clerk reads it."""

from dataclasses import asdict, dataclass
from typing import Any

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


def standing(counter: Counter) -> dict[str, Any]:
    """The library system as it says of itself, and the counts of what is open here."""
    reachable = counter.reachable(counter.clock.read())
    server, profile = counter.client.server, counter.client.profile
    waiting = counter.queue.open(State.QUEUED, State.SENT)
    return {
        "profile": profile.name,
        "profile_verified": profile.verified,
        "reachable": reachable,
        "server": asdict(server) if reachable and server else {},
        "waiting": len(waiting),
        "oldest": waiting[0].row.at if waiting else "",
        "exceptions": len(counter.queue.open(State.STUCK)),
        "rules": counter.rules.lending.version,
        "rules_unverified": len(counter.rules.lending.unverified),
        "blocked_readers": len(counter.rules.blocked),
    }


def standing_lines(shown: dict[str, Any]) -> list[str]:
    """The same for a console. What the system denies of itself is a warning only: some deny what they do."""
    there = "✓ 联网 · online" if shown["reachable"] else "✗ 图书馆系统不可达，按离线规则办理 · away: local rules hold"
    denies = [name for name in ("online", "checkin", "checkout", "renewal") if shown["server"].get(name) is False]
    warning = [f"! 系统自称不支持 · it says that it does not do: {', '.join(denies)}"] if denies else []
    oldest = f"，最早 oldest {shown['oldest'][:16]}" if shown["oldest"] else ""
    verified = "" if shown["profile_verified"] else "（未核实 · unverified）"
    return [
        f"{there} · {shown['profile']}{verified}",
        *warning,
        f"待传 waiting {shown['waiting']}{oldest} · 例外 exceptions {shown['exceptions']}",
        f"规则 rules {shown['rules']}，未核实 unverified {shown['rules_unverified']}"
        f" · 停借 blocked {shown['blocked_readers']}",
    ]
