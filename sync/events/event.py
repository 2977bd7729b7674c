"""What every journal event is."""

import msgspec


class Event(msgspec.Struct, frozen=True, tag_field="kind", omit_defaults=False):
    """What happened. The tag is the kind of the row."""
