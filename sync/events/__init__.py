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
from sync.events.loan import LoanAsked, LoanClosed, LoanSent, LoanStuck
from sync.events.lock import Locked, LockTried
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
    "Done",
    "Event",
    "Evidence",
    "Grey",
    "Held",
    "HolderChecked",
    "ListState",
    "LoanAsked",
    "LoanClosed",
    "LoanSent",
    "LoanStuck",
    "LockTried",
    "Locked",
    "Refused",
    "Service",
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
)
