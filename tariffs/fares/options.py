"""Where the standard is silent or engines differ: a named choice each, with its reason. The first value is ours.

docs/fares.md, "Where the standard is silent", names the threads.
"""

from dataclasses import dataclass, fields, replace

CHOICES = {
    # A leg whose route is in no network, a stop in no area: both open engines let an empty cell match them.
    "without_network": ("blank", "unknown"),
    "without_area": ("blank", "unknown"),
    # A stop in several areas, one of them named in the column: "no matching values" reads as none of them (OTP).
    "some_areas_named": ("named", "both"),
    # The last second of a limit: it says how long, engines include it.
    "limit": ("inclusive", "exclusive"),
    # From where a limit counts when the groups differ: the pair's own first leg (the text extends only runs of one
    # rule), or the first leg of all that is priced together.
    "limit_from": ("pair", "first"),
    # transfer_count on unequal groups is forbidden: feeds have it, engines apply the rule.
    "count_unequal": ("ignored", "kept"),
    # Missing on equal groups, or both groups empty: no limit is stated.
    "count_missing": ("unlimited", "once"),
    # A transfer product needed twice in one chain: the table of the text adds it each time, OTP sells it once.
    "repeated_product": ("each", "once"),
    # Which legs are priced together: whatever is cheapest, or greedily as the legs come (what a validator can do).
    "partition": ("cheapest", "as_taken"),
    # Whether a journey may mix media: nothing adopted forbids it (google/transit PR 423).
    "media": ("mixed", "one"),
}


@dataclass(frozen=True, slots=True)
class Options:
    """One value of CHOICES for each name."""

    without_network: str = "blank"
    without_area: str = "blank"
    some_areas_named: str = "named"
    limit: str = "inclusive"
    limit_from: str = "pair"
    count_unequal: str = "ignored"
    count_missing: str = "unlimited"
    repeated_product: str = "each"
    partition: str = "cheapest"
    media: str = "mixed"

    def __post_init__(self) -> None:
        """Raises ValueError for a value that is not offered."""
        for field in fields(self):
            offered = CHOICES[field.name]
            if getattr(self, field.name) not in offered:
                raise ValueError(f"{field.name}: one of {', '.join(offered)}")

    def chosen(self, name: str, value: str) -> "Options":
        """The same with one choice changed. Raises ValueError for a name or a value that is not offered."""
        if name not in CHOICES:
            raise ValueError(f"{name}: one of {', '.join(CHOICES)}")
        return replace(self, **{name: value})
