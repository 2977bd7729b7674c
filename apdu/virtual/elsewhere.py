"""What happens to a card away from this device: another bus takes a fare, a counter loads money.

The other bus is a whole little terminal with its own PSAM (its own terminal number), so that its TAC is a valid one;
the counter uses the issuer's load key. Both talk to the chip in APDUs. Source: docs/cards.md, "Commands" and "Input
order".
"""

from typing import Any

from apdu import crypto
from apdu.virtual import issuer
from apdu.virtual.cards import Card
from apdu.virtual.psam import Psam
from apdu.virtual.purse import Purse
from apdu.virtual.spec import CardSpec

COUNTER_TERMINAL = bytes.fromhex("314000000900")


class Refusal(RuntimeError):
    """The chip refused; the text says which command and with what status."""


def _ask(chip: Any, command: str, text: str) -> bytes:
    answer = bytes(chip.transmit(bytes.fromhex(text)))
    if answer[-2:] != b"\x90\x00":
        raise Refusal(f"{command} answered {answer[-2:].hex().upper()}")
    return answer[:-2]


def higher_factor(spec: CardSpec) -> bytes:
    """The 8-byte key factor above the serial."""
    return bytes.fromhex(spec.issuer) if spec.kind == "tunion" else issuer.city_factor(spec.city)


def _purse(card: Card) -> Purse:
    if card.purse is None or card.chip is None:
        raise Refusal("this card has no purse")
    return card.purse


def purchase(card: Card, psam: Psam, amount_fen: int, kind: str, moment: str, records: list[str]) -> dict[str, Any]:
    """Take `amount_fen` at `moment` (YYYYMMDDhhmmss) as "06" or "09"; `records` are whole 80DC commands as hex.

    Returns what a record of that deal needs. Raises Refusal.
    """
    purse, chip, spec = _purse(card), card.chip, card.spec
    scheme = "8011" if spec.kind == "tunion" else "1001"
    chip_of_bus = psam
    terminal = psam.memory.terminal.hex()
    chip_of_bus.reset()
    assert chip is not None
    chip.reset()
    _ask(chip_of_bus, "SELECT in the PSAM", f"00A4000002{scheme}")
    _ask(chip, "SELECT", f"00A40400{len(purse.name):02X}{purse.name.hex()}")
    init = "03" if kind == "09" else "01"
    amount = f"{amount_fen:08X}"
    opened = _ask(chip, "INIT", f"8050{init}020B01{amount}{terminal}0F")
    balance, counter, random = opened[:4], opened[4:6], opened[11:15]
    order = random + counter + bytes.fromhex(amount + kind + moment) + opened[9:11]
    order += bytes.fromhex(spec.serial) + higher_factor(spec)
    signed = _ask(chip_of_bus, "8070", f"80700000{len(order):02X}{order.hex()}")
    sequence, mac1 = signed[:4], signed[4:]
    for record in records:
        _ask(chip, "80DC", record)
    paid = _ask(chip, "DEBIT", f"805401000F{sequence.hex()}{moment}{mac1.hex()}08")
    _ask(chip_of_bus, "8072", f"8072000004{paid[4:].hex()}")
    chip.reset()
    return {
        "number20": spec.number20,
        "serial": spec.serial,
        "counter": int.from_bytes(counter, "big"),
        "balance_before_fen": int.from_bytes(balance, "big"),
        "amount_fen": amount_fen,
        "type": kind,
        "moment": moment,
        "terminal": terminal.upper(),
        "terminal_sequence": int.from_bytes(sequence, "big"),
        "tac": paid[:4].hex().upper(),
        "key_version": opened[9:10].hex().upper(),
        "algorithm": opened[10:11].hex().upper(),
        "random": random.hex().upper(),
        "mac1": mac1.hex().upper(),
    }


def load(card: Card, amount_fen: int, moment: str) -> dict[str, Any]:
    """Load `amount_fen` at a counter. Returns the deal's fields. Raises Refusal."""
    purse, chip, spec = _purse(card), card.chip, card.spec
    assert chip is not None
    chip.reset()
    _ask(chip, "SELECT", f"00A40400{len(purse.name):02X}{purse.name.hex()}")
    amount = f"{amount_fen:08X}"
    opened = _ask(chip, "INIT FOR LOAD", f"805000020B01{amount}{COUNTER_TERMINAL.hex()}10")
    counter, random = opened[4:6], opened[8:12]
    master = issuer.TUNION if spec.kind == "tunion" else issuer.MOHURD
    card_key = issuer.card_keys(master, bytes.fromhex(spec.serial), higher_factor(spec)).load
    key = crypto.session_key(card_key, random, counter, b"\x80\x00")
    deal = bytes.fromhex(amount) + b"\x02" + COUNTER_TERMINAL + bytes.fromhex(moment)
    tac = _ask(chip, "CREDIT", f"805200000B{moment}{crypto.mac(key, deal).hex()}04")
    chip.reset()
    return {
        "number20": spec.number20,
        "load_counter": int.from_bytes(counter, "big"),
        "balance_before_fen": int.from_bytes(opened[:4], "big"),
        "amount_fen": amount_fen,
        "type": "02",
        "moment": moment,
        "terminal": COUNTER_TERMINAL.hex().upper(),
        "tac": tac.hex().upper(),
    }
