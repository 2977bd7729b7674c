"""Whether nothing is lost and nothing is there twice: each terminal's journal against the city's database."""

from collections.abc import Iterator, Sequence

import psycopg

from tests.fleet.crew import Whole

BAD = "88888888"
"""A terminal whose disk has damaged a row; it is looked at apart."""


def checked(line: str, devices: Sequence[Whole]) -> list[str]:
    """What is wrong, each in a sentence; nothing in a good city with its one bad terminal."""
    with psycopg.connect(line) as link:
        streams = {row[0]: row[1:] for row in link.execute("select terminal, epoch, ack, head from stream")}
        rows = {name: count for name, count in link.execute("select terminal, count(*) from row group by terminal")}
        paid = "select terminal, count(*), sum(paid_fen) from charge where proven = 1 group by terminal"
        charges = {name: (count, int(fen)) for name, count, fen in link.execute(paid)}
        aside = link.execute("select distinct terminal from quarantine").fetchall()
        alarms = link.execute("select terminal, what, count(*) from alarm group by terminal, what").fetchall()
    faults = list(_differences(devices, streams, rows, charges))
    faults += [f"{terminal}: rows in quarantine" for (terminal,) in aside if terminal != BAD]
    faults += [f"{terminal}: {count} alarms {what}" for terminal, what, count in alarms if terminal != BAD]
    if (BAD,) not in aside:
        faults.append("the damaged row of the bad terminal is not in quarantine")
    return faults


def _differences(
    devices: Sequence[Whole],
    streams: dict[str, tuple[int, int, bytes]],
    rows: dict[str, int],
    charges: dict[str, tuple[int, int]],
) -> Iterator[str]:
    for one in devices:
        stream = streams.get(one.name)
        if stream is None or stream[:2] != (one.epoch, one.rows):
            yield f"{one.name}: {one.rows} rows in the journal, the stream says {stream and stream[:2]}"
        elif bytes(stream[2]) != one.head:
            yield f"{one.name}: another chain than the journal's"
        if rows.get(one.name, 0) != one.rows:
            yield f"{one.name}: {one.rows} rows in the journal, {rows.get(one.name, 0)} in the database"
        if charges.get(one.name, (0, 0)) != (one.debits, one.fen):
            yield f"{one.name}: {one.debits} debits of {one.fen} fen, the books have {charges.get(one.name)}"
        for alarm in one.alarms:
            yield f"{one.name}: told {alarm}"
