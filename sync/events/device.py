"""The device about itself."""

from sync.events.event import Event


class Started(Event, frozen=True, tag="STARTED"):
    """The program is ready for taps. Versions and devices by name."""

    software: str
    sqlite: str
    reader: str
    psam_reader: str
    psam: str


class Alarm(Event, frozen=True, tag="ALARM"):
    """Something that the operator must see. `what` in a word, `detail` in a line without personal data."""

    what: str
    detail: str
