"""Journal events, their canonical bytes, and the hash chain over them.

A row is one JSON object with a fixed order of members, so its bytes are canonical: they are stored, hashed and sent as
they are. No row ever changes; an outcome is a new row that names its HELD row by sequence number.
"""

from hashlib import sha256
from typing import Literal

import msgspec

HEAD_BYTES = 32
FINAL_GREY = frozenset({"mac2_false", "counter_went_back", "log_too_short", "log_ours_without_tac"})
"""Why a GREY stays one: no later visit can tell more. Any other GREY's draft is looked at again."""
GENESIS = bytes(HEAD_BYTES)

UNHEALED = "unhealed"
"""`Grey.why` of a draft that is closed at the end of the service day; a later visit may still add DONE or VOID."""


class Event(msgspec.Struct, frozen=True, tag_field="kind", omit_defaults=False):
    """What happened. The tag is the kind of the row."""


class Service(msgspec.Struct, frozen=True):
    """Under which duty and which data the event happened; every card event carries it.

    `trip` names the service trip on this vehicle; "" and driver "" where nobody signed on (unattributed).
    """

    merchant: str
    line: str
    direction: int
    vehicle: str
    trip: str
    driver: str
    shift: int
    pack: str
    hot_list: str
    profile: str = ""


class Held(Event, frozen=True, tag="HELD"):
    """A debit about to be sent: all that the issuer's XF line, the TAC check and healing need (docs/cards.md, XF).

    Bytes are upper-case hex. `card` 20 digits; `main_type`/`sub_type` 2; dates YYYYMMDD; `counter` n as INIT gave it;
    `psam` 12 digits; `when` YYYYMMDDhhmmss as under the TAC, never corrected; `type` "06" or "09"; `serial_factor` and
    `issuer_factor` the key factors (8 bytes each) by which the backend derives the TAC key; `cached` the records as
    cached, one hex string for each cache update. `amount` and `balance` (before) in fen.
    """

    card: str
    uid: str
    aid: str
    main_type: str
    sub_type: str
    card_valid: str
    app_start: str
    app_valid: str
    counter: int
    psam: str
    psam_counter: int
    balance: int
    amount: int
    when: str
    type: str
    key_version: str
    algorithm: str
    random: str
    mac1: str
    serial_factor: str
    issuer_factor: str
    cached: list[str]
    scheme: str
    card_class: str
    reason: str
    product: str
    cash_fare: int
    service: Service


class Done(Event, frozen=True, tag="DONE"):
    """The held debit happened. `tac` 8 hex. `by` "debit" or "prove". `mac2`: "checked", "unchecked"."""

    held: int
    tac: str
    by: str
    mac2: str


class Void(Event, frozen=True, tag="VOID"):
    """The held debit did not happen. `why` in a word ("counter_unmoved", "not_ours", "log_without_ours")."""

    held: int
    why: str


class Grey(Event, frozen=True, tag="GREY"):
    """Nobody here can tell whether the held debit happened; the backend decides. `tac` 8 hex or "" when not known."""

    held: int
    tac: str
    why: str


class Refused(Event, frozen=True, tag="REFUSED"):
    """A card that was not served. `card` "" when its number could not be read. `detail` never holds personal data."""

    card: str
    uid: str
    reason: str
    detail: str
    service: Service


class Admitted(Event, frozen=True, tag="ADMITTED"):
    """A rider who passed without a debit. `names` the sequence of the row that paid for it, 0 for none."""

    card: str
    reason: str
    names: int
    service: Service


class LockTried(Event, frozen=True, tag="LOCK_TRIED"):
    """APPLICATION BLOCK is about to go out, or its answer was lost; the next SELECT decides."""

    card: str
    uid: str
    aid: str
    level: int


class Locked(Event, frozen=True, tag="LOCKED"):
    """The application is locked. `by` "answer" (9000 to the command) or "select" (the next SELECT said so)."""

    card: str
    uid: str
    by: str


class SignOn(Event, frozen=True, tag="SIGN_ON"):
    """A driver took over; opens shift `service.shift` and trip `service.trip`."""

    card: str
    service: Service


class SignOff(Event, frozen=True, tag="SIGN_OFF"):
    """A shift ends. `by` "driver" or "next_sign_on" (forgotten). Totals by outcome: rows and fen."""

    card: str
    by: str
    done: int
    done_fen: int
    grey: int
    grey_fen: int
    void: int
    refused: int
    admitted: int
    open: int
    open_fen: int
    service: Service


class Started(Event, frozen=True, tag="STARTED"):
    """The program is ready for taps. Versions and devices by name."""

    software: str
    sqlite: str
    reader: str
    psam_reader: str
    psam: str


class Alarm(Event, frozen=True, tag="ALARM"):
    """Something that the operator must see. `what` in a word, `detail` in a line without personal data."""

    what: str
    detail: str


AnyEvent = (
    Held
    | Done
    | Void
    | Grey
    | Refused
    | Admitted
    | LockTried
    | Locked
    | SignOn
    | SignOff
    | Started
    | Alarm
)


class Row(msgspec.Struct, frozen=True):
    """One journal row. `seq` is contiguous within (terminal, epoch); `serial` goes on over epochs (XF field 1, N8).

    `at` ISO 8601 with offset; `clock` its trust; `boot` and `mono_ms` order events when the wall clock cannot.
    """

    terminal: str
    epoch: int
    seq: int
    serial: int
    at: str
    clock: Literal["synced", "rtc", "restored", "unknown"]
    boot: str
    mono_ms: int
    event: AnyEvent


class BadRow(ValueError):
    """Bytes that are not a row."""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Row)


def encode(row: Row) -> bytes:
    """The row's canonical bytes (UTF-8 JSON)."""
    return _encoder.encode(row)


def decode(raw: bytes) -> Row:
    """Parse canonical bytes. Raises BadRow on anything else, also on JSON that is not canonical."""
    try:
        row = _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise BadRow(str(wrong)) from wrong
    if encode(row) != raw:
        raise BadRow("the row's bytes are not in canonical form")
    return row


def chain(head: bytes, raw: bytes) -> bytes:
    """The chain's next head: SHA-256 over the head before (32 bytes) and the row's bytes."""
    return sha256(head + raw).digest()
