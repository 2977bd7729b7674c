"""A day at a library's counter, on the console: the desk, single acts, what is open, replay and export."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from terminal.commands.say import answer, as_json, configuration_file, fail, speaking

if TYPE_CHECKING:
    from terminal.library.counter import Counter
    from terminal.library.results import Result

card_option = click.option("--card", help="The reader's card number, keyed or scanned; left out: put the card down.")
contact_option = click.option("--contact", is_flag=True, help="Read the contact chip instead of the contactless one.")
UNCLEAR = 3
REFUSED = 2


@click.group(short_help="Lend, return, renew, take fees at a library's counter.")
def library() -> None:
    """A library's counter: with the library's own system where it can be reached, by local rules where not.

    \b
    smk library keys keys.toml                     once: keys of personal data
    smk library desk terminal.toml                 the day's work, with scanner or keyboard
    smk library lend terminal.toml B0001 B0002     the reader puts the card down
    smk library return terminal.toml B0001
    smk library status terminal.toml               is the library system there, what waits
    smk library queue terminal.toml                what waits, what the clerk must look at
    smk library replay terminal.toml               tell the library system what was done offline

    \b
    Exit status: 0 done or recorded offline, 2 something was refused, 3 an outcome is unknown, 1 any other trouble.
    """


def _counting(configuration: str, work: "Callable[[Counter], Any]") -> Any:
    """Open the counter, work, close it; a barcode that is none is told as such."""
    from config.store import load_configuration
    from sync.vault import BadVault, Unsealable
    from terminal.library.build import counter
    from terminal.library.counter import BadItem

    try:
        with counter(load_configuration(Path(configuration)).value) as opened:
            return work(opened)
    except (BadItem, BadVault, Unsealable) as wrong:
        fail(str(wrong))


def _who(configuration: str, card: str | None, contact: bool) -> tuple[str, str]:
    """Card number and family: keyed, or read from the chip."""
    if card is not None:
        return card, "typed"
    from config.store import load_configuration
    from terminal import box
    from terminal.chipcard import NotServed
    from terminal.library.card import contact_number, contactless_number

    loaded = load_configuration(Path(configuration)).value
    click.echo("请放卡 · put the card down", err=True)
    try:
        if contact:
            found = contact_number(lambda: box.open_patient_slot(loaded.hospital), loaded.hospital.chips)
        else:
            found = contactless_number(loaded)
    except NotServed as refused:
        fail(str(refused), REFUSED)
    if found is None:
        fail("没有读到可用的卡 · no card that could be read: use --card NUMBER")
    return found


def _told(results: "list[Result]", as_json: bool) -> None:
    """Say how each act ended, and end with the worst one's status."""
    from terminal.library.results import Outcome

    answer([result.shown() for result in results], as_json, lambda: [result.line() for result in results])
    ends = {result.outcome for result in results}
    if Outcome.UNCLEAR in ends:
        sys.exit(UNCLEAR)
    if Outcome.REFUSED in ends:
        sys.exit(REFUSED)


@library.command("keys")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def library_keys(file: Path) -> None:
    """Make a FILE with a new key of personal data, readable by you alone. An existing file is left as it is."""
    import os
    from datetime import date

    from sync.vault import new_key_file

    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as wrong:
        fail(f"{file}：{wrong.strerror} · not written")
    with open(handle, "w", encoding="utf-8") as out:
        out.write(new_key_file(date.today().isoformat()))
    click.echo(f"已生成 · made {file}")


@library.command("desk")
@configuration_file
@speaking
def library_desk(configuration: str) -> None:
    """Work at the desk: scan or type, one thing a line. `?` lists the words; Ctrl-D ends the day's work.

    A card number (20 digits) chooses the reader, `card` reads it from the card on the reader; a barcode is lent, or
    taken back or renewed after the word for that. With [peripherals] scanner and printer, codes come from the scanner
    and a slip is printed at the end of each reader.
    """
    from config.store import load_configuration
    from terminal.library.desk import Desk, serve

    loaded = load_configuration(Path(configuration)).value

    def card() -> tuple[str, str] | None:
        from terminal.library.card import contactless_number

        click.echo("请放卡 · put the card down")
        return contactless_number(loaded)

    def work(counter: "Counter") -> None:
        serve(Desk(counter, card), loaded.peripherals, click.echo)

    _counting(configuration, work)


@library.command("reader")
@configuration_file
@card_option
@contact_option
@as_json
@speaking
def library_reader(configuration: str, card: str | None, contact: bool, as_json: bool) -> None:
    """Show the reader: name (masked), whether lending is open, what is at home, what is owed."""
    from apdu.social.masked import masked_name
    from terminal.library.desk import reader_lines

    number, family = _who(configuration, card, contact)
    found = _counting(configuration, lambda counter: counter.reader(number, family))
    shown = {
        "online": found.online,
        "known": found.known,
        "name": masked_name(found.name) if found.name else "",
        "lending": not found.blocked and found.known,
        "blocked": list(found.blocked),
        "items": list(found.items),
        "fee": found.fee,
        "words": found.words,
    }

    answer(shown, as_json, lambda: reader_lines(found))


@library.command("lend")
@configuration_file
@click.argument("items", nargs=-1, required=True)
@card_option
@contact_option
@as_json
@speaking
def library_lend(configuration: str, items: tuple[str, ...], card: str | None, contact: bool, as_json: bool) -> None:
    """Lend ITEMS (barcodes) to a reader."""
    number, family = _who(configuration, card, contact)
    _told(_counting(configuration, lambda counter: [counter.lend(number, family, item) for item in items]), as_json)


@library.command("return")
@configuration_file
@click.argument("items", nargs=-1, required=True)
@as_json
@speaking
def library_return(configuration: str, items: tuple[str, ...], as_json: bool) -> None:
    """Take ITEMS back. No card is needed."""
    _told(_counting(configuration, lambda counter: [counter.give_back(item) for item in items]), as_json)


@library.command("renew")
@configuration_file
@click.argument("items", nargs=-1, required=True)
@card_option
@contact_option
@as_json
@speaking
def library_renew(configuration: str, items: tuple[str, ...], card: str | None, contact: bool, as_json: bool) -> None:
    """Renew a reader's loans of ITEMS."""
    number, _ = _who(configuration, card, contact)
    _told(_counting(configuration, lambda counter: [counter.renew(number, item) for item in items]), as_json)


@library.command("fee")
@configuration_file
@click.argument("yuan")
@card_option
@contact_option
@click.option("--by", type=click.Choice(["cash", "purse"]), default="cash", show_default=True, help="How it was paid.")
@as_json
@speaking
def library_fee(configuration: str, yuan: str, card: str | None, contact: bool, by: str, as_json: bool) -> None:
    """Tell the library system that YUAN ("1.50") were paid elsewhere; smk library pay takes it from the purse."""
    from tariffs.money import BadAmount, fen_from_text

    try:
        fen = fen_from_text(yuan)
    except BadAmount as wrong:
        fail(f"金额有误 · not an amount: {wrong}")
    if fen <= 0:
        fail("金额须大于零 · the amount must be above zero")
    number, _ = _who(configuration, card, contact)
    payment = "02" if by == "purse" else "00"
    _told(_counting(configuration, lambda counter: [counter.fee(number, fen, payment)]), as_json)


@library.command("pay")
@configuration_file
@click.argument("yuan")
@click.option("--order", help="20 hex digits that name this payment: said again it is not taken again.")
@click.option("--wait", "seconds", type=float, default=60.0, help="Seconds to wait for a card (60).")
@as_json
@speaking
def library_pay(configuration: str, yuan: str, order: str | None, seconds: float, as_json: bool) -> None:
    """Take a fee of YUAN from the purse of the card that is put down, then tell the library system.

    Offline too: the library system is told when it is there again (smk library replay). Exit status as smk market.
    """
    from config.store import load_configuration
    from terminal.commands.tills import Open, amount, carried_out, new_order, told
    from terminal.library import fees
    from terminal.till.build import build
    from terminal.till.outside import Outside
    from terminal.till.words import Refused

    fen, loaded = amount(yuan), load_configuration(Path(configuration)).value

    def work(counter: "Counter") -> None:
        built, outside = build(loaded, counter.journal, counter.precedence), Outside(loaded.peripherals)
        try:
            opened = Open(built, outside, loaded)
            deal = fees.ask(built.till, new_order(order), fen, loaded.library.branch)
            deal = carried_out(opened, deal, seconds, as_json)
            for result in fees.tell(counter, fees.untold(counter, built.till, fees.earlier(built.till))):
                click.echo(result.line(), err=True)
            told(opened, deal, as_json)
        except Refused as refused:
            fail(f"✗ {refused}", REFUSED)
        finally:
            outside.close()
            built.close()

    _counting(configuration, work)


@library.command("status")
@configuration_file
@as_json
@speaking
def library_status(configuration: str, as_json: bool) -> None:
    """Is the library system there, what does it say of itself, what waits here? Exit status 2 when it is away."""
    from terminal.library.exceptions import standing, standing_lines

    shown = _counting(configuration, standing)
    answer(shown, as_json, lambda: standing_lines(shown))
    if not shown["reachable"]:
        sys.exit(REFUSED)


@library.command("queue")
@configuration_file
@click.option("--full", is_flag=True, help="Show whole card numbers, to work on an exception.")
@as_json
@speaking
def library_queue(configuration: str, full: bool, as_json: bool) -> None:
    """List what waits to be told to the library system, and the exceptions that a clerk must look at."""
    from terminal.library.exceptions import listed

    found = _counting(configuration, lambda counter: listed(counter, full))
    answer([row.shown() for row in found], as_json, lambda: [row.line() for row in found] or ["没有 · nothing waits"])


@library.command("replay")
@configuration_file
@click.option("--again", type=int, multiple=True, metavar="SEQ", help="Try this exception once more.")
@as_json
@speaking
def library_replay(configuration: str, again: tuple[int, ...], as_json: bool) -> None:
    """Tell the library system what was done offline, item by item, each made sure of. Interrupt it when you like."""
    from terminal.library.replay import replay

    def progress(done: int, of: int) -> None:
        if done % 20 == 0:
            click.echo(f"{done}/{of}", err=True)

    came = _counting(configuration, lambda counter: replay(counter, again, progress))
    answer(
        came._asdict(),
        as_json,
        lambda: [
            f"已核实 done {came.done} · 需人工 exceptions {came.stuck} · 未发生 not done {came.not_done}"
            f" · 待传 left {came.left}",
            *([f"✗ {came.away}"] if came.away else []),
        ],
    )
    if came.away:
        sys.exit(1)


@library.command("settle")
@configuration_file
@click.argument("seq", type=int)
@speaking
def library_settle(configuration: str, seq: int) -> None:
    """Mark the exception in row SEQ as seen to by hand: it leaves the list and is never sent."""
    from terminal.library.replay import settle

    if not _counting(configuration, lambda counter: settle(counter, seq)):
        fail(f"没有未了结的第 {seq} 行 · no open row {seq}: see smk library queue")
    click.echo(f"已了结 · settled {seq}")


@library.command("export")
@configuration_file
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@speaking
def library_export(configuration: str, folder: Path) -> None:
    """Write what waits as a Koha .koc file into FOLDER instead of sending it. Upload that file once, then move it away.

    Koha renews and charges again when a file is processed twice.
    """
    from terminal import box
    from terminal.library.replay import export

    try:
        written = _counting(configuration, lambda counter: export(counter, folder, box.software()))
    except OSError as wrong:
        fail(f"{folder}：{wrong.strerror} · not written: free space, check the folder")
    click.echo("没有待传 · nothing waits" if written is None else f"已写 · written {written}")
