"""One layer's ratios: which part of an amount lies in which band, and what the fund pays of it.

A ratio is `num` of DENOMINATOR, exact: own share × factor by person, then the fund's multiplier, then points added.
"""

from msgspec import Struct

from tariffs.copay.claim import RATIO_ONE
from tariffs.copay.policy import NoRule, Scene
from tariffs.copay.rounding import Rounding, together
from tariffs.copay.row import Row

DENOMINATOR = RATIO_ONE**3
MILLIONTH = RATIO_ONE**2
"""A millionth of DENOMINATOR: a ratio of the table as `num`."""


class Band(Struct, frozen=True, gc=False):
    """From `start_fen` on the layer's axis until the next band; the fund's share is `num` of DENOMINATOR."""

    start_fen: int
    num: int
    rows: tuple[Row, ...]
    code: str


class Paid(Struct, gc=False):
    """One band's part of a claim: `entering` of it the fund pays `fund`; `over` was cut off by a cap."""

    band: Band
    entering: int
    fund: int
    over: int = 0


def bands_of(scene: Scene, layer: str, code: str) -> tuple[Band, ...]:
    """The layer's bands for this claim in their order, () when it has none. Raises NoRule where two ratios hold.

    A layer without bands has one from 0 (policy item …000); what lies below the first of several is nobody's but the
    person's (the same item).
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
    bands = [Band(one.start_fen, one.num, one.rows, f"{code}{nth:03d}") for nth, one in enumerate(found, 1)]
    return tuple(bands) if not bands[0].start_fen else (Band(0, 0, (), f"{code}000"), *bands)


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
        share = min(MILLIONTH, keeps * self.factor)
        num = (MILLIONTH - share) * self.multiplier + self.addition * MILLIONTH
        return max(0, min(DENOMINATOR, num)), (row, *self.rows)


def pay(bands: tuple[Band, ...], start: int, amount: int, rounding: Rounding, side: str, per_band: bool) -> list[Paid]:
    """What the fund pays of `amount` that lies from `start` on. `side`: whose share is rounded, "fund" or "person"."""
    found: list[Paid] = []
    shares: list[int] = []
    low, end = start, start + amount
    for nth, band in enumerate(bands, 1):
        high = end if nth == len(bands) else min(end, bands[nth].start_fen)
        if high > low:
            size, low = high - low, high
            share = size * (band.num if side == "fund" else DENOMINATOR - band.num)
            shares.append(share)
            found.append(Paid(band, size, min(size, rounding.of(share, DENOMINATOR))))
    if not per_band:
        rounded = together(shares, DENOMINATOR, rounding, [one.entering for one in found])
        for one, fund in zip(found, rounded, strict=True):
            one.fund = fund
    if side != "fund":
        for one in found:
            one.fund = one.entering - one.fund
    return found


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
