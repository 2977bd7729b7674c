"""A till on the console: a market's sales and shifts, top-ups, and the purse's part of a library fee."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from terminal.commands.say import answer, as_json, configuration_file, fail, speaking

if TYPE_CHECKING:
    from config.model import Configuration
    from terminal.receipt import Receipt
    from terminal.till.build import Built
    from terminal.till.counter import Till
    from terminal.till.deal import Deal
    from terminal.till.outside import Outside

REFUSED, UNCLEAR = 2, 3
SEND_SECONDS = 2.0
"""What a command gives to the sending of its rows: the next one sends what is left."""
order_option = click.option("--order", help="20 hex digits that name this deal: said again it is not done again.")
seconds_option = click.option("--wait", "seconds", type=float, default=60.0, help="Seconds to wait for a card (60).")


class Open(NamedTuple):
    """A till that a command works at."""

    built: "Built"
    outside: "Outside"
    configuration: "Configuration"

    @property
    def till(self) -> "Till":
        """The till."""
        return self.built.till

    @property
    def place(self) -> str:
        """What stands on receipts."""
        told = self.configuration
        places = (told.market.stall, told.topup.place, told.library.branch)
        return " / ".join(dict.fromkeys(place for place in places if place))

    def number(self) -> tuple[str, int]:
        """Terminal and epoch."""
        return self.built.journal.identity.terminal, self.built.journal.identity.epoch


def working(configuration: str, work: Callable[[Open], Any]) -> Any:
    """Open the till, work, send what can be sent, close it; what it refuses ends with 2."""
    from config.store import load_configuration
    from terminal.till.build import build
    from terminal.till.outside import Outside
    from terminal.till.words import Refused

    loaded = load_configuration(Path(configuration)).value
    built = build(loaded)
    outside = Outside(loaded.peripherals)
    try:
        built.till.idle()
        return work(Open(built, outside, loaded))
    except Refused as refused:
        fail(f"✗ {refused}", REFUSED)
    finally:
        outside.close()
        built.drain(SEND_SECONDS)
        built.close()


def carried_out(opened: Open, deal: "Deal", seconds: float, machine: bool) -> "Deal":
    """Wait for the card, again while the same one must come back, until the deal has ended or nobody comes."""
    from terminal.till.deal import RUNNING
    from terminal.till.words import Refused

    while deal.step in RUNNING:
        opened.outside.show(deal)
        if not machine:
            _say_card(deal)
        try:
            deal = opened.till.present(seconds)
        except Refused as refused:
            if refused.why != "no_card":
                raise
            deal = opened.till.give_up()
    opened.outside.show(deal)
    return deal


def told(opened: Open, deal: "Deal", machine: bool) -> None:
    """Say how the deal ended, print its receipt, end with its status."""
    from terminal.till.deal import Step
    from terminal.till.slips import receipt

    slip = receipt(deal, opened.place, *opened.number())
    shown = {
        "order": deal.order,
        "what": deal.what,
        "step": deal.step.value,
        "amount_fen": deal.amount_fen,
        "card": deal.card[-4:],
        "balance_fen": deal.balance_fen,
        "receipt": slip.number,
        "reason": deal.reason.value if deal.reason else "",
        "why": deal.why,
    }
    answer(shown, machine, lambda: _paper(slip))
    printed(opened, slip, machine)
    if deal.step is not Step.DONE:
        sys.exit(UNCLEAR if deal.step is Step.DOUBT else REFUSED)


def printed(opened: Open, slip: "Receipt", machine: bool) -> None:
    """Leave a slip to the printer, if there is one; say so when it could not be taken."""
    if opened.configuration.peripherals.printer and not opened.outside.print(slip) and not machine:
        click.echo("✗ 小票未打印，交易已记录 · no receipt: the printer is not ready; the deal stands", err=True)


def _paper(slip: "Receipt") -> list[str]:
    from terminal.receipt import layout

    return layout(slip, 40)


def _say_card(deal: "Deal") -> None:
    from terminal.faces.table import load_signals
    from terminal.till.deal import Step
    from terminal.till.words import told as in_words

    if deal.why:
        click.echo("✗ " + " · ".join(in_words(deal.why)), err=True)
    elif deal.reason is not None:
        signal = load_signals().signal(deal.reason, deal.amount_fen, deal.balance_fen)
        click.echo(f"✗ {signal.zh} · {signal.en}", err=True)
    if deal.step is Step.UNCLEAR:
        click.echo("请放回同一张卡 · put the same card down again", err=True)
    else:
        click.echo("请放卡 · put the card down", err=True)


def amount(text: str) -> int:
    """Fen of an amount in yuan, above zero; ends with 1 otherwise."""
    from tariffs.money import BadAmount, fen_from_text

    try:
        fen = fen_from_text(text)
    except BadAmount as wrong:
        fail(f"金额有误 · not an amount: {wrong}")
    if fen <= 0:
        fail("金额须大于零 · the amount must be above zero")
    return fen


def new_order(order: str | None) -> str:
    """The order given, or a new one."""
    return order or os.urandom(10).hex()


@click.group(short_help="Sell at a market's till: shifts, sales, refunds.")
def market() -> None:
    """A market's till: sums are keyed here or come from a scale or POS over the till's API, cards pay from the purse.

    \b
    smk market shift terminal.toml 0017            clerk 0017 opens a shift
    smk market sell terminal.toml 鱼=12.50 3.00     one sale of two items; the customer puts the card down
    smk market refund terminal.toml 00000001-1-5 3.00   a record, given back at a top-up counter
    smk market x terminal.toml                     what the shift came to so far
    smk market z terminal.toml                     close the shift; unsent records do not hinder it

    \b
    Exit status: 0 done, 2 refused or given up with nothing taken, 3 not known yet, 1 any other trouble.
    """


@market.command("shift")
@configuration_file
@click.argument("clerk")
@speaking
def market_shift(configuration: str, clerk: str) -> None:
    """Open a shift for CLERK (a work number); one that was forgotten is closed first."""
    number = working(configuration, lambda opened: opened.till.open_shift(clerk))
    click.echo(f"已开班 · shift {number} is open")


@market.command("sell")
@configuration_file
@click.argument("items", nargs=-1, required=True)
@order_option
@seconds_option
@as_json
@speaking
def market_sell(configuration: str, items: tuple[str, ...], order: str | None, seconds: float, as_json: bool) -> None:
    """Sell ITEMS, each YUAN or NAME=YUAN: the card that is put down pays them together."""
    lines = []
    for item in items:
        name, _, yuan = item.rpartition("=")
        lines.append((name or "商品 item", amount(yuan)))

    def work(opened: Open) -> None:
        deal = opened.till.sell(new_order(order), lines)
        told(opened, carried_out(opened, deal, seconds, as_json), as_json)

    working(configuration, work)


@market.command("refund")
@configuration_file
@click.argument("receipt")
@click.argument("yuan")
@order_option
@as_json
@speaking
def market_refund(configuration: str, receipt: str, yuan: str, order: str | None, as_json: bool) -> None:
    """Note that YUAN of RECEIPT (its number) are to be given back; a top-up counter puts them on the same card."""
    from terminal.till.slips import refund_slip

    def work(opened: Open) -> None:
        terminal, epoch = opened.number()
        seq = receipt.removeprefix(f"{terminal}-{epoch}-")
        if not seq.isdecimal():
            fail(f"不是本机的小票号 · no receipt of this till ({terminal}-{epoch}-…): {receipt}")
        noted = opened.till.refund(new_order(order), int(seq), amount(yuan))
        slip = refund_slip(noted, opened.till.parts.clock.read().at.isoformat(), opened.place, terminal, epoch)
        shown = {"order": noted.operation, "amount_fen": noted.amount, "receipt": receipt}
        answer(shown, as_json, lambda: _paper(slip))
        printed(opened, slip, as_json)

    working(configuration, work)


def _report(configuration: str, machine: bool, is_z: bool) -> None:
    from terminal.till.slips import shift_report

    def work(opened: Open) -> None:
        totals = opened.till.z() if is_z else opened.till.x()
        at = opened.till.parts.clock.read().at.isoformat()
        slip = shift_report(totals, is_z, at, opened.place, *opened.number())
        answer({name: getattr(totals, name) for name in totals.__struct_fields__}, machine, lambda: _paper(slip))
        if is_z:
            printed(opened, slip, machine)

    working(configuration, work)


@market.command("x")
@configuration_file
@as_json
@speaking
def market_x(configuration: str, as_json: bool) -> None:
    """What the open shift came to so far; nothing is closed."""
    _report(configuration, as_json, False)


@market.command("z")
@configuration_file
@as_json
@speaking
def market_z(configuration: str, as_json: bool) -> None:
    """Close the shift, once. Unsent rows and unclear debits do not hinder it: they are named and carried over."""
    _report(configuration, as_json, True)


@click.command(short_help="Top a card up: from cash, the bound account, or a refund.")
@configuration_file
@click.argument("yuan", required=False)
@click.option("--from", "source", type=click.Choice(["cash", "account"]), default="cash", show_default=True)
@click.option("--refunds", is_flag=True, help="Put what is to be given back to this card onto it.")
@order_option
@seconds_option
@as_json
@speaking
def topup(
    configuration: str, yuan: str | None, source: str, refunds: bool, order: str | None, seconds: float, as_json: bool
) -> None:
    """Load YUAN onto the card that is put down (圈存). Needs the backend: offline it is refused, and nothing is taken.

    The clerk's shift must be open (smk market shift). The card stays on the reader until the receipt is shown; one that
    was taken away too early is asked for again and settled by its own memory. Exit status as smk market.
    """
    if (yuan is None) != refunds:
        fail("请给出金额，或用 --refunds · give YUAN, or --refunds")

    def work(opened: Open) -> None:
        till = opened.till
        wanted = [(new_order(order), amount(yuan), source, "")] if yuan is not None else _due(opened, seconds)
        for one, fen, of, refund in wanted:
            deal = till.top_up(one, fen, of, refund)  # type: ignore[arg-type]
            told(opened, carried_out(opened, deal, seconds, as_json), as_json)

    working(configuration, work)


def _due(opened: Open, seconds: float) -> list[tuple[str, int, str, str]]:
    click.echo("请放卡 · put the card down", err=True)
    number = opened.till.card_number(seconds)
    due = opened.till.refunds(number)
    if not due:
        fail("此卡没有可退款项 · nothing is to be given back to this card", REFUSED)
    return [(new_order(None), one.amount_fen, "refund", one.operation) for one in due]
