"""A chip with the file system of ISO/IEC 7816-4: MF, DFs by name and by identifier, EFs by short identifier.

The chip answers any bytes whatever and never raises: nonsense gets a status word. Applications add their own commands
by a subclass of `Directory`. Source: docs/cards.md, "Commands" and "Status words"; ISO/IEC 7816-4 clauses 7.1 to 7.3.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from apdu.command import MAX_LE, Command
from apdu.errors import Malformed
from apdu.virtual.chance import Chance

OK = 0x9000
WRONG_LENGTH = 0x6700
NOT_ALLOWED = 0x6985
NO_CURRENT_EF = 0x6986
FILE_STRUCTURE = 0x6981
NO_FUNCTION = 0x6A81
NO_FILE = 0x6A82
NO_RECORD = 0x6A83
WRONG_P1P2 = 0x6A86
WRONG_OFFSET = 0x6B00
NO_INSTRUCTION = 0x6D00
NO_CLASS = 0x6E00

MF_FID = 0x3F00


class Refused(Exception):
    """The chip says no with a status word. Never leaves `Chip.transmit`."""

    def __init__(self, sw: int) -> None:
        super().__init__(f"{sw:04X}")
        self.sw = sw


@dataclass
class Transparent:
    """A transparent EF: bytes at offsets."""

    content: bytearray

    def read(self, offset: int, le: int) -> bytes:
        if offset > len(self.content) or (offset and offset == len(self.content)):
            raise Refused(WRONG_OFFSET)
        left = len(self.content) - offset
        if le != MAX_LE and le > left:
            raise Refused(0x6C00 | left)
        return bytes(self.content[offset : offset + min(le, left)])


@dataclass
class Records:
    """A record EF; a cyclic one has its newest record first. Records begin with an identifier of `id_length` bytes."""

    size: int
    records: list[bytes] = field(default_factory=list)
    cyclic: bool = False
    capacity: int = 254
    id_length: int = 1

    def by_number(self, number: int) -> bytes:
        if not 1 <= number <= len(self.records):
            raise Refused(NO_RECORD)
        return self.records[number - 1]

    def index_of(self, identifier: int) -> int:
        """The position of the record whose identifier ends with the byte `identifier`."""
        for index, record in enumerate(self.records):
            if record[self.id_length - 1] == identifier:
                return index
        raise Refused(NO_RECORD)

    def append(self, record: bytes) -> None:
        assert self.cyclic and len(record) == self.size
        self.records = [record, *self.records][: self.capacity]


File = Transparent | Records


class Directory:
    """A DF (or the MF): identifier, name, files by short identifier, and the commands of its application."""

    def __init__(self, fid: int, name: bytes, files: dict[int, File]) -> None:
        self.fid = fid
        self.name = name
        self.files = files

    def fci(self) -> bytes:
        """The answer to SELECT: 6F, the DF name in 84, and an empty A5."""
        return wrap(0x6F, wrap(0x84, self.name) + wrap(0xA5, b""))

    def select(self) -> bytes:
        """What SELECT answers once this directory is current. A blocked application raises here."""
        return self.fci()

    def guard(self, command: Command) -> None:
        """Called before each command but SELECT while this directory is current; may refuse it."""

    def perform(self, chip: "Chip", command: Command) -> bytes | None:
        """The application's own commands: data, Refused, or None when this is not one of them."""
        return None

    def reset(self) -> None:
        """Volatile state is lost: power off, reset, or another directory selected."""


def wrap(tag: int, value: bytes) -> bytes:
    """A BER-TLV object with a one-byte length; `tag` 1 or 2 bytes."""
    assert len(value) < 128
    return tag.to_bytes(2 if tag > 0xFF else 1, "big") + bytes((len(value),)) + value


def need(command: Command, *, data: int | Iterable[int], answer: int) -> None:
    """Check the lengths before anything happens: 6700 for data or a needless Le, 6Cxx for a wrong Le.

    No Le at all and Le 00 both mean "all there is": cards accept DEBIT in both forms (docs/cards.md, "Commands").
    """
    allowed = (data,) if isinstance(data, int) else tuple(data)
    if len(command.data) not in allowed:
        raise Refused(WRONG_LENGTH)
    if command.le in (None, MAX_LE) or command.le == answer:
        return
    raise Refused(0x6C00 | answer if answer else WRONG_LENGTH)


class Chip:
    """Power, the current DF and EF, and the commands every such chip has."""

    challenge_length = 4
    reads_all_records = False

    def __init__(
        self, root: Directory, directories: Iterable[Directory], chance: Chance, known: Iterable[tuple[int, int]] = ()
    ) -> None:
        self.root = root
        self.directories = list(directories)
        self.chance = chance
        self.current = root
        self.challenge: bytes | None = None
        self._file: File | None = None
        self._common: dict[tuple[int, int], Callable[[Command], bytes]] = {
            (0x00, 0xA4): self._select,
            (0x00, 0xB0): self._read_binary,
            (0x00, 0xB2): self._read_record,
            (0x00, 0x84): self._get_challenge,
        }
        self._known = frozenset(known)
        self._instructions = {ins for _, ins in (*self._common, *self._known)}

    def reset(self) -> None:
        """Power off or reset: everything volatile is lost, the MF is current."""
        for directory in (self.root, *self.directories):
            directory.reset()
        self.current = self.root
        self.challenge = None
        self._file = None

    def transmit(self, raw: bytes) -> bytes:
        """Answer one command APDU: data and status word. Any bytes get an answer."""
        try:
            command = Command.from_bytes(raw)
        except Malformed:
            return WRONG_LENGTH.to_bytes(2, "big")
        try:
            return self._dispatch(command) + b"\x90\x00"
        except Refused as refusal:
            return refusal.sw.to_bytes(2, "big")

    def _dispatch(self, command: Command) -> bytes:
        common = self._common.get((command.cla, command.ins))
        if command.ins == 0xA4 and common is not None:
            return self._select(command)
        self.current.guard(command)
        try:
            answer = common(command) if common else self.current.perform(self, command)
        finally:
            if command.ins != 0x84:
                self.challenge = None
        if answer is not None:
            return answer
        if (command.cla, command.ins) in self._known:
            raise Refused(NOT_ALLOWED)  # a command of an application that is not selected
        if command.cla not in (0x00, 0x04, 0x80, 0x84) or command.ins in self._instructions:
            raise Refused(NO_CLASS)
        raise Refused(NO_INSTRUCTION)

    def _select(self, command: Command) -> bytes:
        if command.p2 not in (0x00, 0x0C):
            raise Refused(WRONG_P1P2)
        self.challenge = None
        if command.p1 == 0x04:
            target = self._by_name(command.data)
        elif command.p1 in (0x00, 0x01, 0x02):
            file = self._elementary(command)
            if file is not None:
                self._file = file
                return b""
            target = self._by_fid(command.data)
        else:
            raise Refused(WRONG_P1P2)
        self.current.reset()
        self.current, self._file = target, None
        fci = target.select()
        answer = fci if command.p2 == 0x00 else b""
        if command.le not in (None, MAX_LE) and command.le < len(answer):
            raise Refused(0x6C00 | len(answer))
        return answer

    def _by_name(self, name: bytes) -> Directory:
        if not 1 <= len(name) <= 16:
            raise Refused(WRONG_LENGTH)
        for directory in (*self.directories, self.root):
            if directory.name.startswith(name):
                return directory
        raise Refused(NO_FILE)

    def _by_fid(self, data: bytes) -> Directory:
        if not data:
            return self.root
        if len(data) != 2:
            raise Refused(WRONG_LENGTH)
        fid = int.from_bytes(data, "big")
        for directory in (self.root, *self.directories):
            if directory.fid == fid:
                return directory
        raise Refused(NO_FILE)

    def _elementary(self, command: Command) -> File | None:
        """An EF of the current DF, when the identifier has the usual form EFxx or 00xx (xx = short identifier)."""
        if len(command.data) != 2 or command.data[0] not in (0xEF, 0x00):
            return None
        return self.current.files.get(command.data[1])

    def _file_by(self, sfi: int) -> File:
        if sfi == 0:
            if self._file is None:
                raise Refused(NO_CURRENT_EF)
            return self._file
        file = self.current.files.get(sfi)
        if file is None:
            raise Refused(NO_FILE)
        self._file = file
        return file

    def _read_binary(self, command: Command) -> bytes:
        if command.data or command.le is None:
            raise Refused(WRONG_LENGTH)
        if command.p1 & 0x80:
            if command.p1 & 0x60:
                raise Refused(WRONG_P1P2)
            file, offset = self._file_by(command.p1 & 0x1F), command.p2
        else:
            file, offset = self._file_by(0), command.p1 << 8 | command.p2
        if not isinstance(file, Transparent):
            raise Refused(FILE_STRUCTURE)
        return file.read(offset, command.le)

    def _read_record(self, command: Command) -> bytes:
        if command.data or command.le is None:
            raise Refused(WRONG_LENGTH)
        file = self._file_by(command.p2 >> 3)
        if not isinstance(file, Records):
            raise Refused(FILE_STRUCTURE)
        mode = command.p2 & 0x07
        if mode == 0x04:
            record = file.by_number(command.p1)
        elif mode == 0x05 and self.reads_all_records:
            record = file.by_number(command.p1) + b"".join(file.records[command.p1 :])
        elif mode == 0x00 and not file.cyclic:
            record = file.records[file.index_of(command.p1)]
        else:
            raise Refused(WRONG_P1P2 if mode == 0x07 else NO_FUNCTION)
        if command.le not in (MAX_LE, len(record)):
            raise Refused(0x6C00 | len(record))
        return record

    def _get_challenge(self, command: Command) -> bytes:
        if command.p1 or command.p2:
            raise Refused(WRONG_P1P2)
        if command.data or command.le is None:
            raise Refused(WRONG_LENGTH)
        length = self.challenge_length if command.le == MAX_LE else command.le
        if length not in (4, 8):
            raise Refused(WRONG_LENGTH)
        self.challenge = self.chance.bytes(length)
        return self.challenge
