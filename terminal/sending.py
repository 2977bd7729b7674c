"""The sync thread as every kind of terminal has it, over a line of its own."""

from collections.abc import Callable
from functools import partial

from sync.condition import Condition
from sync.journal import Journal
from sync.link import Link
from sync.weave import GiveWay
from sync.worker import Worker
from terminal import identity


def sender(
    address: str,
    journal: Journal,
    credential: identity.Credentials,
    standing: identity.Standing,
    alarm: Callable[[str, str], None],
    condition: Callable[[], Condition | None],
    give_way: GiveWay,
) -> Worker:
    """Not started. `address` of the backend; `alarm` (what, detail); `condition`: what the terminal says of itself;
    `give_way` returns when no card is being served."""
    return Worker(
        journal,
        Link(address, credential=credential),
        lambda versions: None,
        alarm,
        on_standing=standing.heard,
        renew=partial(identity.renewed, credential),
        condition=condition,
        give_way=give_way,
    )
