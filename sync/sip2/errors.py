"""What can be wrong with what a library system sends, or with what it is to be sent."""


class BadMessage(ValueError):
    """Bytes or values that are no SIP2 message; the text says what, never a reader's data."""


class BadChecksum(BadMessage):
    """A frame that was damaged on the way: it is asked for again."""


class BadIlsProfile(ValueError):
    """A profile of a library system that cannot be used; the text names the key."""
