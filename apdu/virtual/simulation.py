"""All simulated chips of one device: cards, field, PSAM, and what is done to them by hand or by script.

Every public method here is a command of the control socket (see remote.py for the contract): JSON values in, a JSON
value out.
"""

import json
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from apdu.virtual import elsewhere
from apdu.virtual.cards import Card, image, personalise, restore
from apdu.virtual.chance import Chance
from apdu.virtual.contact import ContactFace, Slot
from apdu.virtual.contactless import ContactlessFace, Field
from apdu.virtual.faults import DAMAGES, SIDES, Answer, Extension, Faults, Tear, Trigger, Unit
from apdu.virtual.issuer import make_psam
from apdu.virtual.psam import ATR, Psam
from apdu.virtual.social_slot import SocialSlot
from apdu.virtual.spec import CardSpec
from apdu.virtual.t0 import T0
from apdu.virtual.timing import NO_DELAY, Timing

PSAM_TERMINAL = "314000000001"
OTHER_TERMINAL = "314000000777"
IMAGE_VERSION = 1


class Refusal(ValueError):
    """A command that makes no sense now; the text says why."""


class Simulation:
    """The chips and their faces. `vpcd_port` 0: no PSAM in a slot; `social_port` 0: no slot of a counter."""

    def __init__(
        self, udp_port: int, vpcd_port: int, seed: int, safe_code: bool = False, social_port: int = 0
    ) -> None:
        self._seed = seed
        self._lock = threading.Lock()
        self._cards: dict[str, Card] = {}
        self._psam = self._make_psam(PSAM_TERMINAL, 1, safe_code)
        self._other = self._make_psam(OTHER_TERMINAL, 1, safe_code=False)
        self._field = Field()
        self._slot = Slot(T0(self._psam), ATR)
        self.field_face = ContactlessFace(self._field, udp_port, self._lock)
        self.slot_face = ContactFace(self._slot, vpcd_port, self._lock) if vpcd_port else None
        self._social = SocialSlot(social_port, self._lock)
        self._changes = 0

    def _make_psam(self, terminal: str, sequence: int, safe_code: bool) -> Psam:
        return make_psam(bytes.fromhex(terminal), sequence, Chance(f"{self._seed}/psam/{terminal}"), safe_code)

    def start(self) -> None:
        """Serve the faces, each in its own thread."""
        self.field_face.start()
        self._social.start()
        if self.slot_face is not None:
            self.slot_face.start()

    def stop(self) -> None:
        """Stop the faces."""
        self.field_face.stop()
        self._social.stop()
        if self.slot_face is not None:
            self.slot_face.stop()

    # --- cards ------------------------------------------------------------------------------------------------------

    def add(self, spec: Mapping[str, Any], card: str = "") -> str:
        """Issue a card; its name is `card`, or its 20-digit number."""
        made = personalise(CardSpec.from_json(spec), self._seed)
        name = card or made.spec.number20
        with self._lock:
            if name in self._cards:
                raise Refusal(f"there is a card {name} already")
            self._cards[name] = made
            self._changes += 1
        return name

    def cards(self) -> list[str]:
        """The names of all cards."""
        return list(self._cards)

    def enter(self, card: str) -> None:
        """Put a card into the field."""
        self.field_face.enter(self._card(card))

    def leave(self, notice: bool = True) -> None:
        """Take the card out of the field; with `notice` the reader is told at once."""
        self.field_face.leave(notice)

    def in_field(self) -> str | None:
        """The name of the card in the field; None when it left or was torn away."""
        with self._lock:
            return self._present()

    def _present(self) -> str | None:
        return next((name for name, one in self._cards.items() if one is self._field.card), None)

    def _card(self, name: str) -> Card:
        card = self._cards.get(name)
        if card is None:
            raise Refusal(f"there is no card {name}")
        return card

    def _away(self, name: str) -> Card:
        card = self._card(name)
        if card is self._field.card:
            raise Refusal(f"card {name} is in the field: it cannot be elsewhere")
        return card

    def credit(self, card: str, fen: int, moment: str) -> dict[str, Any]:
        """A counter elsewhere loads money."""
        with self._lock:
            self._changes += 1
            return elsewhere.load(self._away(card), fen, moment)

    def purchase_elsewhere(
        self, card: str, amount_fen: int, moment: str, kind: str = "06", records: list[str] | None = None
    ) -> dict[str, Any]:
        """Another bus takes a fare."""
        with self._lock:
            self._changes += 1
            return elsewhere.purchase(self._away(card), self._other, amount_fen, kind, moment, records or [])

    def block(self, card: str, permanent: bool = False) -> None:
        """The issuer locks the card's application."""
        self._set_lock(card, 2 if permanent else 1)

    def unblock(self, card: str) -> None:
        """The issuer unlocks it."""
        self._set_lock(card, 0)

    def _set_lock(self, card: str, state: int) -> None:
        with self._lock:
            purse = self._away(card).purse
            if purse is None:
                raise Refusal(f"card {card} has no purse")
            purse.memory.lock = state
            self._changes += 1

    # --- faults and time --------------------------------------------------------------------------------------------

    def _faults(self, chip: str) -> Faults:
        faults = {"card": self._field.faults, "psam": self._slot.faults, "social": self._social.slot.faults}
        if chip not in faults:
            raise Refusal(f"chip: one of {', '.join(faults)}, not {chip!r}")
        return faults[chip]

    def tear(
        self,
        side: str,
        ins: str | None = None,
        nth: int = 1,
        unit: str = "apdu",
        notice: bool = False,
        chip: str = "card",
    ) -> None:
        """Arm a tear "before" or "after" the nth APDU (with that instruction) or the nth frame from now."""
        if side not in SIDES:
            raise Refusal(f"side: one of {', '.join(SIDES)}, not {side!r}")
        tear = Tear(_trigger(ins, nth, unit), side, bool(notice))
        with self._lock:
            self._faults(chip).tears.append(tear)

    def answer_status(
        self, sw: str, ins: str | None = None, nth: int = 1, times: int = 1, execute: bool = False, chip: str = "card"
    ) -> None:
        """Make the chip answer `sw` (hex), `times` times from the nth matching APDU on."""
        self.answer_bytes((int(sw, 16) & 0xFFFF).to_bytes(2, "big").hex(), ins, nth, times, execute, chip)

    def answer_bytes(
        self,
        answer: str,
        ins: str | None = None,
        nth: int = 1,
        times: int = 1,
        execute: bool = False,
        chip: str = "card",
    ) -> None:
        """Make the chip answer these bytes (hex, the status word included), whatever they mean."""
        instead = Answer(_trigger(ins, nth, "apdu"), bytes.fromhex(answer), _whole("times", times), bool(execute))
        with self._lock:
            self._faults(chip).answers.append(instead)

    def wtx(self, multiplier: int, ins: str | None = None, nth: int = 1) -> None:
        """The card asks for `multiplier` frame waiting times before that APDU's answer."""
        extension = Extension(_trigger(ins, nth, "apdu"), _whole("multiplier", multiplier))
        with self._lock:
            self._field.faults.extensions.append(extension)

    def silent(self, on: bool = True) -> None:
        """The card in the field answers nothing from now on, until one enters again."""
        with self._lock:
            self._field.faults.silent = bool(on)

    def damage(self, how: str, times: int = 1) -> None:
        """Damage the next `times` anticollision answers: bcc, short, empty, collision (two cards)."""
        if how not in DAMAGES:
            raise Refusal(f"how: one of {', '.join(DAMAGES)}, not {how!r}")
        with self._lock:
            self._field.faults.damage, self._field.faults.damage_times = how, _whole("times", times)

    def garble(self, times: int = 1, noticed: bool = True) -> None:
        """Damage the next `times` I-blocks of the card; `noticed`: the reader's CRC check finds it."""
        with self._lock:
            self._field.faults.garble_times, self._field.faults.garble_bytes = _whole("times", times), not noticed

    def lose(self, times: int = 1) -> None:
        """The next `times` I-blocks of the reader do not reach the card."""
        with self._lock:
            self._field.faults.lose_times = _whole("times", times)

    def clear_faults(self) -> None:
        """Disarm everything."""
        with self._lock:
            self._field.faults.clear()
            self._slot.faults.clear()
            self._social.slot.faults.clear()

    def armed(self) -> int:
        """How many faults have not happened yet."""
        return sum(self._faults(chip).armed() for chip in ("card", "psam", "social"))

    def timing(self, profile: Mapping[str, Any] | None = None) -> None:
        """Slow the chips down as the profile says; None: no delay."""
        made = NO_DELAY if profile is None else Timing.from_json(profile)
        with self._lock:
            self._field.timing = self._slot.timing = made

    # --- the PSAM ---------------------------------------------------------------------------------------------------

    def _slot_face(self) -> ContactFace:
        if self.slot_face is None:
            raise Refusal("there is no contact face")
        return self.slot_face

    def psam_unplug(self) -> None:
        self._slot_face().unplug()

    def psam_plug(self, seconds: float = 5.0) -> bool:
        """Plug the PSAM in and wait until pcscd has seen it; false when it did not."""
        self._slot_face().plug()
        return self._slot_face().wait_seen(seconds)

    def psam_reset(self) -> None:
        """The PSAM loses its session and its selected DF; the reader does not notice."""
        self._slot_face().reset()

    # --- the counter's slot -----------------------------------------------------------------------------------------

    def social_add(self, spec: Mapping[str, Any], card: str) -> None:
        """Issue a card with a contact chip."""
        self._social.add(spec, card)
        self._changes += 1

    def social_insert(self, card: str, seconds: float = 5.0) -> bool:
        """Put it into the counter's slot and wait until pcscd has seen it; false when it did not."""
        return self._social.insert(card, seconds)

    def social_withdraw(self) -> None:
        """Take it out."""
        self._social.withdraw()

    # --- looking ----------------------------------------------------------------------------------------------------

    def counts(self, reset: bool = False) -> dict[str, Any]:
        """APDUs by instruction for the card and the PSAM, frames to cards, messages to the PSAM."""
        field, slot = self._field, self._slot
        with self._lock:
            seen = {
                "card": {f"{ins:02X}": count for ins, count in sorted(field.counts.items())},
                "psam": {f"{ins:02X}": count for ins, count in sorted(slot.counts.items())},
                "frames": field.frames,
                "psam_exchanges": slot.exchanges,
            }
            if reset:
                field.counts.clear()
                slot.counts.clear()
                field.frames = slot.exchanges = 0
        return seen

    def trace(self, on: bool = True) -> list[tuple[float, str, str]]:
        """What the trace holds so far (seconds, direction, hex); it then goes on empty, or stops."""
        with self._lock:
            seen, self._field.trace = self._field.trace or [], [] if on else None
        return seen

    def wait_idle(self, quiet_ms: int = 100, seconds: float = 10.0) -> bool:
        """Wait until no card has executed an APDU for `quiet_ms`; false when that did not come within `seconds`."""
        deadline = time.perf_counter() + seconds
        while time.perf_counter() < deadline:
            left = self._field.apdu_at + quiet_ms / 1000 - time.perf_counter()
            if left <= 0:
                return True
            time.sleep(min(left, 0.02))
        return False

    def memory(self) -> dict[str, Any]:
        """The permanent memory of all chips: an image that `load_memory` takes back."""
        with self._lock:
            present = self._present()
            return {
                "version": IMAGE_VERSION,
                "seed": self._seed,
                "cards": {name: image(card) | {"in_field": name == present} for name, card in self._cards.items()},
                "social": self._social.image(),
                "psam": _psam_image(self._psam),
                "other_psam": _psam_image(self._other),
            }

    # --- the memory file --------------------------------------------------------------------------------------------

    def changes(self) -> int:
        """A number that moves whenever permanent memory may have changed."""
        return self._changes + sum(self._field.counts.values()) + self._slot.exchanges + self._social.slot.exchanges

    def save_memory(self, path: Path) -> None:
        """Write the image, whole or not at all."""
        draft = path.with_name(path.name + ".new")
        draft.write_text(json.dumps(self.memory(), ensure_ascii=False, indent=1), encoding="utf-8")
        os.replace(draft, path)

    def load_memory(self, path: Path) -> None:
        """Take the chips' memory from a file. Raises OSError, or Refusal when the file is not an image."""
        try:
            picture = json.loads(path.read_text(encoding="utf-8"))
            if picture["version"] != IMAGE_VERSION:
                raise Refusal(f"{path}: image version {picture['version']} is not {IMAGE_VERSION}")
            self._seed = int(picture["seed"])
            self._cards = {name: restore(one, self._seed) for name, one in picture["cards"].items()}
            self._social.restore(picture.get("social", {}))
            for psam, part in ((self._psam, picture["psam"]), (self._other, picture["other_psam"])):
                psam.memory.sequence = int(part["sequence"])
                psam.chance = Chance(f"{self._seed}/psam/{part['terminal'].lower()}", int(part["draws"]))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise Refusal(f"{path}: not an image of the chips: {error!r}") from error


def _psam_image(psam: Psam) -> dict[str, Any]:
    terminal = psam.memory.terminal.hex().upper()
    return {"terminal": terminal, "sequence": psam.memory.sequence, "draws": psam.chance.draws}


def _trigger(ins: str | None, nth: int, unit: str) -> Trigger:
    return Trigger(None if ins is None else int(ins, 16), _whole("nth", nth), Unit(unit))


def _whole(name: str, number: int) -> int:
    """Check a count that arrived as JSON. Raises Refusal."""
    if not isinstance(number, int) or number < 1:
        raise Refusal(f"{name}: a whole number from 1, not {number!r}")
    return number
