"""A hospital counter's day: who sits there, whom the clerk checked, what was settled, and what the centre corrected.

A bill is held (durable, with everything that made it) before anything moves, and closed by an outcome that names it,
like a debit. Persons stand in rows by reference only; item lines, names and the entitlement are sealed
(docs/hospital.md).
"""

from typing import Literal

import msgspec

from sync.events.event import Event


class Sums(msgspec.Struct, frozen=True):
    """A bill's money in fen, under the national interface's names (docs/hospital.md, "The fields of a bill")."""

    medfee_sumamt: int = 0
    fulamt_ownpay_amt: int = 0
    overlmt_selfpay: int = 0
    preselfpay_amt: int = 0
    inscp_scp_amt: int = 0
    act_pay_dedc: int = 0
    hifp_pay: int = 0
    cvlserv_pay: int = 0
    hifes_pay: int = 0
    hifmi_pay: int = 0
    hifob_pay: int = 0
    hifdm_pay: int = 0
    maf_pay: int = 0
    oth_pay: int = 0
    fund_pay_sumamt: int = 0
    psn_part_amt: int = 0
    acct_pay: int = 0
    psn_cash_pay: int = 0
    hosp_part_amt: int = 0

    def minus(self, other: "Sums") -> "Sums":
        """Field by field."""
        mine, its = msgspec.structs.astuple(self), msgspec.structs.astuple(other)
        return Sums(*(one - two for one, two in zip(mine, its, strict=True)))

    def plus(self, other: "Sums") -> "Sums":
        """Field by field."""
        return self.minus(other.negative())

    def negative(self) -> "Sums":
        """The mirror: every sign reversed."""
        return Sums().minus(self)


class ListState(msgspec.Struct, frozen=True):
    """One list as the bill found it: its version, and its age in seconds, -1 when it never came."""

    version: int
    age_seconds: int


class Evidence(msgspec.Struct, frozen=True):
    """By what the bill was decided: versions, ages, and how much the funds may owe on provisional bills."""

    software: str
    policy: str
    policy_digest: str
    policy_verified: bool
    insured: ListState
    person: ListState
    topup: ListState
    employer: ListState
    exposure_fen: int
    exposure_limit_fen: int


class CounterOn(Event, frozen=True, tag="COUNTER_ON"):
    """A clerk signed in; `clerk` a work number, no name."""

    clerk: str
    institution: str
    policy: str


class CounterOff(Event, frozen=True, tag="COUNTER_OFF"):
    """The clerk signed out. `by` "clerk" or "next_sign_in". Bills of the shift: counts, and money in fen."""

    clerk: str
    by: str
    bills: int
    cancelled: int
    provisional: int
    sums: Sums


class HolderChecked(Event, frozen=True, tag="HOLDER_CHECKED"):
    """The clerk made sure that the card belongs to the patient. `person` its reference; `by` "photo", "pin" or both."""

    person: str
    card_kind: str
    chip: str
    by: Literal["photo", "pin", "photo+pin"]
    clerk: str


class BillHeld(Event, frozen=True, tag="BILL_HELD"):
    """A settlement about to be made, or the mirror that cancels one.

    `operation` (20 characters) names it everywhere; `cancels` the operation that this mirror undoes ("": it is none),
    `replaces` the one whose rest is settled anew. `person` a reference; `visit` the patient's day and time (ISO 8601),
    which choose policy and year; `insutype`, `med_type` national codes. `provisional`: made without the centre.
    `sealed` holds what only the counter and the centre may read, bound to terminal, epoch, number and "bill".
    """

    operation: str
    cancels: str
    replaces: str
    person: str
    institution: str
    clerk: str
    visit: str
    insutype: str
    med_type: str
    provisional: bool
    evidence: Evidence
    sums: Sums
    sealed: str


class BillDone(Event, frozen=True, tag="BILL_DONE"):
    """The held bill stands: the patient paid and has the receipt. `by` "centre" (it agreed), "offline" or "asked"."""

    held: int
    operation: str
    by: Literal["centre", "offline", "asked"]


class BillVoid(Event, frozen=True, tag="BILL_VOID"):
    """The held bill did not come to be; nothing moved. `why` in a word ("abandoned", "centre_differs", "restart")."""

    held: int
    operation: str
    why: str


class BillCorrected(Event, frozen=True, tag="BILL_CORRECTED"):
    """The centre settled a bill again and booked a difference: its sums minus ours, with all that was corrected before.
    `why` in a word.

    `number` the centre's for its correction, 0 for one that it took back. The patient's part is owed by or to the
    patient; the account and the funds were booked at the centre.
    """

    number: int
    operation: str
    why: str
    sums: Sums
