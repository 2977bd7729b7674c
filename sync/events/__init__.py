"""Journal events, one file a domain. A new event is listed here once; the row's codec takes the union from here."""

from sync.events.adjust import AdjustAsked, AdjustDropped, Adjusted
from sync.events.bill import (
    BillCorrected,
    BillDone,
    BillHeld,
    BillVoid,
    CounterOff,
    CounterOn,
    Evidence,
    HolderChecked,
    ListState,
    Sums,
)
from sync.events.clerk import ClerkAct
from sync.events.device import Alarm, Started
from sync.events.event import Event
from sync.events.load import LoadDone, LoadGrey, LoadHeld, LoadVoid
from sync.events.loan import LoanAsked, LoanClosed, LoanSent, LoanStuck
from sync.events.lock import Locked, LockTried
from sync.events.market import DealLeft, Item, Refund, SaleAsked, ShiftOff, ShiftOn
from sync.events.ride import FINAL_GREY, UNHEALED, Admitted, Done, Grey, Held, Refused, Void
from sync.events.shift import Service, SignOff, SignOn

__all__ = [
    "FINAL_GREY",
    "UNHEALED",
    "AdjustAsked",
    "AdjustDropped",
    "Adjusted",
    "Admitted",
    "Alarm",
    "AnyEvent",
    "BillCorrected",
    "BillDone",
    "BillHeld",
    "BillVoid",
    "ClerkAct",
    "CounterOff",
    "CounterOn",
    "DealLeft",
    "Done",
    "Event",
    "Evidence",
    "Grey",
    "Held",
    "HolderChecked",
    "Item",
    "ListState",
    "LoadDone",
    "LoadGrey",
    "LoadHeld",
    "LoadVoid",
    "LoanAsked",
    "LoanClosed",
    "LoanSent",
    "LoanStuck",
    "LockTried",
    "Locked",
    "Outcome",
    "Refund",
    "Refused",
    "SaleAsked",
    "Service",
    "ShiftOff",
    "ShiftOn",
    "SignOff",
    "SignOn",
    "Started",
    "Sums",
    "Void",
]

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
    | CounterOn
    | CounterOff
    | HolderChecked
    | BillHeld
    | BillDone
    | BillVoid
    | BillCorrected
    | LoanAsked
    | LoanSent
    | LoanStuck
    | LoanClosed
    | ClerkAct
    | AdjustAsked
    | Adjusted
    | AdjustDropped
    | LoadHeld
    | LoadDone
    | LoadVoid
    | LoadGrey
    | ShiftOn
    | ShiftOff
    | SaleAsked
    | DealLeft
    | Refund
)

Outcome = Done | Void | Grey | BillDone | BillVoid | LoadDone | LoadVoid | LoadGrey
"""What closes a held row; room for it is reserved when that is held."""
