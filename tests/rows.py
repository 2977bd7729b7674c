"""Rows for the tests of what leaves the box: one debit of an invented card, and the service it happened under."""

from typing import Any

import msgspec

from sync.chain import Identity
from sync.events import Done, Grey, Held, Refused, Service, Void

IDENTITY = Identity("00330401", 1, 1)
AT = "2024-05-06T07:08:09+08:00"
SERVICE = Service("314000000000001", "1", 0, "F12345", "T1", "31400000000000009999", 7, "pack-1", "list-1", "jiaxing")

HELD = Held(
    card="31400000000012345678",
    uid="04A1B2C3",
    aid="A00000000386980701",
    main_type="01",
    sub_type="00",
    card_valid="20301231",
    app_start="20100101",
    app_valid="20301231",
    counter=17,
    psam="012300033D11",
    psam_counter=4711,
    balance=5000,
    amount=100,
    when="20240506070809",
    type="06",
    key_version="01",
    algorithm="00",
    random="11223344",
    mac1="AABBCCDD",
    serial_factor="0000000012345678",
    issuer_factor="3140FF0000000000",
    cached=[],
    scheme="mohurd",
    card_class="ordinary",
    reason="fare",
    product="single",
    cash_fare=200,
    service=SERVICE,
)


def held(**changes: Any) -> Held:
    """A held debit with some members changed."""
    return msgspec.structs.replace(HELD, **changes)


def done(seq: int, tac: str = "01020304") -> Done:
    """The debit of row `seq` happened."""
    return Done(seq, tac, "debit", "checked")


def void(seq: int) -> Void:
    """The debit of row `seq` did not happen."""
    return Void(seq, "counter_unmoved")


def grey(seq: int, tac: str = "", why: str = "cannot_read") -> Grey:
    """Nobody knows whether the debit of row `seq` happened."""
    return Grey(seq, tac, why)


def refused(card: str = HELD.card, reason: str = "hot_listed") -> Refused:
    """A card that was not served."""
    return Refused(card, HELD.uid, reason, "", SERVICE)
