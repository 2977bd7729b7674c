"""A bill as both sides settle it: the insured with all accumulators, the claim, the bill, and what booking it changes.

The one place where the counter's and the centre's books meet tariffs.copay: both settle by this, so that a difference
between them can only come from what they knew, never from how they counted. Accumulators are kept by their period, so a
late bill counts in its own year.
"""

import zlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import msgspec
from msgspec.structs import replace as changed

from sync.events import Sums
from sync.limits import CASE_BYTES_MAX
from sync.record import Row
from tariffs.copay.bill import Bill, Unbalanced
from tariffs.copay.claim import BadClaim, Claim, Entitlement, Key, OnCard
from tariffs.copay.policy import Policy
from tariffs.copay.settle import settle as settle_claim

OPERATION_DIGITS, TERMINAL_DIGITS = 20, 8


class BadCase(ValueError):
    """A claim that cannot be settled, or sealed bytes that are no case. Two languages; nothing personal."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(f"{zh} · {en}")
        self.zh = zh
        self.en = en


class Insured(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A person as the centre knows it: `facts` that the policy asks for (area, scheme, person …), national `insutype`.

    `employer` is a reference, "" for none. `booked`: by terminal the epoch and the last row of an outcome that is in
    these accumulators, so that a terminal knows without any clock which of its bills are.
    """

    insutype: str
    facts: dict[str, str]
    birth: date
    entitlement: Entitlement
    employer: str = ""
    booked: Mapping[str, tuple[int, int]] = {}

    def holds(self, row: Row) -> bool:
        """Whether a bill's outcome is in these accumulators."""
        return (row.epoch, row.seq) <= self.booked.get(row.terminal, (0, 0))


class Effect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What booking a bill changes for its person: what accumulators grow by, and what each account pays (fen)."""

    counted: Mapping[Key, int] = {}
    paid: Mapping[str, int] = {}

    @property
    def empty(self) -> bool:
        """Nothing changes."""
        return not any(self.counted.values()) and not any(self.paid.values())

    def negative(self) -> "Effect":
        """What takes it back."""
        return Effect({key: -fen for key, fen in self.counted.items()}, {name: -fen for name, fen in self.paid.items()})


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One bill with all that made it: what is sealed into its row. Its repr tells nothing of the person."""

    claim: Claim
    insured: Insured
    bill: Bill

    def __repr__(self) -> str:
        return f"Case({self.claim.day}, {len(self.claim.lines)} lines)"

    @property
    def sums(self) -> Sums:
        """The bill's money."""
        return Sums(*(getattr(self.bill, name) for name in Sums.__struct_fields__))

    @property
    def effect(self) -> Effect:
        """What booking it changes."""
        return Effect(self.bill.counted, self.bill.accounts)

    def named(self, operation: str) -> "Case":
        """The same under its operation."""
        return Case(replace(self.claim, id=operation), self.insured, changed(self.bill, id=operation))


def settle(insured: Insured, claim: Claim, policy: Policy) -> Case:
    """Settle a claim for a person, by the rows and in the periods of the visit's own day. Raises BadCase."""
    told = replace(claim, facts={**claim.facts, **insured.facts}, birth=insured.birth)
    try:
        bill = settle_claim(told, insured.entitlement, policy)
        bill.check()
    except BadClaim as wrong:
        raise BadCase(wrong.zh, wrong.en) from wrong
    except Unbalanced as wrong:
        raise BadCase("账单不平，不得打印", f"the bill does not balance and is not printed: {wrong}") from wrong
    return Case(told, insured, bill)


def with_card(insured: Insured, card: OnCard | None) -> Insured:
    """The person with what the chip counted."""
    return changed(insured, entitlement=replace(insured.entitlement, card=card))


def mirrored(case: Case) -> Case:
    """The mirror of a settled bill: every sign reversed."""
    return Case(case.claim, case.insured, case.bill.mirror(""))


def applied(insured: Insured, effect: Effect) -> Insured:
    """The person after a bill."""
    return changed(insured, entitlement=insured.entitlement.after(effect.counted, effect.paid))


def booked(insured: Insured, effect: Effect, outcome: Row) -> Insured:
    """The person after the centre booked a bill by its outcome's row."""
    marks = {**insured.booked, outcome.terminal: (outcome.epoch, outcome.seq)}
    return changed(applied(insured, effect), booked=marks)


def why_it_differs(said: Insured, true: Insured) -> str:
    """Why the centre's settlement of a claim is not the counter's, in a word."""
    mine, its = said.entitlement, true.entitlement
    if said.facts != true.facts or said.birth != true.birth:
        return "person"
    if {key: fen for key, fen in mine.counted.items() if fen} != {key: fen for key, fen in its.counted.items() if fen}:
        return "accumulators"
    return "policy" if mine.accounts == its.accounts else "account"


# Names and bytes


def operation(terminal: str, epoch: int, seq: int) -> str:
    """The name of the operation that row `seq` holds: terminal 8, epoch 4, row 8."""
    return f"{terminal}{epoch:04d}{seq:08d}"


def row_of(operation: str, terminal: str, epoch: int) -> int:
    """The row that holds an operation of this terminal and epoch; 0 for another's."""
    own = operation.startswith(f"{terminal}{epoch:04d}") and len(operation) == OPERATION_DIGITS
    return int(operation[-8:]) if own and operation.isascii() and operation.isdigit() else 0


def terminal_of(operation: str) -> str:
    """Whose operation it is, as its name says."""
    return operation[:TERMINAL_DIGITS]


def bound_to(terminal: str, epoch: int, seq: int) -> str:
    """What a bill's sealed value is bound to."""
    return f"{terminal}|{epoch}|{seq}|bill"


def pack(case: Case) -> bytes:
    """A case as bytes, to be sealed. The trace goes without the policy's rows: settling again finds them."""
    steps = tuple(changed(step, rows=()) for step in case.bill.steps)
    return zlib.compress(_packer.encode(Case(case.claim, case.insured, changed(case.bill, steps=steps))), 6)


def unpack(raw: bytes) -> Case:
    """A case from what was unsealed. Raises BadCase."""
    try:
        unpacking = zlib.decompressobj()
        text = unpacking.decompress(raw, CASE_BYTES_MAX)
        if not unpacking.eof:
            raise BadCase("密封账单不完整", "a sealed bill is cut off or too long")
        return _cases.decode(text)
    except (zlib.error, msgspec.DecodeError, UnicodeDecodeError) as wrong:
        raise BadCase("密封账单无法读取", f"a sealed bill cannot be read: {type(wrong).__name__}") from wrong


def write_insured(insured: Insured) -> bytes:
    """A person as bytes, to be sealed."""
    return _packer.encode(insured)


def read_insured(raw: bytes) -> Insured:
    """A person from what was unsealed. Raises BadCase."""
    try:
        return _persons.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
        raise BadCase("参保信息无法读取", f"an entitlement cannot be read: {type(wrong).__name__}") from wrong


# MessagePack: JSON has no members named by two words, as accumulators are.
_packer = msgspec.msgpack.Encoder()
_cases = msgspec.msgpack.Decoder(Case)
_persons = msgspec.msgpack.Decoder(Insured)
