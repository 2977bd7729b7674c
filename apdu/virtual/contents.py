"""The contents of the cards' files, written from the standards' tables (and apart from the product's own layouts).

Source: docs/cards.md, "Files of the purse DF", "MOHURD city card" and "T-Union".
"""

from apdu.virtual.spec import CardSpec

COMPOSITE_LENGTH = 48
TRIP_LENGTH = 128
TRIP_IDS = (0x2701, 0x2702)


def mohurd_public(spec: CardSpec) -> bytes:
    """EF15, 30 bytes: issuer 2, city 2, industry 2, RFU 2, enable 1, version 1, interop 2, serial 8, start 4, end 4,
    main type 1, sub type 1.

    The three kinds of Jiaxing card differ in the RFU bytes alone (ASCII of `holder_kind`): an assumption, no dump is
    known. The older B card has version 01 and no interop flag (the same assumption).
    """
    older = spec.kind == "jiaxing_b"
    return (
        bytes.fromhex(spec.issuer or spec.city)
        + bytes.fromhex(spec.city)
        + bytes.fromhex("0000" if older else "0001")
        + spec.holder_kind.encode("ascii")
        + bytes((0x01 if spec.enabled else 0x00, 0x01 if older else 0x02))
        + bytes.fromhex("0000" if older else spec.interop)
        + bytes.fromhex(spec.serial + spec.start + spec.end + spec.main_type + spec.sub_type)
    )


def mohurd_type_file(spec: CardSpec) -> bytes:
    """EF05 of the MF, 18 bytes: main type, sub type, application flag, check date 4, enable, discount, days."""
    head = bytes.fromhex(spec.main_type + spec.sub_type) + b"\x01" + bytes.fromhex(spec.start) + b"\x01"
    return head.ljust(18, b"\x00")


def composite(identifier: int, lock: int = 0) -> bytes:
    """An empty MOHURD composite record, 48 bytes: identifier, length of the rest, lock flag, zeros."""
    return bytes((identifier, COMPOSITE_LENGTH - 2, lock)).ljust(COMPOSITE_LENGTH, b"\x00")


def trip(identifier: int, serial: str, lock: int = 0) -> bytes:
    """An empty T-Union trip record, 128 bytes: id 2, length 7D, valid 1, flag 1, lock 1, serial 8, state 00, zeros."""
    head = identifier.to_bytes(2, "big") + bytes((TRIP_LENGTH - 3, 0x01, 0x01, lock)) + bytes.fromhex(serial)
    return head.ljust(TRIP_LENGTH, b"\x00")


def tunion_public(spec: CardSpec) -> bytes:
    """EF15, 30 bytes: issuer 8, type 1 (02 purse), enable 1, serial 10, start 4, end 4, FCI 2.

    A card that is not enabled has 00 in both: sources differ in which of the two is the flag.
    """
    return (
        bytes.fromhex(spec.issuer)
        + (b"\x02\x01" if spec.enabled else b"\x00\x00")
        + bytes.fromhex(spec.number20 + spec.start + spec.end)
        + bytes((0x00, 0x00))
    )


def tunion_city(spec: CardSpec) -> bytes:
    """EF17, 60 bytes: country 00000156, province 2, city 2, interop 2, card type 1, reserve 49."""
    province = spec.city[:2] + "00"
    return bytes.fromhex("00000156" + province + spec.city + spec.interop + spec.main_type).ljust(60, b"\x00")


def holder() -> bytes:
    """EF16, 55 bytes, of a card without a name: type 00, staff 00, blank name and certificate, certificate type 00."""
    return b"\x00\x00" + b" " * 52 + b"\x00"
