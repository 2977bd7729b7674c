"""A ride: the debit that pays for it with its outcomes, and the riders who paid nothing."""

from sync.events.event import Event
from sync.events.shift import Service

FINAL_GREY = frozenset({"mac2_false", "counter_went_back", "log_too_short", "log_ours_without_tac"})
"""Why a GREY stays one: no later visit can tell more. Any other GREY's draft is looked at again."""

UNHEALED = "unhealed"
"""`Grey.why` of a draft that is closed at the end of the service day; a later visit may still add DONE or VOID."""


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
