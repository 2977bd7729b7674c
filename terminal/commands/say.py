"""What all commands share: one way to print an answer, one way to fail."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Any, NoReturn, ParamSpec, TypeVar

import click

P = ParamSpec("P")
R = TypeVar("R")

LONG = 20_000
"""Rows from which a walk over them takes about a second."""

as_json = click.option("--json", "as_json", is_flag=True, help="Answer as JSON, for programs.")
configuration_file = click.argument("configuration", type=click.Path(exists=True, dir_okay=False))


def answer(value: Any, as_json: bool, lines: Callable[[], list[str]]) -> None:
    """Print `value` as JSON, or its `lines` for people."""
    if as_json:
        click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))
    else:
        for line in lines():
            click.echo(line)


def counted(items: Iterable[R], total: int, what: str, shown: bool) -> Iterator[R]:
    """The items as they are, with a bar on stderr while somebody watches who would wait for long."""
    if not shown or total < LONG or not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(items, what, total, console=Console(stderr=True), transient=True)


def fail(message: str, code: int = 1) -> NoReturn:
    """Say what is wrong on stderr and end with `code`."""
    click.echo(message, err=True)
    sys.exit(code)


def speaking(command: Callable[P, R]) -> Callable[P, R]:
    """A command whose known troubles end in one message and exit status 1, never in a traceback."""

    @wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        from apdu.errors import ApduError
        from apdu.profile import BadProfile
        from config.errors import ConfigError
        from sync.errors import JournalError, StoreTrouble
        from sync.link import BadAddress, LinkDown
        from terminal.ports import ReaderLost

        known = (ApduError, BadAddress, BadProfile, JournalError, LinkDown, ReaderLost, StoreTrouble)
        try:
            return command(*args, **kwargs)
        except ConfigError as trouble:
            fail(f"{trouble.text('zh')}\n{trouble.text('en')}")
        except known as trouble:
            fail(f"{type(trouble).__name__}: {trouble}")

    return guarded
