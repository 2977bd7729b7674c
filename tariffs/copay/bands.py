"""One layer's ratios: which part of an amount lies in which band, and what the fund pays of it.

A ratio is `num` of DENOMINATOR, exact: own share × factor by person, then the fund's multiplier, then points added.
"""

from dataclasses import dataclass

from tariffs.copay.claim import RATIO_ONE
from tariffs.copay.policy import NoRule, Scene
from tariffs.copay.rounding import Rounding, together
from tariffs.copay.row import Row

DENOMINATOR = RATIO_ONE**3


@dataclass(frozen=True, slots=True)
class Band:
    """From `start_fen` on the layer's axis until the next band; the fund's share is `num` of DENOMINATOR."""

    start_fen: int
    num: int
    rows: tuple[Row, ...]
    code: str


@dataclass(slots=True)
class Paid:
    """One band's part of a claim: `entering` of it the fund pays `fund`; `over` was cut off by a cap."""

    band: Band
    entering: int
    fund: int
    over: int = 0

    @property
    def own(self) -> int:
        """What the person keeps of what entered."""
        return self.entering - self.fund


def bands_of(scene: Scene, layer: str, code: str) -> tuple[Band, ...]:
    """The layer's bands for this claim in their order, () when it has none. Raises NoRule where two ratios hold.

    A layer without bands has one from 0 (policy item …000).
    """
    change = _Change(scene, layer)
    found: list[Band] = []
    for name in scene.policy.bands.get(layer, ()):
        start = scene.row(f"{name}.from")
        if start is None:
            continue
        assert isinstance(start.value, int)
        ratio = change.ratio(name)
        if ratio is None:
            raise NoRule(f"{name} 没有比例", f"{name} has no ratio")
        found.append(Band(start.value, ratio[0], (start, *ratio[1]), ""))
    if not found:
        ratio = change.ratio(layer)
        return () if ratio is None else (Band(0, ratio[0], ratio[1], f"{code}000"),)
    found.sort(key=lambda band: band.start_fen)
    return tuple(Band(one.start_fen, one.num, one.rows, f"{code}{nth:03d}") for nth, one in enumerate(found, 1))


class _Change:
    """What turns a ratio of the table into that of a person: factor, multiplier, addition."""

    def __init__(self, scene: Scene, layer: str) -> None:
        self.scene = scene
        rows = [scene.row(f"{layer}.{name}") for name in ("factor", "multiplier", "addition")]
        self.factor, self.multiplier, self.addition = (
            row.value if row is not None and isinstance(row.value, int) else default
            for row, default in zip(rows, (RATIO_ONE, RATIO_ONE, 0), strict=True)
        )
        self.rows = tuple(row for row in rows if row is not None)

    def ratio(self, name: str) -> tuple[int, tuple[Row, ...]] | None:
        """The fund's share at `name`, with its rows."""
        fund, own = self.scene.row(f"{name}.ratio"), self.scene.row(f"{name}.own")
        if fund is not None and own is not None:
            raise NoRule(f"{name} 的 ratio 与 own 同时成立", f"both ratio and own hold of {name}")
        row = fund or own
        if row is None:
            return None
        assert isinstance(row.value, int)
        keeps = row.value if own is not None else RATIO_ONE - row.value
        share = min(RATIO_ONE**2, keeps * self.factor)
        num = (RATIO_ONE**2 - share) * self.multiplier + self.addition * RATIO_ONE**2
        return max(0, min(DENOMINATOR, num)), (row, *self.rows)


def pay(bands: tuple[Band, ...], start: int, amount: int, rounding: Rounding, side: str, per_band: bool) -> list[Paid]:
    """What the fund pays of `amount` that lies from `start` on. `side`: whose share is rounded, "fund" or "person".

    What lies below the first band is nobody's but the person's.
    """
    parts: list[tuple[Band, int]] = []
    if bands and start < bands[0].start_fen:
        below = Band(0, 0, (), f"{bands[0].code[:-3]}000")
        parts.append((below, min(amount, bands[0].start_fen - start)))
    for nth, band in enumerate(bands):
        low = max(start, band.start_fen)
        high = start + amount if nth + 1 == len(bands) else min(start + amount, bands[nth + 1].start_fen)
        if high > low:
            parts.append((band, high - low))
    sizes = [size for _, size in parts]
    shares = [size * (band.num if side == "fund" else DENOMINATOR - band.num) for band, size in parts]
    if per_band:
        rounded = [min(size, rounding.of(share, DENOMINATOR)) for size, share in zip(sizes, shares, strict=True)]
    else:
        rounded = together(shares, DENOMINATOR, rounding, sizes)
    if side != "fund":
        rounded = [size - own for size, own in zip(sizes, rounded, strict=True)]
    return [Paid(band, size, fund) for (band, size), fund in zip(parts, rounded, strict=True)]


def cut(paid: list[Paid], left: int, backward: bool, rounding: Rounding) -> None:
    """Cut the payments at `left`, in place. The rest goes over the cap.

    `backward`: what entered is computed back from what is paid (payment / ratio), so that the person's own share
    shrinks with it; otherwise the own shares stay and only the payment that was cut goes over.
    """
    for one in paid:
        if one.fund <= left:
            left -= one.fund
            continue
        if backward:
            entering = min(one.entering, max(left, rounding.of(left * DENOMINATOR, one.band.num)))
            one.over = one.entering - entering
        else:
            entering = one.entering - (one.fund - left)
            one.over = one.fund - left
        one.entering, one.fund, left = entering, left, 0
