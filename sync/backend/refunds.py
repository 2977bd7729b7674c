"""Refunds that market counters noted: each is paid once, by a load onto the card that had paid, and never beyond it."""

from typing import Any

from sync.backend.books import raise_alarm
from sync.backend.store import Database
from sync.events import LoadHeld, Refund
from sync.loading import Due, State
from sync.record import Row


def enter(database: Database, row: Row, now: str) -> None:
    """Enter a refund; one that another row has under the same operation is set aside."""
    refund = row.event
    assert isinstance(refund, Refund)
    key = (row.terminal, row.epoch, row.seq)
    if _find(database, refund.operation) is not None:
        raise_alarm(database, key, "refund_twice", now, f"operation {refund.operation}")
        return
    noted = {
        "operation": refund.operation, "terminal": key[0], "epoch": key[1], "seq": key[2], "held": refund.held,
        "card": refund.card, "amount_fen": refund.amount, "paid_by": _paid_by(database, refund),
    }  # fmt: skip
    database.table("refund").insert(noted)


def due(database: Database, card: str) -> list[Due]:
    """What a load may give back to the card now: noted, not paid, and the debit is known to have happened."""
    found = database.table("refund").rows_where("card = ? and paid_by = ''", (card,), order_by="operation")
    return [
        Due(refund["operation"], refund["amount_fen"], f"{refund['terminal']}-{refund['epoch']}-{refund['held']}")
        for refund in found
        if not _doubt(database, refund)
    ]


def claim(database: Database, held: LoadHeld) -> str:
    """Bind the refund to this load; why it cannot be, in a word, "" when it is bound."""
    refund = _find(database, held.refund)
    if refund is None or (refund["card"], refund["amount_fen"]) != (held.card, held.amount):
        return "no_refund"
    if refund["paid_by"] not in ("", held.operation):
        return "refund_paid"
    why = _doubt(database, refund)
    if not why:
        database.table("refund").update((held.refund,), {"paid_by": held.operation})
    return why


def unclaim(database: Database, operation: str) -> None:
    """The load did not come to be: what it was to pay is due again."""
    for refund in database.table("refund").rows_where("paid_by = ?", (operation,)):
        database.table("refund").update((refund["operation"],), {"paid_by": ""})


def _paid_by(database: Database, refund: Refund) -> str:
    """The load by which the card has it already: this book was restored from a copy, and hears of the load first."""
    where = "card = ? and refund = ? and state in (?, ?)"
    taken = State.CAPTURING.value, State.CAPTURED.value
    found = database.table("topup").rows_where(where, (refund.card, refund.operation, *taken))
    return next((str(load["operation"]) for load in found), "")


def _find(database: Database, operation: str) -> dict[str, Any] | None:
    return next(database.table("refund").rows_where("operation = ?", (operation,)), None)


def _doubt(database: Database, refund: dict[str, Any]) -> str:
    """Why the debit does not carry the refund; all that was noted for it together may not exceed what it came to."""
    key = (refund["terminal"], refund["epoch"], refund["held"])
    where = "terminal = ? and epoch = ? and "
    charge = next(database.table("charge").rows_where(f"{where} seq = ?", key), None)
    if charge is None or charge["card"] != refund["card"]:
        return "no_refund"
    noted = sum(one["amount_fen"] for one in database.table("refund").rows_where(f"{where} held = ?", key))
    return "" if noted <= charge["paid_fen"] else "refund_in_doubt"
