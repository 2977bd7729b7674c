"""The device's state and a signal in words, a line each, as a console or a log shows them."""

from collections.abc import Sequence

from terminal.faces.limits import CARD_DIGITS_SHOWN
from terminal.faces.shapes import SYMBOLS
from terminal.ports import Signal, Status
from terminal.signal import yuan


def headline(said: Signal | Status, language: str) -> str:
    """The headline in one language."""
    return said.zh if language == "zh" else said.en


def details(signal: Signal, language: str) -> tuple[str, ...]:
    """The detail lines in one language."""
    return signal.zh_detail if language == "zh" else signal.en_detail


def money(signal: Signal, language: str) -> list[tuple[str, str]]:
    """What the numbers are, and the numbers in yuan: the fare and the balance, where they are known."""
    labels = ("票价", "余额") if language == "zh" else ("fare", "balance")
    fens = (signal.amount_fen, signal.balance_fen)
    return [(label, yuan(fen)) for label, fen in zip(labels, fens, strict=True) if fen is not None]


def signal_line(signal: Signal, languages: Sequence[str]) -> str:
    """A signal in one line: shape, headlines, amounts, details."""
    parts = [" / ".join(headline(signal, language) for language in languages)]
    parts += [f"{label} {number}" for label, number in money(signal, languages[0])]
    parts += [line for language in languages for line in details(signal, language)]
    return f"{SYMBOLS.get(signal.shape, '·')} {' · '.join(parts)}"


def status_line(status: Status, language: str) -> str:
    """The device's state in one line; of a driver's card its last digits."""
    chinese = language == "zh"
    known = {
        ("终端", "terminal"): status.terminal,
        ("线路", "line"): status.line,
        ("方向", "direction"): str(status.direction) if status.line else "",
        ("司机", "driver"): f"…{status.driver[-CARD_DIGITS_SHOWN:]}" if status.driver else "",
        ("后台", "backend"): _ONLINE[status.online][not chinese],
        ("未上传", "unsent"): _unsent(status, chinese),
        ("票价包", "pack"): status.pack,
        ("黑名单", "hot list"): status.hot_list,
    }
    parts = [f"{labels[not chinese]} {value}" for labels, value in known.items() if value]
    return " · ".join([headline(status, language), *parts])


_ONLINE = {None: ("", ""), True: ("在线", "online"), False: ("离线", "offline")}


def _unsent(status: Status, chinese: bool) -> str:
    amount = yuan(status.unsent_fen)
    said = f"{status.unsent} 条 {amount} 元" if chinese else f"{status.unsent} ({amount} yuan)"
    if status.unsent and status.oldest_unsent_at:
        said += f" {'自' if chinese else 'since'} {status.oldest_unsent_at}"
    return said
