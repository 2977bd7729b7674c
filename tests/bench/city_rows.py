"""Rows of one busy bus: debits with the composite record of 48 bytes and their outcomes, random where chips are."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import msgspec

from sync.chain import Identity
from sync.events import Done
from sync.record import Row, encode
from tests.rows import HELD, SERVICE
from tests.serving import tac_of

SIX_O_CLOCK = datetime(2026, 11, 24, 6, 0, 0, tzinfo=timezone(timedelta(hours=8)))

RIDE = timedelta(seconds=130)
"""How often a card's counter moves: riders are never in two buses at once, or next to never."""


def debits(
    who: Identity, chance: random.Random, rows: int, record: bool = True, proven: bool = False
) -> Iterator[bytes]:
    """An even number of rows: one debit and its outcome after the other, `record`: with the composite record;
    `proven`: with the card's own TAC."""
    moment, trip = SIX_O_CLOCK, 0
    for seq in range(1, rows, 2):
        moment += timedelta(seconds=chance.randrange(3, 40))
        trip += seq % 60 == 1
        at, when = moment.isoformat(), moment.strftime("%Y%m%d%H%M%S")
        card = f"3140{chance.randrange(870_000):016d}"
        stamp = bytes.fromhex(when)
        held = msgspec.structs.replace(
            HELD,
            card=card,
            uid=f"04{chance.randbytes(6).hex().upper()}",
            counter=int(card[-3:]) + (moment - SIX_O_CLOCK) // RIDE,
            psam_counter=4_711 + seq,
            balance=chance.randrange(200, 20_000),
            amount=chance.choice((100, 200, 160)),
            when=when,
            type="09",
            random=chance.randbytes(4).hex().upper(),
            mac1=chance.randbytes(4).hex().upper(),
            serial_factor=card[-16:],
            cached=[(b"\x08\x2e" + stamp + chance.randbytes(6) + bytes(29)).hex().upper()] if record else [],
            service=msgspec.structs.replace(SERVICE, trip=f"T{trip}"),
        )
        tac = tac_of(held) if proven else chance.randbytes(4).hex().upper()
        done = Done(seq, tac, "debit", "checked")
        for place, event in ((seq, held), (seq + 1, done)):
            serial = who.first_serial + place - 1
            yield encode(Row(who.terminal, who.epoch, place, serial, at, "rtc", "3f2a", 1_000 * place, event))
