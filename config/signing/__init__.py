"""What the office signs and a device believes, by The Update Framework (docs/signing.md).

Only `office` and `trust` import python-tuf, and only commands import them: never the running device.
"""
