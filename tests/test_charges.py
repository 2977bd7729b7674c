"""The books' working set: however rows come in, in one step or in many, a card's charges come to the same."""

from pathlib import Path
from typing import Any

import psycopg
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.backend.charges import _OF_CARDS
from sync.backend.database import open_database
from sync.backend.intake import enter_rows
from sync.backend.postgres.bookkeeper import BY_INDEX
from sync.events import Done, Grey, Void
from sync.record import Row, encode
from tests.rows import AT, done, held, void
from tests.serving import KEYS, NOW, tac_of

CARDS = ("31400000000012345678", "31400000000000000042")

debits = st.tuples(
    st.sampled_from(CARDS),
    st.integers(0, 6),  # the counter
    st.integers(0, 4),  # the balance, in fares
    st.sampled_from(("done", "wrong", "grey", "proven grey", "void", "open")),
)


def rows_of(told: list[tuple[str, int, int, str]]) -> list[Row]:
    """Each debit of a terminal of its own, with its outcome."""
    rows: list[Row] = []
    for number, (card, counter, balance, said) in enumerate(told):
        when = f"202405060708{number:02d}"
        draft = held(card=card, serial_factor=card[-16:], counter=counter, balance=balance * 100, when=when)
        outcomes: dict[str, Done | Grey | Void] = {
            "done": done(1, tac_of(draft)),
            "wrong": done(1, "00000000"),
            "grey": Grey(1, "", "cannot_read"),
            "proven grey": Grey(1, tac_of(draft), "cannot_read"),
            "void": void(1),
        }
        events = [draft, *([outcomes[said]] if said in outcomes else [])]
        rows += [Row(f"{number:08d}", 1, seq, seq, AT, "rtc", "b", 0, event) for seq, event in enumerate(events, 1)]
    return rows


def entered(rows: list[Row], cuts: list[int]) -> list[dict[str, Any]]:
    """The charges after the rows have been entered in steps that end at `cuts`."""
    database = open_database(Path(":memory:"))
    for low, high in zip([0, *cuts], [*cuts, len(rows)], strict=True):
        for row in rows[low:high]:
            key = {"terminal": row.terminal, "epoch": row.epoch, "seq": row.seq}
            database.table("row").insert(key | {"kind": "row", "raw": encode(row), "head": b""})
        enter_rows(database, KEYS, rows[low:high], NOW, None)
    return list(database.query("select * from charge order by terminal"))


@settings(max_examples=60)
@given(st.lists(debits, min_size=1, max_size=8), st.data())
def test_charges_come_to_the_same_in_one_step_and_in_many(
    told: list[tuple[str, int, int, str]], data: st.DataObject
) -> None:
    rows = rows_of(told)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(rows)))))
    assert entered(rows, cuts) == entered(rows, [])


def test_what_is_unsettled_of_a_card_is_found_without_reading_its_years(city_line: str) -> None:
    query = _OF_CARDS.format("(cast('1' as text), cast(2 as bigint))")
    embedded = open_database(Path(":memory:")).execute(f"explain query plan {query}").fetchall()
    with psycopg.connect(city_line) as link:
        for setting in BY_INDEX:
            link.execute(setting.encode())
        plan = link.execute(f"explain {query}".encode()).fetchall()
    for told in (str(embedded), str(plan)):
        assert "charge_unsettled" in told and "charge_card_counter" in told, told
