"""The answer of the tariffs: Charge, Admit or Refuse, with a reason that screen, voice, record and manual share."""

from enum import StrEnum

from msgspec import Struct

from tariffs.use import Pass, Use
from tariffs.wallet import LastRide


class Reason(StrEnum):
    """Why, in one word. The texts in Chinese and English stand in terminal/faces/signals.toml, one entry each."""

    # charged, or free with a record on the card
    FARE = "fare"
    CONCESSION = "concession"
    FREE_CLASS = "free_class"
    TRANSFER = "transfer"
    GROUP = "group"
    REPEAT_FULL_FARE = "repeat_full_fare"
    INTEROP = "interop"
    PASS = "pass"
    CAPPED = "capped"
    TAP_IN = "tap_in"
    TAP_OUT = "tap_out"
    TAP_OUT_MISSED = "tap_out_missed"
    SALE = "sale"
    LOADED = "loaded"
    # admitted, nothing written on the card
    HEALED = "healed"
    REPEATED_TAP = "repeated_tap"
    # refused by rule
    HOT_LISTED = "hot_listed"
    LOCKED = "locked"
    NOT_ENABLED = "not_enabled"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    FOREIGN_ISSUER = "foreign_issuer"
    FOREIGN_CITY = "foreign_city"
    COMPOSITE_LOCKED = "composite_locked"
    JUNK_NUMBER = "junk_number"
    CLASS_NOT_SERVED = "class_not_served"
    PASSED_BACK = "passed_back"
    FARE_UNKNOWN = "fare_unknown"
    OVER_LIMIT = "over_limit"
    # refused by what the chip did
    POOR = "poor"
    REPLAYED = "replayed"
    FALSE_CARD = "false_card"
    NOT_A_PURSE = "not_a_purse"
    UNREADABLE = "unreadable"
    IN_DOUBT = "in_doubt"
    # no verdict: the rider is asked for something
    PRESENT_AGAIN = "present_again"
    PRESENT_SAME_CARD = "present_same_card"
    ONE_CARD_ONLY = "one_card_only"
    OUT_OF_SERVICE = "out_of_service"
    # staff
    SIGNED_ON = "signed_on"
    SIGNED_OFF = "signed_off"
    UNKNOWN_DRIVER = "unknown_driver"


class Warning(StrEnum):
    """What the rider should know beside the verdict."""

    LOW_BALANCE = "low_balance"
    CONCESSION_ENDS_SOON = "concession_ends_soon"
    CARD_ENDS_SOON = "card_ends_soon"


class Charge(Struct, frozen=True):
    """Take `amount_fen` (0 for a free ride that the card records) and write `ride` into the composite record.

    `composite`: type 09 with the record, else type 06. `cash_fare_fen` is what the ride costs in cash.
    `product`: the fare product's id. `why`: the steps in words that a screen can show, in Chinese
    and in English. `owed_fen`: the part of the amount that is for an earlier ride without a tap-out. `reserve_fen`: the
    balance must cover it as well, nothing of it is taken.
    `low_balance_fen`: warn when the balance after the debit is below it.
    """

    amount_fen: int
    reason: Reason
    composite: bool
    cash_fare_fen: int
    product: str
    ride: LastRide
    warnings: tuple[Warning, ...] = ()
    low_balance_fen: int = 0
    why: tuple[tuple[str, str], ...] = ()
    use: Use | None = None
    held: Pass | None = None
    owed_fen: int = 0
    reserve_fen: int = 0


class Admit(Struct, frozen=True):
    """Let the rider pass; nothing is written on the card."""

    reason: Reason


class Refuse(Struct, frozen=True):
    """Do not let the card pay. `lock`: the hot list orders that the application be locked (APPLICATION BLOCK)."""

    reason: Reason
    lock: bool = False


Verdict = Charge | Admit | Refuse
