"""The power fails at a step of what a program does to the disk."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest


class Cut(Exception):
    """The power fails."""


def cut_at(patch: pytest.MonkeyPatch, step: int, steps: Iterable[tuple[Any, str]]) -> list[int]:
    """Let the power fail at step number `step` (from 0) of the named calls; the list holds how many are left."""
    left = [step]

    def cutting(real: Callable[..., object]) -> Callable[..., object]:
        def act(*given: object, **named: object) -> object:
            if not left[0]:
                raise Cut
            left[0] -= 1
            return real(*given, **named)

        return act

    for place, name in steps:
        patch.setattr(place, name, cutting(getattr(place, name)))
    return left
