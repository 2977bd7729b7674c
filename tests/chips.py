"""Simulated chips in one process under the product's scripts, with a wire that breaks where it is told."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from apdu.errors import LinkLost
from apdu.profile import Profile, parse_profiles
from apdu.psam import Psam, open_psam
from apdu.script import Script, Slot, run
from apdu.virtual import elsewhere, issuer
from apdu.virtual.cards import Card, personalise
from apdu.virtual.chance import Chance
from apdu.virtual.spec import CardSpec
from apdu.virtual.t0 import T0

PSAM_NUMBER = "314000000001"
OTHER_PSAM_NUMBER = "314000000002"
ISSUER_SHANGHAI = "02002900FFFFFFFF"


@cache
def profiles() -> tuple[Profile, ...]:
    """The shipped profiles in the shipped order."""
    folder = files("apdu") / "profiles"
    return parse_profiles([(folder / f"{name}.toml").read_text("utf-8") for name in ("jiaxing", "jiaxing_b", "tunion")])


@dataclass
class ChipWire:
    """A wire to a chip in this process. `cut`: (n, executed): the n-th command is lost, before or after it ran."""

    chip: Callable[[bytes], bytes]
    t0: bool = False
    sent: list[str] = field(default_factory=list)
    cut: tuple[int, bool] | None = None
    answers: dict[int, bytes] = field(default_factory=dict)
    gone: bool = False

    def transmit(self, raw: bytes) -> bytes:
        """One APDU; LinkLost from the cut on, until `enter`."""
        if self.gone:
            raise LinkLost("the card is away")
        self.sent.append(raw.hex().upper())
        if raw[1] in self.answers:
            return self.answers[raw[1]]
        if self.cut is not None:
            self.cut = (self.cut[0] - 1, self.cut[1])
            if self.cut[0] == 0:
                self.gone = True
                if self.cut[1]:
                    self.chip(raw)
                raise LinkLost("torn")
        return self.chip(raw)


class Bench:
    """A card, a PSAM behind T=0, the drafts that were held."""

    def __init__(self, spec: CardSpec, psam_number: str = PSAM_NUMBER) -> None:
        self.card: Card = personalise(spec)
        self.other = issuer.make_psam(bytes.fromhex(OTHER_PSAM_NUMBER), 500, Chance("other"))
        assert self.card.chip is not None
        self.wire = ChipWire(self.card.chip.transmit)
        psam = T0(issuer.make_psam(bytes.fromhex(psam_number), 16, Chance("psam")))
        self.psam_chip = psam
        self.psam_wire = ChipWire(psam.transmit, t0=True)
        self.held: list[Any] = []
        self.profiles = profiles()
        self.psam: Psam = self.run(open_psam(self.profiles))
        self.psam_wire.sent.clear()

    def run(self, script: Script[Any]) -> Any:
        """Run a script against both chips, noting what is held."""
        return run(script, {Slot.CARD: self.wire, Slot.PSAM: self.psam_wire}, self.held.append)

    def enter(self) -> None:
        """The card comes (back) into the field."""
        assert self.card.chip is not None
        self.card.chip.reset()
        self.wire.gone = False
        self.wire.cut = None
        self.wire.answers.clear()

    def pay_elsewhere(self, amount_fen: int, kind: str, when: str, records: list[str]) -> dict[str, Any]:
        """Another bus takes a fare."""
        return elsewhere.purchase(self.card, self.other, amount_fen, kind, when, records)

    @property
    def balance_fen(self) -> int:
        """What the chip's own memory says."""
        assert self.card.purse is not None
        return self.card.purse.memory.balance_fen
