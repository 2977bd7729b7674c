"""The PSAM: it makes MAC1, checks MAC2 and signs lock commands, with master keys that never leave it.

The session of an 8070 dies with a reset, with the next 8070 and with the 8072 that used it. The terminal sequence
steps at each 8070 and never repeats. Source: docs/cards.md, "PSAM" (files, commands, state rule) and "TAC through a
PSAM".
"""

from dataclasses import dataclass
from typing import NamedTuple

from apdu import crypto
from apdu.command import Command
from apdu.virtual.chance import Chance
from apdu.virtual.chip import (
    NOT_ALLOWED,
    WRONG_P1P2,
    Chip,
    Directory,
    Refused,
    Transparent,
    need,
    wrap,
)

WRONG_MAC = 0x9302
NO_KEY = 0x6A88
WRONG_DATA = 0x6A80
COUNTER_AT_MAXIMUM = 0x9402

USAGE_TAC = 0x04
USAGE_MAINTENANCE = 0x05

PSAM_COMMANDS = frozenset((0x80, ins) for ins in (0x70, 0x72, 0x1A, 0xFA, 0xCA))

# T=0, 15 historical characters at most; the samples of docs/cards.md, "PSAM", read "PSM" and a product number here.
ATR = bytes.fromhex("3B6900005053414D5F56495254")


@dataclass
class PsamMemory:
    """The PSAM's permanent memory besides its files: the next terminal sequence."""

    terminal: bytes
    sequence: int


class SchemeKeys(NamedTuple):
    """The master keys that one scheme's DF holds; `maintenance` and `tac` by key identifier (P2 of 801A)."""

    purchase: bytes
    maintenance: dict[int, bytes]
    tac: dict[int, bytes]
    safe_code: bytes = b""


class Session(NamedTuple):
    """What 8070 leaves for 8072."""

    key: bytes
    amount: bytes


class Scheme(Directory):
    """A DF of the PSAM: EF17 (25 bytes: key index 1, issuer 8, receiver 8, start 4, end 4) and its commands."""

    def __init__(self, fid: int, name: bytes, public: bytes, keys: SchemeKeys, memory: PsamMemory) -> None:
        assert len(public) == 25
        super().__init__(fid, name, {0x17: Transparent(bytearray(public))})
        self.keys = keys
        self.memory = memory
        self.session: Session | None = None
        self._delivered: tuple[int, bytes] | None = None
        self._safe = not keys.safe_code

    def reset(self) -> None:
        self.session = None
        self._delivered = None
        self._safe = not self.keys.safe_code

    def fci(self) -> bytes:
        public = self.files[0x17]
        assert isinstance(public, Transparent)
        return wrap(0x6F, wrap(0x84, self.name) + wrap(0xA5, wrap(0x9F0C, bytes(public.content))))

    def perform(self, chip: Chip, command: Command) -> bytes | None:
        match command.cla, command.ins:
            case 0x80, 0x70:
                return self._init_for_purchase(command)
            case 0x80, 0x72:
                return self._credit_for_purchase(command)
            case 0x80, 0x1A:
                return self._deliver_key(command)
            case 0x80, 0xFA:
                return self._cipher(command)
            case 0x80, 0xCA if self.keys.safe_code:
                return self._check_safe_code(command)
        return None

    def _init_for_purchase(self, command: Command) -> bytes:
        """8070: random 4, counter 2, amount 4, type 1, date 4, time 3, key version 1, algorithm 1, serial, factors."""
        if command.p1 or command.p2:
            raise Refused(WRONG_P1P2)
        need(command, data=(0x1C, 0x24, 0x2C), answer=8)
        self.session = None
        if not self._safe:
            raise Refused(NOT_ALLOWED)
        data = command.data
        random, counter, amount, kind, moment = data[:4], data[4:6], data[6:10], data[10:11], data[11:18]
        if kind[0] not in (0x06, 0x09):
            raise Refused(WRONG_DATA)
        if data[18] != 0x01 or data[19] != 0x00:
            raise Refused(NO_KEY)
        if self.memory.sequence > 0xFFFFFFFF:
            raise Refused(COUNTER_AT_MAXIMUM)
        sequence = self.memory.sequence.to_bytes(4, "big")
        self.memory.sequence += 1
        card_key = derive(self.keys.purchase, data[20:])
        key = crypto.session_key(card_key, random, counter, sequence[2:])
        self.session = Session(key, amount)
        return sequence + crypto.mac(key, amount + kind + self.memory.terminal + moment)

    def _credit_for_purchase(self, command: Command) -> bytes:
        if command.p1 or command.p2:
            raise Refused(WRONG_P1P2)
        need(command, data=4, answer=0)
        session, self.session = self.session, None
        if session is None:
            raise Refused(NOT_ALLOWED)
        if crypto.mac(session.key, session.amount) != command.data:
            raise Refused(WRONG_MAC)
        return b""

    def _deliver_key(self, command: Command) -> bytes:
        """801A: P1 high three bits say how many factors follow, low five the usage; P2 is the key."""
        self._delivered = None
        factors, usage = command.p1 >> 5, command.p1 & 0x1F
        if not 1 <= factors <= 3:
            raise Refused(WRONG_P1P2)
        need(command, data=8 * factors, answer=0)
        keys = {USAGE_TAC: self.keys.tac, USAGE_MAINTENANCE: self.keys.maintenance}.get(usage, {})
        if command.p2 not in keys:
            raise Refused(NO_KEY)
        self._delivered = usage, derive(keys[command.p2], command.data)
        return b""

    def _cipher(self, command: Command) -> bytes:
        """80FA05: a MAC in one block call over IV 8 and data that the terminal has padded."""
        if (command.p1, command.p2) != (0x05, 0x00):
            raise Refused(WRONG_P1P2)
        need(command, data=range(16, 249, 8), answer=4)
        if self._delivered is None:
            raise Refused(NOT_ALLOWED)
        usage, key = self._delivered
        self._delivered = None
        left, right = key[:8], key[8:]
        if usage == USAGE_TAC:
            left = exclusive_or(left, right)
        chain = command.data[:8]
        for start in range(8, len(command.data), 8):
            chain = crypto.encrypt(left, exclusive_or(chain, command.data[start : start + 8]))
        if usage == USAGE_MAINTENANCE:
            chain = crypto.encrypt(left, crypto.decrypt(right, chain))
        return chain[:4]

    def _check_safe_code(self, command: Command) -> bytes:
        """80CA: the card's nine bytes (five and their MAC) open the purchase until the next SELECT."""
        need(command, data=9, answer=0)
        if crypto.mac(self.keys.safe_code, command.data[:5]) != command.data[5:]:
            raise Refused(WRONG_MAC)
        self._safe = True
        return b""


def exclusive_or(one: bytes, other: bytes) -> bytes:
    """Byte by byte, equal lengths."""
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def derive(root: bytes, factors: bytes) -> bytes:
    """The card's key from a root key. The serial comes first on the wire; the highest factor is applied first."""
    key = root
    for start in range(len(factors) - 8, -1, -8):
        key = crypto.diversify(key, factors[start : start + 8])
    return key


class Psam(Chip):
    """MF with EF15 (14 bytes) and EF16 (terminal number 6), and one DF for each scheme."""

    challenge_length = 8

    def __init__(self, memory: PsamMemory, schemes: list[Scheme], chance: Chance) -> None:
        identity = bytes.fromhex("0000") + memory.terminal + bytes.fromhex("0001") + bytes.fromhex("01010000")
        files = {0x15: Transparent(bytearray(identity)), 0x16: Transparent(bytearray(memory.terminal))}
        root = Directory(0x3F00, b"1PAY.SYS.DDF01", dict(files))
        super().__init__(root, schemes, chance, known=PSAM_COMMANDS)
        self.memory = memory
