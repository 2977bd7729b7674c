"""What a shift or a trip took: rows and fen by outcome, for the driver's report."""

from collections.abc import Iterable
from typing import NamedTuple

from sync.events import Admitted, Done, Grey, Held, Refused, Void
from sync.record import Row


class Totals(NamedTuple):
    """Rows and fen by outcome. A debit counts once: DONE before VOID before GREY; `open` has no outcome yet."""

    done: int = 0
    done_fen: int = 0
    grey: int = 0
    grey_fen: int = 0
    void: int = 0
    refused: int = 0
    admitted: int = 0
    open: int = 0
    open_fen: int = 0


def count(rows: Iterable[Row], shift: int, trip: str | None = None) -> Totals:
    """Add up the rows of `shift`, of one `trip` of it when named. An outcome belongs to the shift that held it."""
    held: dict[int, int] = {}
    outcome: dict[int, type[Done] | type[Void] | type[Grey]] = {}
    refused = admitted = 0
    for row in rows:
        event = row.event
        if isinstance(event, Done | Void | Grey):
            if event.held in held and (isinstance(event, Done) or outcome.get(event.held) in (None, Grey)):
                outcome[event.held] = type(event)
        elif isinstance(event, Held | Refused | Admitted):
            if event.service.shift != shift or trip not in (None, event.service.trip):
                continue
            if isinstance(event, Held):
                held[row.seq] = event.amount
            elif isinstance(event, Refused):
                refused += 1
            else:
                admitted += 1

    def tally(kind: type[Done] | type[Void] | type[Grey] | None) -> tuple[int, int]:
        amounts = [amount for seq, amount in held.items() if outcome.get(seq) is kind]
        return len(amounts), sum(amounts)

    return Totals(*tally(Done), *tally(Grey), tally(Void)[0], refused, admitted, *tally(None))
