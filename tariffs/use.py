"""What a rider has used up: the money and rides that caps count, and passes. From the card or the day's record."""

from datetime import date, timedelta

from msgspec import Struct

from tariffs.extras import Cap, Extras, Period


class Use(Struct, frozen=True):
    """Money and rides so far, in the day, the week (from Monday) and the month of `day`, the last ride's."""

    day: date
    day_fen: int = 0
    day_rides: int = 0
    week_fen: int = 0
    week_rides: int = 0
    month_fen: int = 0
    month_rides: int = 0

    def on(self, today: date) -> "Use":
        """What still counts on a later day. An earlier one (a clock behind) is taken for the same day."""
        if today <= self.day:
            return self
        same_week = today - timedelta(days=today.weekday()) <= self.day
        same_month = (today.year, today.month) == (self.day.year, self.day.month)
        return Use(
            today,
            week_fen=self.week_fen if same_week else 0,
            week_rides=self.week_rides if same_week else 0,
            month_fen=self.month_fen if same_month else 0,
            month_rides=self.month_rides if same_month else 0,
        )

    def with_ride(self, fen: int) -> "Use":
        """The same after one more ride that cost so much."""
        return Use(
            self.day,
            self.day_fen + fen,
            self.day_rides + 1,
            self.week_fen + fen,
            self.week_rides + 1,
            self.month_fen + fen,
            self.month_rides + 1,
        )

    def left(self, cap: Cap) -> int | None:
        """What the cap still lets a ride cost in fen; None for no bound."""
        fen, rides = {
            Period.DAY: (self.day_fen, self.day_rides),
            Period.WEEK: (self.week_fen, self.week_rides),
            Period.MONTH: (self.month_fen, self.month_rides),
        }[cap.period]
        if cap.rides:
            return 0 if rides >= cap.most else None
        return max(cap.most - fen, 0)


class Pass(Struct, frozen=True):
    """A pass on the card: valid from `start` to `end`, both included; `rides` left, None for any number."""

    id: str
    start: date
    end: date
    rides: int | None = None


def capped(extras: Extras, fen: int, card_class: str, use: Use) -> int:
    """The fare as far as every cap of the class leaves it; `use` is of the ride's day."""
    for dated in extras.caps.values():
        cap = dated.at(use.day)
        if cap is not None and card_class in cap.classes:
            left = use.left(cap)
            fen = fen if left is None else min(fen, left)
    return fen


def paying_pass(extras: Extras, passes: tuple[Pass, ...], card_class: str, network: str, today: date) -> Pass | None:
    """The pass that pays for this ride: one without a count of rides before one that loses a ride, then the first to
    end."""
    fitting = [
        held
        for held in passes
        if held.id in extras.passes
        and (table := extras.passes[held.id].at(today)) is not None
        and card_class in table.classes
        and network in table.networks
        and held.start <= today <= held.end
        and held.rides != 0
    ]
    return min(fitting, key=lambda held: (held.rides is not None, held.end), default=None)
