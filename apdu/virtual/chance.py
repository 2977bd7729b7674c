"""A chip's random generator: hashes of a seed and a count of draws, so that a chip restored from its image goes on."""

import hashlib


class Chance:
    """Deterministic bytes. `draws` belongs to the chip's permanent memory: no draw comes twice."""

    def __init__(self, seed: str, draws: int = 0) -> None:
        self._seed = seed.encode()
        self.draws = draws

    def bytes(self, length: int) -> bytes:
        """The next `length` bytes (at most 32)."""
        assert 0 < length <= 32
        self.draws += 1
        return hashlib.sha256(self._seed + self.draws.to_bytes(8, "big")).digest()[:length]
