"""Draws that are a function of seed, name and number alone, so that nothing depends on what was drawn before."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Dice:
    """Draws that depend on seed, name and number alone, whatever was drawn before (splitmix64)."""

    seed: str

    def bits(self, name: str, numbers: Ints) -> npt.NDArray[np.uint64]:
        """64 random bits for each number."""
        start = int.from_bytes(hashlib.sha256(f"{self.seed}/{name}".encode()).digest()[:8], "big")
        x = numbers.astype(np.uint64)
        x *= np.uint64(0x9E3779B97F4A7C15)
        x += np.uint64(start)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            x ^= x >> np.uint64(shift)
            x *= np.uint64(factor)
        x ^= x >> np.uint64(31)
        return x

    def unit(self, name: str, numbers: Ints) -> Floats:
        """A number from 0 up to 1 for each number."""
        unit: Floats = np.multiply(self.bits(name, numbers) >> np.uint64(11), 2.0**-53, dtype=np.float64)
        return unit

    def below(self, name: str, numbers: Ints, count: int | Ints) -> Ints:
        """A whole number from 0 up to, not including, `count`."""
        return (self.unit(name, numbers) * count).astype(np.int64)

    def skewed(self, name: str, numbers: Ints, count: int) -> Ints:
        """Like below, the small ones more often."""
        unit = self.unit(name, numbers)
        return (unit * unit * count).astype(np.int64)

    def chance(self, name: str, numbers: Ints, share: float) -> Flags:
        """True for about that share of the numbers."""
        return self.unit(name, numbers) < share


PERSONS = Dice("persons")
"""Draws about a person, who is the same in every source."""
