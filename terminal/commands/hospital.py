"""Commands of a hospital counter: its keys, its lists, its statement."""

from pathlib import Path

import click

from terminal.commands.say import answer, as_json, configuration_file, fail, speaking


@click.group(short_help="A hospital counter: keys, lists, statement.")
def hospital() -> None:
    """A counter that settles medical insurance (docs/hospital.md)."""


@hospital.command("keys")
def hospital_keys() -> None:
    """Print a new key file for personal data; every counter of a city and its centre have the same one."""
    from sync.vault import new_key_file
    from terminal.drivers.clock import SystemClock

    click.echo(new_key_file(SystemClock().read().at.date().isoformat()), nl=False)


@hospital.command("lists")
@configuration_file
@click.argument("deltas", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@as_json
@speaking
def hospital_lists(configuration: str, deltas: tuple[Path, ...], as_json: bool) -> None:
    """Take DELTAS of the insured and of the three lists into force, in this order; without any show what is in force.

    A delta that is damaged or does not follow leaves all as it was, and the command ends with 1.
    """
    from config.store import load_configuration
    from sync.entitlements import BadDelta, Entitlements
    from terminal.drivers.clock import SystemClock
    from terminal.hospital.build import STORE, read_vault
    from terminal.hospital.lookup import LISTS

    loaded = load_configuration(Path(configuration)).value
    data = Path(loaded.terminal.data)
    data.mkdir(parents=True, exist_ok=True)
    store = Entitlements(data / STORE, read_vault(loaded))
    try:
        for delta in deltas:
            click.echo(f"{delta} …", err=True)
            try:
                store.apply(delta.read_bytes())
            except (BadDelta, OSError) as wrong:
                fail(f"{delta} 未采用，原名单仍有效 · not taken, the lists before stay in force: {wrong}")
        now = SystemClock().read().at
        told = {name: store.told(name) for name in LISTS}
        shown = {
            name: {"version": one.version, "at": one.at, "age_seconds": one.age_seconds(now)}
            for name, one in told.items()
        }
        lines = [f"{name:10} {one.version:>8}  {one.at or '从未收到 never came'}" for name, one in told.items()]
        answer({**shown, "persons": store.count()}, as_json, lambda: [*lines, f"persons    {store.count():>8}"])
    finally:
        store.close()


@hospital.command("statement")
@configuration_file
@click.option("--day", help="YYYYMMDD.  [default: today]")
@as_json
@speaking
def hospital_statement(configuration: str, day: str | None, as_json: bool) -> None:
    """Send what waits, book corrections, and compare our statement of a day with the centre's (3201/3202).

    Runs while the counter's program does not. Exit status 1 when something differs that does not pass by itself.
    """
    import msgspec

    from config.store import load_configuration
    from sync.asking import NoAnswer
    from terminal.hospital.build import build
    from terminal.hospital.statement import statement_lines

    loaded = load_configuration(Path(configuration)).value
    built = build(loaded)
    try:
        built.drain()
        corrections = built.counter.take_corrections()
        wanted = day or built.counter.parts.clock.read().at.strftime("%Y%m%d")
        found = built.counter.reconcile(wanted)
    except NoAnswer as away:
        fail(f"中心没有应答 · no answer from the centre: {away}")
    finally:
        built.close()
    booked = [f"更正 corrections booked: {len(corrections)}"]
    answer(msgspec.to_builtins(found), as_json, lambda: [*booked, *statement_lines(found)])
    if not found.balanced:
        fail("双方账目不一致 · the books differ")
