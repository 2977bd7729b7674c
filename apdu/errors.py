"""Whose trouble it is, as types. A refusal is a value and lives with the tariffs; these are the chips' troubles."""

from typing import Any


class ApduError(Exception):
    """Any trouble in talking to a chip."""


class LinkLost(ApduError):
    """The chip is gone: no answer, or the wire is broken. A driver raises nothing else."""


class StatusError(ApduError):
    """The chip answered with a status that the script does not accept."""

    def __init__(self, command: Any, sw: int) -> None:
        super().__init__(f"{command} answered {sw:04X}")
        self.command = command
        self.sw = sw


class PsamError(ApduError):
    """The PSAM failed, and nothing was held: the device cannot take money."""


class Malformed(ApduError):
    """Bytes that are not what the standard says. `raw` keeps them for the trace."""

    def __init__(self, what: str, raw: bytes = b"") -> None:
        super().__init__(f"{what}: {bytes(raw[:64]).hex().upper() or 'empty'}")
        self.what = what
        self.raw = bytes(raw)


class Torn(ApduError):
    """A draft was held and its outcome is not known. Only `apdu.script.run` raises it.

    `cause` is what broke the script: LinkLost, StatusError or Malformed. A card that still answers is healed at once.
    """

    def __init__(self, draft: Any, cause: Exception) -> None:
        super().__init__(f"torn: {cause}")
        self.draft = draft
        self.cause = cause
