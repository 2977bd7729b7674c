"""The issuer's machine: `personalise` makes a card; `image` and `restore` are its permanent memory.

Source: docs/cards.md, "Files of the purse DF", "MOHURD city card", "T-Union" and "Key diversification".
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from apdu.virtual import contents, issuer
from apdu.virtual.chance import Chance
from apdu.virtual.chip import Chip, Directory, File, Records, Transparent
from apdu.virtual.purse import PURSE_COMMANDS, Proof, Purse, PurseMemory, Rules
from apdu.virtual.spec import CardSpec

MOHURD_AID = bytes.fromhex("A00000000386980701")
TUNION_AID = bytes.fromhex("A000000632010105")
FOREIGN_AID = b"SUXIN.DDF01"
PURSE_FID, FOREIGN_FID = 0x1001, 0x3F01
# Length, FSCI 8, TA1 "106 kbit/s only", FWI 8 (77 ms), CID supported, historical bytes of an FM1208.
ORDINARY_ATS = bytes.fromhex("0A788080022090000000")


class Card:
    """A card: its description, its chip (None on a Mifare card) and what it shows to the field."""

    def __init__(self, spec: CardSpec, chip: Chip | None, purse: Purse | None) -> None:
        self.spec = spec
        self.chip = chip
        self.purse = purse
        self.uid = bytes.fromhex(spec.uid) or _uid(spec)
        # As the bytes come over the air. 7-byte UIDs show 44 00; the Fudan chips of Jiaxing's generation 08 00.
        self.atqa = b"\x44\x00" if len(self.uid) == 7 else b"\x08\x00"
        self.sak = 0x08 if chip is None else 0x20
        self.ats = bytes.fromhex(spec.ats) or ORDINARY_ATS


def personalise(spec: CardSpec, seed: int = 0) -> Card:
    """Make the card that `spec` describes. `seed` and the card's number fix all its random numbers."""
    chance = Chance(f"{seed}/{spec.kind}/{spec.number20}")
    if spec.kind == "mifare":
        return Card(spec, None, None)
    if spec.kind == "foreign":
        other = Directory(FOREIGN_FID, FOREIGN_AID, {0x15: Transparent(bytearray(30))})
        return Card(spec, Chip(_root({}), [other], chance), None)
    tunion = spec.kind == "tunion"
    serial = bytes.fromhex(spec.serial)
    master = issuer.TUNION if tunion else issuer.MOHURD
    higher = bytes.fromhex(spec.issuer) if tunion else issuer.city_factor(spec.city)
    rules = Rules(
        log_step=spec.log_step,
        capp_by_number=spec.capp_by_number,
        locked_sw=spec.locked_sw,
        balance_p1=frozenset({0x00, 0x03}) if tunion else frozenset({0x00}),
        safe_code=issuer.safe_code(master, serial) if spec.safe_code else b"",
        replays=spec.replays,
    )
    memory = PurseMemory(spec.balance_fen, spec.counter, spec.load_counter, spec.locked)
    purse = Purse(
        PURSE_FID,
        TUNION_AID if tunion else MOHURD_AID,
        _tunion_files(spec) if tunion else _mohurd_files(spec),
        issuer.card_keys(master, serial, higher),
        memory,
        rules,
    )
    files: dict[int, File] = {} if tunion else {0x05: Transparent(bytearray(contents.mohurd_type_file(spec)))}
    return Card(spec, Chip(_root(files), [purse], chance, known=PURSE_COMMANDS), purse)


def _root(files: dict[int, File]) -> Directory:
    return Directory(0x3F00, b"1PAY.SYS.DDF01", files)


def _uid(spec: CardSpec) -> bytes:
    digest = hashlib.sha256(spec.number20.encode()).digest()
    # 08 as the first byte would be a random UID, 88 is the cascade tag.
    return b"\x04" + digest[:6] if spec.kind == "tunion" else b"\x51" + digest[:3]


def _records(spec: CardSpec, empty: list[bytes], id_length: int) -> list[bytes]:
    """The empty records, each replaced by the given one with the same identifier."""
    given = {bytes.fromhex(one)[:id_length]: bytes.fromhex(one) for one in spec.records}
    return [given.get(record[:id_length], record) for record in empty]


def _mohurd_files(spec: CardSpec) -> dict[int, File]:
    """EF15, EF16, and EF17 with two composite records: 09 of the bus, and a second one."""
    empty = [contents.composite(0x09, spec.composite_lock), contents.composite(0x0A)]
    return {
        0x15: Transparent(bytearray(contents.mohurd_public(spec))),
        0x16: Transparent(bytearray(contents.holder())),
        0x17: Records(size=contents.COMPOSITE_LENGTH, records=_records(spec, empty, 1)),
    }


def _tunion_files(spec: CardSpec) -> dict[int, File]:
    """EF15, EF16, EF17 (city), EF1A (metro 2701, bus 2702) and the travel log EF1E."""
    lock = spec.composite_lock
    empty = [contents.trip(identifier, spec.serial, lock) for identifier in contents.TRIP_IDS]
    return {
        0x15: Transparent(bytearray(contents.tunion_public(spec))),
        0x16: Transparent(bytearray(contents.holder())),
        0x17: Transparent(bytearray(contents.tunion_city(spec))),
        0x1A: Records(size=contents.TRIP_LENGTH, records=_records(spec, empty, 2), id_length=2),
        0x1E: Records(size=48, cyclic=True, capacity=30),
    }


def image(card: Card) -> dict[str, Any]:
    """The card's permanent memory, fit for JSON: what the reconciliation reads and what `restore` takes back."""
    purse, chip = card.purse, card.chip
    spec = card.spec
    picture: dict[str, Any] = {"spec": spec.to_json(), "number20": spec.number20, "uid": card.uid.hex().upper()}
    if chip is not None:
        picture["draws"] = chip.chance.draws
    if purse is None:
        return picture
    memory = purse.memory
    proof = memory.proof
    return picture | {
        "aid": purse.name.hex().upper(),
        "balance_fen": memory.balance_fen,
        "counter": memory.counter,
        "load_counter": memory.load_counter,
        "locked": memory.lock,
        "log": [record.hex().upper() for record in purse.log.records],
        "records": {
            f"{sfi:02X}": [record.hex().upper() for record in file.records]
            for sfi, file in purse.files.items()
            if isinstance(file, Records) and file is not purse.log
        },
        "last_type": proof.type if proof else None,
        "last_counter": proof.counter if proof else None,
        "last_mac": proof.mac.hex().upper() if proof else "",
        "last_tac": proof.tac.hex().upper() if proof else "",
    }


def restore(picture: Mapping[str, Any], seed: int = 0) -> Card:
    """A card from its image. Raises KeyError, ValueError or TypeError (BadSpec among them) on a damaged image."""
    card = personalise(CardSpec.from_json(picture["spec"]), seed)
    purse, chip = card.purse, card.chip
    if chip is not None:
        chip.chance.draws = int(picture["draws"])
    if purse is None:
        return card
    proof = None
    if picture["last_type"] is not None:
        mac, tac = bytes.fromhex(picture["last_mac"]), bytes.fromhex(picture["last_tac"])
        proof = Proof(int(picture["last_type"]), int(picture["last_counter"]), mac, tac)
    purse.memory = PurseMemory(
        int(picture["balance_fen"]),
        int(picture["counter"]),
        int(picture["load_counter"]),
        int(picture["locked"]),
        proof,
    )
    purse.log.records = [bytes.fromhex(one) for one in picture["log"]]
    for sfi, records in picture["records"].items():
        file = purse.files[int(sfi, 16)]
        if not isinstance(file, Records):
            raise ValueError(f"records of a file that has none: {sfi}")
        file.records = [bytes.fromhex(one) for one in records]
    return card
