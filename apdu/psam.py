"""The PSAM's half of a purchase: 8070, 8072, and the MAC for locking an application (docs/cards.md, PSAM).

The purchase keys never leave the PSAM. It keeps one session: a new 8070 or a reset drops it, so one card at a time.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from apdu.command import Command
from apdu.errors import Malformed, PsamError, StatusError
from apdu.profile import Profile
from apdu.script import Script, Slot, send

MASTER_FILE = bytes.fromhex("3F00")


@dataclass(slots=True)
class Psam:
    """An open PSAM. `number` 12 digits; `key_index` of each DF that it has; `df` the one that is selected now."""

    number: str
    key_index: dict[bytes, int] = field(default_factory=dict)
    df: bytes = b""


class Debitable(NamedTuple):
    """What 8070 needs of INIT's answer and of the purchase; lengths as in the field names."""

    random_4: bytes
    counter: int
    amount_fen: int
    type: str
    when: str
    key_version_1: bytes
    algorithm_1: bytes
    serial_8: bytes
    issuer_factor_8: bytes


def _select(fid: bytes) -> Command:
    return Command(0x00, 0xA4, 0x00, 0x00, fid, name="PSAM SELECT")


def open_psam(profiles: tuple[Profile, ...]) -> Script[Psam]:
    """Read the terminal number and, for each profile's DF that the PSAM has, its purchase key index.

    Raises PsamError when there is no terminal number or no DF of any profile.
    """
    try:
        yield from send(Slot.PSAM, _select(MASTER_FILE))
        number = yield from send(Slot.PSAM, Command(0x00, 0xB0, 0x96, 0x00, le=6, name="PSAM EF16"))
        if len(number.data) != 6 or not number.data.hex().isdecimal():
            raise Malformed("PSAM terminal number is not 12 digits", number.data)
        psam = Psam(number.data.hex())
        for df in dict.fromkeys(profile.psam_df for profile in profiles):
            selected = yield from send(Slot.PSAM, _select(df), 0x9000, 0x6A82)
            if selected.sw == 0x9000:
                index = yield from send(Slot.PSAM, Command(0x00, 0xB0, 0x97, 0x00, le=1, name="PSAM EF17"))
                if len(index.data) != 1:
                    raise Malformed("PSAM key index is not one byte", index.data)
                psam.key_index[df] = index.data[0]
                psam.df = df
    except (StatusError, Malformed) as trouble:
        raise PsamError(f"PSAM does not open: {trouble}") from trouble
    if not psam.key_index:
        raise PsamError("PSAM has none of the applications that the card profiles name")
    return psam


def enter(psam: Psam, df: bytes) -> Script[None]:
    """Select the scheme's DF unless it is selected already: one more command when the scheme changes."""
    if psam.df != df:
        psam.df = b""
        yield from send(Slot.PSAM, _select(df))
        psam.df = df


def mac1(purchase: Debitable) -> Script[tuple[int, bytes]]:
    """8070 INIT_SAM_FOR_PURCHASE: the terminal sequence (4 bytes as a number) and MAC1 (4 bytes).

    Raises PsamError for an answer of another form; StatusError stays: 6A88 or 9403 say that this card's key is missing.
    """
    data = b"".join(
        (
            purchase.random_4,
            purchase.counter.to_bytes(2, "big"),
            purchase.amount_fen.to_bytes(4, "big"),
            bytes.fromhex(purchase.type + purchase.when),
            purchase.key_version_1,
            purchase.algorithm_1,
            purchase.serial_8,
            purchase.issuer_factor_8,
        )
    )
    answer = yield from send(Slot.PSAM, Command(0x80, 0x70, 0x00, 0x00, data, 8, name="8070"))
    if len(answer.data) != 8:
        raise PsamError(f"8070 answered {len(answer.data)} bytes, not 8")
    return int.from_bytes(answer.data[:4], "big"), answer.data[4:]


def check_mac2(mac2: bytes) -> Script[str]:
    """8072 CREDIT_SAM_FOR_PURCHASE: "checked", "false" (9302: the card is false) or "unchecked" (the PSAM failed)."""
    try:
        answer = yield from send(Slot.PSAM, Command(0x80, 0x72, 0x00, 0x00, mac2, name="8072"), 0x9000, 0x9302)
    except (StatusError, PsamError):
        return "unchecked"
    return "checked" if answer.sw == 0x9000 else "false"


def block_mac(psam: Psam, profile: Profile, serial_8: bytes, issuer_factor_8: bytes, challenge: bytes) -> Script[bytes]:
    """The MAC (4 bytes) over `84 1E 00 00 04` under the card's maintenance key, for this challenge (4 or 8 bytes)."""
    yield from enter(psam, profile.psam_df)
    usage, key_id = profile.block_usage
    deliver = Command(0x80, 0x1A, usage, key_id, serial_8 + issuer_factor_8, name="DELIVERY KEY")
    yield from send(Slot.PSAM, deliver)
    iv = challenge.ljust(8, b"\x00")
    data = iv + bytes.fromhex("841E000004800000")
    answer = yield from send(Slot.PSAM, Command(0x80, 0xFA, 0x05, 0x00, data, 4, name="CIPHER DATA"))
    if len(answer.data) != 4:
        raise PsamError(f"CIPHER DATA answered {len(answer.data)} bytes, not 4")
    return answer.data
