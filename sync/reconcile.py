"""Three books compared to the fen: what left the chips, what the journals say, what the backend says.

Each book is read by itself (the chips' memory, closed journals, the backend's database). DONE and GREY are kept apart:
whether a grey debit happened is the backend's verdict, and the chips are the judge of that verdict.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from sync.chain import Identity, Stored, first_damage
from sync.events import Adjusted, Done, Grey, Held, Void
from sync.reconcile_loads import TAKEN, BackendLoad, load_faults
from sync.record import BadRow, decode
from sync.settlement import PAID

Key = tuple[str, int, int]
PAID_GROUNDS = frozenset(ground.value for ground in PAID)


class CardBook(NamedTuple):
    """One chip, read from its memory: money and purse (offline) counter at the start and now, money loaded between."""

    card: str
    start_fen: int
    loads_fen: int
    now_fen: int
    start_counter: int
    now_counter: int


class JournalBook(NamedTuple):
    """One closed journal."""

    identity: Identity
    rows: Sequence[Stored]


class BackendCharge(NamedTuple):
    """One held debit in the backend's books; `ground`: why a grey one is paid or not, "" for the others."""

    card: str
    counter: int
    balance_fen: int
    amount_fen: int
    state: str
    said: str
    ground: str
    paid_fen: int


class Adjustment(NamedTuple):
    """What two people agreed to give back of the debit in row `debit` of the same journal."""

    debit: int
    amount_fen: int


class BackendBook(NamedTuple):
    """The backend's database: each row's bytes, each debit and each adjustment, by (terminal, epoch, number); loads by
    operation."""

    rows: Mapping[Key, bytes]
    charges: Mapping[Key, BackendCharge]
    adjustments: Mapping[Key, Adjustment] = MappingProxyType({})
    loads: Mapping[str, BackendLoad] = MappingProxyType({})


class Fault(NamedTuple):
    """One thing that does not agree: where, and what in two languages."""

    where: str
    zh: str
    en: str


class Sums(NamedTuple):
    """One book's debits of one card: number and fen of DONE, and of GREY that happened."""

    done: int = 0
    done_fen: int = 0
    grey: int = 0
    grey_fen: int = 0

    def plus(self, other: "Sums") -> "Sums":
        """Both together."""
        return Sums(*(mine + its for mine, its in zip(self, other, strict=True)))


class CardLine(NamedTuple):
    """One card in the three books. `spent_fen` and `debits` from the chip.

    `undecided`: amounts of its debits that nobody has given a verdict on; the chip knows which of them happened.
    """

    card: str
    spent_fen: int
    debits: int
    journal: Sums
    backend: Sums
    undecided: tuple[int, ...] = ()

    def missing(self, sums: Sums) -> tuple[int, int]:
        """Debits and fen that the chip has and `sums` does not."""
        return self.debits - sums.done - sums.grey, self.spent_fen - sums.done_fen - sums.grey_fen


class Reconciliation(NamedTuple):
    """`balanced` only when nothing disagrees: each fen that left a chip is in both other books, or is one of the
    debits without a verdict. `pending`: those debits, (number, fen); `happened`: those that the chips say happened.
    `adjusted`: what the operator owes riders for wrong debits, which no chip shows. `loaded`: tills' loads on cards.
    """

    balanced: bool
    cards: tuple[CardLine, ...]
    faults: tuple[Fault, ...]
    pending: tuple[int, int]
    happened: tuple[int, int]
    adjusted: tuple[int, int] = (0, 0)
    loaded: tuple[int, int] = (0, 0)

    def lines(self, language: str) -> list[str]:
        """The report for people, "zh" or "en"."""
        zh = language == "zh"
        spent = sum(line.spent_fen for line in self.cards)
        journal, backend = _total(line.journal for line in self.cards), _total(line.backend for line in self.cards)
        said = (
            [
                f"卡片支出 {yuan(spent)} 元（{len(self.cards)} 张卡）",
                f"终端日志 {_sums(journal, zh)}",
                f"后台账本 {_sums(backend, zh)}",
                f"待定扣款 {self.pending[0]} 笔 {yuan(self.pending[1])} 元，"
                f"芯片显示已扣 {self.happened[0]} 笔 {yuan(self.happened[1])} 元",
            ]
            if zh
            else [
                f"spent from cards   {yuan(spent)} yuan ({len(self.cards)} cards)",
                f"journals           {_sums(journal, zh)}",
                f"backend            {_sums(backend, zh)}",
                f"no verdict yet     {self.pending[0]} of {yuan(self.pending[1])} yuan, "
                f"by the chips {self.happened[0]} of {yuan(self.happened[1])} happened",
            ]
        )
        if self.adjusted[0]:
            number, owed = self.adjusted[0], yuan(self.adjusted[1])
            said.append(f"应退乘客 {number} 笔 {owed} 元" if zh else f"owed to riders     {number} of {owed} yuan")
        if self.loaded[0]:
            number, fen = self.loaded[0], yuan(self.loaded[1])
            said.append(f"充值 {number} 笔 {fen} 元" if zh else f"loaded onto cards  {number} of {fen} yuan")
        said += [f"{fault.where}: {fault.zh if zh else fault.en}" for fault in self.faults]
        if self.balanced:
            said.append("三本账一致，分毫不差" if zh else "the three books agree to the fen")
        else:
            said.append(f"三本账不一致：{len(self.faults)} 处" if zh else f"NOT BALANCED: {len(self.faults)} faults")
        return said


class _Debit(NamedTuple):
    """One held debit as its journal has it; `state` done, void, grey or open."""

    held: Held
    state: str


def reconcile(cards: Sequence[CardBook], journals: Sequence[JournalBook], backend: BackendBook) -> Reconciliation:
    """Compare the books; never raises over what they hold."""
    faults: list[Fault] = []
    debits: dict[Key, _Debit] = {}
    rows: dict[Key, bytes] = {}
    adjustments: dict[Key, Adjustment] = {}
    for book in journals:
        faults += _chain_faults(book)
        rows |= {(book.identity.terminal, book.identity.epoch, row.seq): row.raw for row in book.rows}
        debits |= _debits(book)
        adjustments |= _adjustments(book)
    faults += _adjustment_faults(adjustments, backend.adjustments, debits)
    faults += _row_faults(rows, backend.rows)
    faults += _charge_faults(debits, backend.charges)
    faults += [Fault(*fault) for fault in load_faults(journals, backend.loads)]
    lines = []
    for card in cards:
        line = _card_line(card, debits, backend.charges)
        lines.append(line)
        faults += _card_faults(line)
    known = {card.card for card in cards}
    for key, debit in debits.items():
        if debit.held.card not in known:
            faults.append(Fault(_name(key), f"卡 {debit.held.card} 不在场", f"card {debit.held.card} was not read"))
    undecided = [charge for charge in backend.charges.values() if charge.ground == "pending" or charge.state == "open"]
    pending = len(undecided), sum(charge.amount_fen for charge in undecided)
    missing = [line.missing(line.journal) for line in lines if line.undecided]
    happened = sum(number for number, _ in missing), sum(fen for _, fen in missing)
    adjusted = len(adjustments), sum(one.amount_fen for one in adjustments.values())
    taken = [load.amount_fen for load in backend.loads.values() if load.state in TAKEN]
    loaded = len(taken), sum(taken)
    return Reconciliation(not faults, tuple(lines), tuple(faults), pending, happened, adjusted, loaded)


def _chain_faults(book: JournalBook) -> list[Fault]:
    damage = first_damage(book.identity, book.rows)
    if damage is None:
        return []
    where = _name((book.identity.terminal, book.identity.epoch, damage.seq))
    return [Fault(where, f"日志损坏：{damage.what}", f"journal damaged: {damage.what}")]


def _debits(book: JournalBook) -> dict[Key, _Debit]:
    """The journal's debits with their outcome: DONE before VOID before GREY, however many there are."""
    found: dict[Key, _Debit] = {}
    terminal, epoch, _ = book.identity
    for stored in book.rows:
        try:
            event = decode(stored.raw).event
        except BadRow:
            continue  # named by the chain already, or by the comparison of bytes
        if isinstance(event, Held):
            found[terminal, epoch, stored.seq] = _Debit(event, "open")
        elif isinstance(event, Done | Void | Grey) and (debit := found.get((terminal, epoch, event.held))):
            state = type(event).__name__.lower()
            if debit.state in ("open", "grey") or state == "done":
                found[terminal, epoch, event.held] = debit._replace(state=state)
    return found


def _adjustments(book: JournalBook) -> dict[Key, Adjustment]:
    """What the journal says two people agreed on."""
    terminal, epoch, _ = book.identity
    found: dict[Key, Adjustment] = {}
    for stored in book.rows:
        try:
            event = decode(stored.raw).event
        except BadRow:
            continue
        if isinstance(event, Adjusted):
            found[terminal, epoch, stored.seq] = Adjustment(event.debit, event.amount_fen)
    return found


def _adjustment_faults(
    journal: Mapping[Key, Adjustment], backend: Mapping[Key, Adjustment], debits: Mapping[Key, _Debit]
) -> list[Fault]:
    faults = []
    given: dict[Key, int] = {}
    for key in sorted(journal.keys() | backend.keys()):
        here, there = journal.get(key), backend.get(key)
        if here is None or here != there:
            zh, en = "调整在日志与后台不同", "journal and backend differ about this adjustment"
            faults.append(Fault(_name(key), zh, en))
            continue
        of = (key[0], key[1], here.debit)
        given[of] = given.get(of, 0) + here.amount_fen
    for of, amount_fen in given.items():
        debit = debits.get(of)
        if debit is None or debit.state == "void" or amount_fen > debit.held.amount:
            zh, en = f"调整 {amount_fen} 分超出扣款", f"adjusted by {amount_fen} fen, more than was taken"
            faults.append(Fault(_name(of), zh, en))
    return faults


def _row_faults(journal: Mapping[Key, bytes], backend: Mapping[Key, bytes]) -> list[Fault]:
    faults = []
    for key in sorted(journal.keys() | backend.keys()):
        if key not in backend:
            faults.append(Fault(_name(key), "后台没有这一行", "the backend does not have this row"))
        elif key not in journal:
            faults.append(Fault(_name(key), "日志没有这一行", "no journal has this row"))
        elif journal[key] != backend[key]:
            faults.append(Fault(_name(key), "后台的字节与日志不同", "the backend's bytes differ from the journal's"))
    return faults


def _charge_faults(debits: Mapping[Key, _Debit], charges: Mapping[Key, BackendCharge]) -> list[Fault]:
    faults = []
    for key in sorted(debits.keys() | charges.keys()):
        debit, charge = debits.get(key), charges.get(key)
        if debit is None or charge is None:
            missing = ("日志", "a journal") if debit is None else ("后台账本", "the backend's books")
            faults.append(Fault(_name(key), f"{missing[0]}没有这笔扣款", f"{missing[1]} lacks this debit"))
            continue
        faults += [Fault(_name(key), zh, en) for zh, en in _differences(debit, charge)]
    return faults


def _differences(debit: _Debit, charge: BackendCharge) -> list[tuple[str, str]]:
    held, found = debit.held, []
    pairs: tuple[tuple[str, str, object, object], ...] = (
        ("卡号", "card", held.card, charge.card),
        ("计数器", "counter", held.counter, charge.counter),
        ("交易前余额", "balance before", held.balance, charge.balance_fen),
        ("金额", "amount", held.amount, charge.amount_fen),
        ("结果", "outcome", debit.state, charge.state),
        ("入账", "paid", _due_fen(charge), charge.paid_fen),
    )
    for zh, en, here, there in pairs:
        if here != there:
            found.append((f"{zh}：日志 {here}，后台 {there}", f"{en}: {here} by the journal, {there} at the backend"))
    if charge.ground == "difference":
        found.append(("灰记录之后卡上差额无法解释", "the card's money after this grey debit cannot be explained"))
    return found


def _due_fen(charge: BackendCharge) -> int:
    """What a charge must come to by its own state and ground."""
    happened = charge.state == "done" or (charge.state == "grey" and charge.ground in PAID_GROUNDS)
    return charge.amount_fen if happened else 0


def _card_line(book: CardBook, debits: Mapping[Key, _Debit], charges: Mapping[Key, BackendCharge]) -> CardLine:
    journal = backend = Sums()
    for key, debit in debits.items():
        if debit.held.card == book.card:
            charge = charges.get(key)
            happened = charge is not None and charge.ground in PAID_GROUNDS
            journal = journal.plus(_as_sums(debit.state, happened, debit.held.amount))
    for charge in charges.values():
        if charge.card == book.card:
            backend = backend.plus(_as_sums(charge.state, charge.ground in PAID_GROUNDS, charge.paid_fen))
    spent = book.start_fen + book.loads_fen - book.now_fen
    mine = [charge for charge in charges.values() if charge.card == book.card]
    undecided = tuple(charge.amount_fen for charge in mine if charge.ground == "pending" or charge.state == "open")
    return CardLine(book.card, spent, book.now_counter - book.start_counter, journal, backend, undecided)


def _as_sums(state: str, happened: bool, fen: int) -> Sums:
    if state == "done":
        return Sums(done=1, done_fen=fen)
    return Sums(grey=1, grey_fen=fen) if state == "grey" and happened else Sums()


def _explained(line: CardLine, sums: Sums) -> bool:
    """Whether what `sums` lacks is exactly some of the undecided debits: so many of them, of so much together."""
    reached = {(0, 0)}
    for amount in line.undecided:
        reached |= {(number + 1, fen + amount) for number, fen in reached}
    return line.missing(sums) in reached


def _card_faults(line: CardLine) -> list[Fault]:
    faults = []
    for zh, en, sums in (("日志", "the journals", line.journal), ("后台", "the backend", line.backend)):
        if _explained(line, sums):
            continue
        fen, number = sums.done_fen + sums.grey_fen, sums.done + sums.grey
        if fen != line.spent_fen:
            off = line.spent_fen - fen
            in_zh = f"卡上少了 {yuan(line.spent_fen)} 元，{zh}记 {yuan(fen)} 元，差 {off} 分"
            in_en = f"{yuan(line.spent_fen)} yuan left the card, {en} say {yuan(fen)}: {off} fen off"
            faults.append(Fault(line.card, in_zh, in_en))
        if number != line.debits:
            in_zh = f"卡的计数器走了 {line.debits}，{zh}记 {number} 笔"
            in_en = f"the card counted {line.debits} debits, {en} say {number}"
            faults.append(Fault(line.card, in_zh, in_en))
    if line.journal != line.backend and not faults:
        faults.append(Fault(line.card, "日志与后台分类不同", "journals and backend class its debits differently"))
    return faults


def _total(sums: Iterable[Sums]) -> Sums:
    total = Sums()
    for each in sums:
        total = total.plus(each)
    return total


def _sums(sums: Sums, zh: bool) -> str:
    both = yuan(sums.done_fen + sums.grey_fen)
    if zh:
        done = f"已完成 {sums.done} 笔 {yuan(sums.done_fen)} 元"
        return f"{both} 元 = {done} + 灰记录 {sums.grey} 笔 {yuan(sums.grey_fen)} 元"
    done = f"DONE {sums.done} of {yuan(sums.done_fen)}"
    return f"{both} yuan = {done} + GREY {sums.grey} of {yuan(sums.grey_fen)}"


def yuan(fen: int) -> str:
    """An amount as people read it: 150 is "1.50"."""
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def _name(key: Key) -> str:
    return f"{key[0]}/{key[1]}/{key[2]}"
