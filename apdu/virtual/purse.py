"""The electronic purse of PBOC / CJ/T 166 as an application of the chip: balance, purchase, load, proof, lock.

DEBIT is atomic: balance, counter, log record and cached composite records change together or not at all. INIT moves
nothing. Source: docs/cards.md, "Commands", "Update of the composite record", "Status words" and "Input order".
"""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from apdu import crypto
from apdu.command import Command
from apdu.virtual.chip import (
    NO_FUNCTION,
    NOT_ALLOWED,
    WRONG_LENGTH,
    WRONG_P1P2,
    Chip,
    Directory,
    File,
    Records,
    Refused,
    Transparent,
    need,
    wrap,
)

WRONG_MAC = 0x9302
LOCKED_FOR_EVER = 0x9303
TOO_LITTLE = 0x9401
COUNTER_AT_MAXIMUM = 0x9402
NO_KEY_INDEX = 0x9403
NO_PROOF = 0x9406
NO_CHALLENGE = 0x6984
WRONG_SECURE_MAC = 0x6988
WRONG_DATA = 0x6A80

COUNTER_MAX = 0xFFFF
BALANCE_MAX = 0x7FFFFFFF
LOAD, PURCHASE, COMPOSITE = 0x02, 0x06, 0x09
OPEN, LOCKED, DEAD = 0, 1, 2
PURSE_COMMANDS = frozenset(
    ((0x80, ins) for ins in (0x5C, 0x50, 0xDC, 0x54, 0x52, 0x5A, 0xCA)),
) | {(0x84, 0x1E), (0x84, 0x18)}


class PurseKeys(NamedTuple):
    """The card's own keys, 16 bytes each, diversified at personalisation."""

    purchase: bytes
    load: bytes
    tac: bytes
    maintenance: bytes


class Rules(NamedTuple):
    """What cards of different issuers do differently. Each is profile data, not standard.

    `log_step` 1: the log record carries the counter after the debit. `capp_by_number`: 80DC names a record by its
    number (low bits 100) instead of by its identifier (low bits 000). `locked_sw`: what SELECT answers on a
    temporarily locked application.
    """

    log_step: int = 1
    capp_by_number: bool = False
    locked_sw: int = NO_FUNCTION
    balance_p1: frozenset[int] = frozenset({0x00})
    key_indexes: frozenset[int] = frozenset({0x01})
    key_version: int = 0x01
    log_sfi: int = 0x18
    safe_code: bytes = b""
    replays: bool = False


class Proof(NamedTuple):
    """What GET TRANSACTION PROVE returns: the last transaction's type, counter, MAC and TAC."""

    type: int
    counter: int
    mac: bytes
    tac: bytes


@dataclass
class PurseMemory:
    """The purse's permanent memory besides its files."""

    balance_fen: int
    counter: int = 0
    load_counter: int = 0
    lock: int = OPEN
    proof: Proof | None = None


@dataclass
class Session:
    """What lives between INIT and DEBIT; power off forgets it."""

    type: int
    amount_fen: int
    terminal: bytes
    random: bytes
    cached: list[tuple[Records, int | None, bytes]] = field(default_factory=list)


class Purse(Directory):
    """The purse DF. `public` is EF15, which SELECT also returns in tag 9F0C."""

    def __init__(
        self,
        fid: int,
        name: bytes,
        files: dict[int, File],
        keys: PurseKeys,
        memory: PurseMemory,
        rules: Rules,
    ) -> None:
        super().__init__(fid, name, files)
        self.keys = keys
        self.memory = memory
        self.rules = rules
        self.session: Session | None = None
        log = files.setdefault(rules.log_sfi, Records(size=23, cyclic=True, capacity=10))
        assert isinstance(log, Records)
        self.log = log

    def reset(self) -> None:
        self.session = None

    def fci(self) -> bytes:
        public = self.files[0x15]
        assert isinstance(public, Transparent)
        version = wrap(0x9F08, b"\x02")
        return wrap(0x6F, wrap(0x84, self.name) + wrap(0xA5, version + wrap(0x9F0C, bytes(public.content))))

    def select(self) -> bytes:
        self._refuse_locked()
        return self.fci()

    def _refuse_locked(self) -> None:
        if self.memory.lock == DEAD:
            raise Refused(LOCKED_FOR_EVER)
        if self.memory.lock == LOCKED:
            raise Refused(self.rules.locked_sw)

    def guard(self, command: Command) -> None:
        """Only 80DC, DEBIT and CREDIT go on with a session; a locked application can only be unlocked."""
        if (command.cla, command.ins) not in ((0x80, 0xDC), (0x80, 0x54), (0x80, 0x52)):
            self.session = None
        if (command.cla, command.ins) not in ((0x00, 0x84), (0x84, 0x18)):
            self._refuse_locked()

    def perform(self, chip: Chip, command: Command) -> bytes | None:
        match command.cla, command.ins:
            case 0x80, 0x5C:
                return self._get_balance(command)
            case 0x80, 0x50:
                return self._initialize(chip, command)
            case 0x80, 0xDC:
                return self._update_cache(command)
            case 0x80, 0x54:
                return self._debit(command)
            case 0x80, 0x52:
                return self._credit(command)
            case 0x80, 0x5A:
                return self._prove(command)
            case 0x80, 0xCA if self.rules.safe_code:
                return self._safe_code(command)
            case 0x84, 0x1E | 0x18:
                return self._lock(chip, command)
        return None

    def _get_balance(self, command: Command) -> bytes:
        if command.p2 != 0x02 or command.p1 not in self.rules.balance_p1:
            raise Refused(WRONG_P1P2)
        need(command, data=0, answer=4)
        return self.memory.balance_fen.to_bytes(4, "big")

    def _safe_code(self, command: Command) -> bytes:
        if command.p1 or command.p2:
            raise Refused(WRONG_P1P2)
        need(command, data=0, answer=len(self.rules.safe_code))
        return self.rules.safe_code

    def _initialize(self, chip: Chip, command: Command) -> bytes:
        kind = {(0x00, 0x02): LOAD, (0x01, 0x02): PURCHASE, (0x03, 0x02): COMPOSITE}.get((command.p1, command.p2))
        if kind is None:
            raise Refused(WRONG_P1P2)
        need(command, data=11, answer=16 if kind == LOAD else 15)
        index, amount = command.data[0], int.from_bytes(command.data[1:5], "big")
        memory = self.memory
        if index not in self.rules.key_indexes:
            raise Refused(NO_KEY_INDEX)
        counter = memory.load_counter if kind == LOAD else memory.counter
        if counter >= COUNTER_MAX:
            raise Refused(COUNTER_AT_MAXIMUM)
        if kind != LOAD and amount > memory.balance_fen:
            raise Refused(TOO_LITTLE)
        if kind == LOAD and memory.balance_fen + amount > BALANCE_MAX:
            raise Refused(WRONG_DATA)
        random = b"\x11\x22\x33\x44" if self.rules.replays else chip.chance.bytes(4)
        session = Session(kind, amount, command.data[5:11], random)
        head = memory.balance_fen.to_bytes(4, "big") + counter.to_bytes(2, "big")
        tail = bytes((self.rules.key_version, 0x00)) + random
        self.session = session
        if kind != LOAD:
            return head + bytes(3) + tail
        key = crypto.session_key(self.keys.load, random, counter.to_bytes(2, "big"), b"\x80\x00")
        data = head[:4] + command.data[1:5] + bytes((kind,)) + session.terminal
        return head + tail + crypto.mac(key, data)

    def _update_cache(self, command: Command) -> bytes:
        """80DC: remember a record until DEBIT. P1 00 with low bits 000 appends to a cyclic file."""
        session = self.session
        if session is None or session.type != COMPOSITE:
            self.session = None
            raise Refused(NOT_ALLOWED)
        need(command, data=range(1, 256), answer=0)
        file = self.files.get(command.p2 >> 3)
        if not isinstance(file, Records):
            raise Refused(0x6A82 if file is None else 0x6981)
        index: int | None
        if file.cyclic:
            if command.p1 or command.p2 & 0x07 or file is self.log:
                raise Refused(WRONG_P1P2)
            index = None
        elif command.p2 & 0x07 != (0x04 if self.rules.capp_by_number else 0x00):
            raise Refused(WRONG_P1P2)
        elif self.rules.capp_by_number:
            file.by_number(command.p1)
            index = command.p1 - 1
        else:
            index = file.index_of(command.p1)
        if len(command.data) != file.size:
            raise Refused(WRONG_LENGTH)
        if index is not None and command.data[: file.id_length] != file.records[index][: file.id_length]:
            raise Refused(WRONG_DATA)
        session.cached.append((file, index, command.data))
        return b""

    def _debit(self, command: Command) -> bytes:
        session, self.session = self.session, None
        if (command.p1, command.p2) != (0x01, 0x00):
            raise Refused(WRONG_P1P2)
        if session is None or session.type == LOAD:
            raise Refused(NOT_ALLOWED)
        try:
            need(command, data=15, answer=8)
        except Refused:
            self.session = session
            raise
        sequence, moment, mac1 = command.data[:4], command.data[4:11], command.data[11:]
        memory = self.memory
        before = memory.counter.to_bytes(2, "big")
        amount = session.amount_fen.to_bytes(4, "big")
        deal = amount + bytes((session.type,)) + session.terminal
        key = crypto.session_key(self.keys.purchase, session.random, before, sequence[2:])
        if crypto.mac(key, deal + moment) != mac1:
            raise Refused(WRONG_MAC)
        mac2 = crypto.mac(key, amount)
        tac = crypto.tac(self.keys.tac, deal + sequence + moment)
        if self.rules.replays:
            return tac + mac2
        logged = memory.counter + self.rules.log_step
        record = logged.to_bytes(2, "big") + bytes(3) + deal + moment
        self._commit(
            replace(
                memory,
                balance_fen=memory.balance_fen - session.amount_fen,
                counter=memory.counter + 1,
                proof=Proof(session.type, memory.counter + 1, mac2, tac),
            ),
            record,
            session.cached,
        )
        return tac + mac2

    def _commit(self, after: PurseMemory, record: bytes, cached: list[tuple[Records, int | None, bytes]]) -> None:
        """The one place that changes money: nothing in here can refuse, so all of it happens or none."""
        for file, index, data in cached:
            if index is None:
                file.append(data)
            else:
                file.records[index] = data
        self.log.append(record)
        self.memory = after

    def _credit(self, command: Command) -> bytes:
        session, self.session = self.session, None
        if command.p1 or command.p2:
            raise Refused(WRONG_P1P2)
        if session is None or session.type != LOAD:
            raise Refused(NOT_ALLOWED)
        need(command, data=11, answer=4)
        moment, mac2 = command.data[:7], command.data[7:]
        memory = self.memory
        before = memory.load_counter.to_bytes(2, "big")
        deal = session.amount_fen.to_bytes(4, "big") + bytes((LOAD,)) + session.terminal + moment
        key = crypto.session_key(self.keys.load, session.random, before, b"\x80\x00")
        if crypto.mac(key, deal) != mac2:
            raise Refused(WRONG_MAC)
        balance = memory.balance_fen + session.amount_fen
        tac = crypto.tac(self.keys.tac, balance.to_bytes(4, "big") + before + deal)
        counter = memory.load_counter + 1
        record = counter.to_bytes(2, "big") + bytes(3) + deal
        after = replace(memory, balance_fen=balance, load_counter=counter, proof=Proof(LOAD, counter, mac2, tac))
        self._commit(after, record, [])
        return tac

    def _prove(self, command: Command) -> bytes:
        """805A00tt with counter n + 1: the MAC and TAC of the last transaction, after power off as well."""
        if command.p1:
            raise Refused(WRONG_P1P2)
        need(command, data=2, answer=8)
        proof = self.memory.proof
        if proof is None or (proof.type, proof.counter) != (command.p2, int.from_bytes(command.data, "big")):
            raise Refused(NO_PROOF)
        return proof.mac + proof.tac

    def _lock(self, chip: Chip, command: Command) -> bytes:
        """APPLICATION BLOCK 841E and UNBLOCK 8418: a secure-messaging MAC whose IV is the last challenge."""
        block = command.ins == 0x1E
        if command.p1 or command.p2 > (1 if block else 0):
            raise Refused(WRONG_P1P2)
        need(command, data=4, answer=0)
        challenge = chip.challenge
        if challenge is None:
            raise Refused(NO_CHALLENGE)
        header = bytes((command.cla, command.ins, command.p1, command.p2, len(command.data)))
        if crypto.retail_mac(self.keys.maintenance, header, challenge.ljust(8, b"\x00"))[:4] != command.data:
            raise Refused(WRONG_SECURE_MAC)
        if self.memory.lock == DEAD:
            raise Refused(LOCKED_FOR_EVER)
        if not block and self.memory.lock == OPEN:
            raise Refused(NOT_ALLOWED)
        wanted = (DEAD if command.p2 else LOCKED) if block else OPEN
        self.memory = replace(self.memory, lock=wanted)
        return b""
