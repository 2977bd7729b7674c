"""Simulated cards played by hand: one line, one act. For `smk virtual`, beside a device that runs on them."""

import shlex
import time
from collections.abc import Callable

import click

from apdu.virtual.remote import Remote, RemoteError, Virtual
from tariffs.money import fen_from_text
from terminal.demo.cast import cast
from terminal.demo.story import who
from terminal.drivers.clock import SystemClock
from terminal.signal import yuan

HELP = """\
NAME                 刷卡：进入并停留半秒 · tap: half a second in the field
hold NAME            放入不取走 · put in and leave there
leave                取走 · take out
tear NAME before|after   扣款时离开（卡未执行/已执行）· gone at DEBIT, before or after the card ran it
credit NAME YUAN     在别处充值 · load money elsewhere
pay NAME YUAN        在另一辆车付费 · pay on another bus
show NAME            卡内余额、计数器、日志 · balance, counter, log
list                 所有卡 · all cards
help, quit           说明，结束 · these lines; end"""
TAP_SECONDS = 0.5


def play_by_hand(chips: Virtual, seed: int) -> None:
    """Read commands from stdin until "quit" or its end."""
    remote = chips.remote
    cards = cast(seed, 0, "20301231")
    present = set(remote.cards())
    for name, spec in cards.items():
        if name not in present:
            remote.add(spec, name)
    click.echo(f'模拟卡场 · simulated field: path = "{chips.udp_path}"; PSAM: vpcd, reader "00 01"')
    click.echo(HELP)
    while True:
        try:
            words = shlex.split(click.prompt("卡 card", prompt_suffix="> "))
            if words and words[0] == "quit":
                return
            if words and words[0] == "help":
                click.echo(HELP)
                continue
            if words:
                _act(remote, words, {name: who(spec) for name, spec in cards.items()})
        except (click.Abort, EOFError):
            return
        except (RemoteError, ValueError) as trouble:
            click.echo(f"{trouble}\n{HELP}")


def _act(remote: Remote, words: list[str], cards: dict[str, str]) -> None:
    """One line. Raises RemoteError or ValueError when it makes no sense."""
    verb, rest = words[0], words[1:]
    acts: dict[str, tuple[int, Callable[..., None]]] = {
        "list": (0, lambda: _list(remote, cards)),
        "hold": (1, remote.enter),
        "leave": (0, remote.leave),
        "tear": (2, lambda name, side: _tear(remote, name, side)),
        "credit": (2, lambda name, amount: _money(remote.credit, name, amount)),
        "pay": (2, lambda name, amount: _money(remote.purchase_elsewhere, name, amount)),
        "show": (1, lambda name: _show(remote, name)),
    }
    if verb in acts and len(rest) == acts[verb][0]:
        acts[verb][1](*rest)
    elif verb not in acts and not rest:
        remote.enter(verb)
        time.sleep(TAP_SECONDS)
        if remote.in_field() is not None:
            remote.leave()
    else:
        raise ValueError(f"看不懂 · not understood: {' '.join(words)}")


def _tear(remote: Remote, name: str, side: str) -> None:
    remote.clear_faults()
    remote.tear(side, ins="54")
    remote.enter(name)
    time.sleep(TAP_SECONDS)
    if remote.armed():  # refused, or the same card within three seconds
        remote.clear_faults()
        remote.leave()
        click.echo("这次没有走到扣款，未撕开；3 秒后再试 · no DEBIT went out, nothing torn; wait 3 s and try again")


def _money(act: Callable[[str, int, str], object], name: str, amount: str) -> None:
    act(name, fen_from_text(amount), SystemClock().read().at.strftime("%Y%m%d%H%M%S"))


def _list(remote: Remote, cards: dict[str, str]) -> None:
    for name, card in remote.memory()["cards"].items():
        money = yuan(card["balance_fen"]) if "balance_fen" in card else "-"
        click.echo(f"  {name:20} {cards.get(name, ''):24} {money:>8}")


def _show(remote: Remote, name: str) -> None:
    card = remote.memory()["cards"].get(name)
    if card is None:
        raise ValueError(f"没有这张卡 · no such card: {name}")
    for key in ("number20", "balance_fen", "counter", "locked", "log"):
        click.echo(f"  {key:12} {card.get(key)}")
