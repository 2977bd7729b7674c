"""Journal rows out of the bytes of an SQLite file, whatever state its trees are in. Pure; any bytes give some rows.

A row lies in a cell of a leaf page: its record holds the canonical bytes and, right behind them, the 32 bytes of the
chain's head. Rows of more than a page go on in overflow pages. Formats: https://sqlite.org/fileformat2.html, sections
1.6 (pages), 2.1 (records), 4.1 (WAL).
"""

from collections.abc import Iterator, Mapping

from sync.chain import Stored
from sync.limits import BILL_BYTES_MAX
from sync.record import HEAD_BYTES, BadRow, decode

WAL_HEADER, FRAME_HEADER = 32, 24
LEAF = 0x0D
BEGIN = b'{"terminal":"'
RECORD_BYTES_MAX = BILL_BYTES_MAX + 4_096


def page_size(database: bytes, wal: bytes) -> int:
    """The page size as one of the headers tells it; 4,096, SQLite's own, where neither does."""
    told = int.from_bytes(database[16:18], "big"), int.from_bytes(wal[8:12], "big")
    sizes = [65_536 if size == 1 else size for size in told]
    return next((size for size in sizes if 512 <= size <= 65_536 and not size & size - 1), 4_096)


def pages(database: bytes, wal: bytes, size: int) -> Iterator[tuple[int, bytes]]:
    """Every page with its number, the older forms first: the file's, then each frame of the WAL."""
    for number, place in enumerate(range(0, len(database), size), 1):
        yield number, database[place : place + size]
    for place in range(WAL_HEADER, len(wal), FRAME_HEADER + size):
        number = int.from_bytes(wal[place : place + 4], "big")
        yield number, wal[place + FRAME_HEADER : place + FRAME_HEADER + size]


def rows_in(page: bytes, number: int, latest: Mapping[int, bytes], size: int) -> Iterator[Stored]:
    """The rows of one page: through its cells, and, where those are damaged, by what a row's bytes look like."""
    found = set()
    for stored in _by_cells(page, number, latest, size):
        found.add(stored.seq)
        yield stored
    for stored in _by_looks(page):
        if stored.seq not in found:
            yield stored


def _by_cells(page: bytes, number: int, latest: Mapping[int, bytes], size: int) -> Iterator[Stored]:
    header = 100 if number == 1 else 0
    if page[header : header + 1] != bytes([LEAF]):
        return
    count = int.from_bytes(page[header + 3 : header + 5], "big")
    pointers = page[header + 8 : header + 8 + 2 * count]
    for place in range(0, len(pointers) - 1, 2):
        payload = _payload(page, int.from_bytes(pointers[place : place + 2], "big"), latest, size)
        begin = payload.find(BEGIN)
        if begin < 0:
            continue
        if (length := _raw_length(payload)) and (stored := _row(payload[begin:], length)):
            yield stored


def _payload(page: bytes, place: int, latest: Mapping[int, bytes], size: int) -> bytes:
    """A cell's record with what of it lies in overflow pages; as much of it as is there."""
    total, place = _varint(page, place)
    _, place = _varint(page, place)
    if total > RECORD_BYTES_MAX:
        return b""
    if total <= size - 35:
        return page[place : place + total]
    least = (size - 12) * 32 // 255 - 23
    local = least + (total - least) % (size - 4)
    if local > size - 35:
        local = least
    parts, left = [page[place : place + local]], total - local
    following = page[place + local : place + local + 4]
    while left > 0 and (more := latest.get(int.from_bytes(following, "big"))):
        parts.append(more[4 : 4 + min(left, size - 4)])
        left -= size - 4
        following = more[:4]
    return b"".join(parts)


def _raw_length(payload: bytes) -> int:
    """The length of the row's canonical bytes, the record's second column; 0 when the record does not say."""
    _, place = _varint(payload, 0)
    _, place = _varint(payload, place)
    kind, _ = _varint(payload, place)
    return (kind - 12) // 2 if kind >= 12 and kind % 2 == 0 else 0


def _varint(raw: bytes, place: int) -> tuple[int, int]:
    """SQLite's variable-length integer, and the place behind it; what lies outside counts as 0."""
    value = 0
    for step in range(8):
        byte = raw[place + step] if place + step < len(raw) else 0
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, place + step + 1
    return value, place + 8


def _by_looks(page: bytes) -> Iterator[Stored]:
    place = page.find(BEGIN)
    while place >= 0:
        if (length := _object_length(page[place:])) and (stored := _row(page[place:], length)):
            yield stored
        place = page.find(BEGIN, place + 1)


def _object_length(raw: bytes) -> int:
    """Where the JSON object that begins here ends; 0 when it does not."""
    depth, in_text, escaped = 0, False, False
    for place, byte in enumerate(raw):
        if in_text:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                in_text = False
        elif byte == 0x22:
            in_text = True
        elif byte in b"{":
            depth += 1
        elif byte in b"}":
            depth -= 1
            if not depth:
                return place + 1
    return 0


def _row(raw: bytes, length: int) -> Stored | None:
    head = raw[length : length + HEAD_BYTES]
    if len(head) != HEAD_BYTES:
        return None
    try:
        return Stored(decode(raw[:length]).seq, raw[:length], head)
    except BadRow:
        return None
