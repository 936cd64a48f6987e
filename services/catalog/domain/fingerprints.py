"""Fingerprints of texts: how much two have in common, without comparing them.

The runs of five characters of a text are hashed; the hashes are dealt into slots, and each slot
keeps its least (one-permutation MinHash; empty slots borrow from the next full one: Shrivastava and
Li, 2014). The share of equal slots estimates the Jaccard similarity of two texts. Slots are joined
into bands: texts with a band in common are worth comparing (locality-sensitive hashing). With three
slots a band, two texts that share a third of their runs meet with a probability of 79 %, and two
that share a fiftieth with one of 0.03 %.
"""

import struct
import unicodedata
from dataclasses import dataclass
from hashlib import blake2b

from shared.winnowing import mixed, runs

GRAM = 5
ROWS = 3
BANDS = 42
SLOTS = ROWS * BANDS
FEWEST_GRAMS = 100
"""A text with fewer is not worth comparing: set phrases would make it like many."""

MOST_CHARACTERS = 300_000
_EMPTY = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """``grams`` counts the distinct runs; ``signature`` has `SLOTS` numbers of 32 bits."""

    grams: int
    signature: tuple[int, ...]

    @property
    def bands(self) -> list[int]:
        """A signed 64-bit key for each band."""
        packed = self.packed
        size = 4 * ROWS
        return [
            int.from_bytes(
                blake2b(packed[at : at + size], digest_size=8).digest(), "big", signed=True
            )
            for at in range(0, len(packed), size)
        ]

    @property
    def packed(self) -> bytes:
        return struct.pack(f">{SLOTS}I", *self.signature)

    @classmethod
    def unpacked(cls, grams: int, packed: bytes) -> "Fingerprint":
        return cls(grams, struct.unpack(f">{SLOTS}I", packed))

    def containment(self, other: "Fingerprint") -> float:
        """The share of the shorter text that is in the longer, estimated, 0 to 1."""
        equal = sum(a == b for a, b in zip(self.signature, other.signature, strict=True))
        jaccard = equal / SLOTS
        common = jaccard / (1 + jaccard) * (self.grams + other.grams)
        return min(1.0, common / min(self.grams, other.grams))


def fingerprint(text: str) -> Fingerprint | None:
    """Of the letters and digits of `text`, or None where they are too few."""
    folded = unicodedata.normalize("NFKC", text[:MOST_CHARACTERS]).casefold()
    hashes = set(runs("".join(filter(str.isalnum, folded)), GRAM))
    if len(hashes) < FEWEST_GRAMS:
        return None
    least = [_EMPTY] * SLOTS
    for each in hashes:
        value, slot = divmod(mixed(each), SLOTS)
        if value < least[slot]:
            least[slot] = value
    return Fingerprint(len(hashes), tuple(_borrowed(least)))


def _borrowed(least: list[int]) -> list[int]:
    full = list(least)
    for slot, value in enumerate(least):
        distance = 0
        while value == _EMPTY:
            distance += 1
            value = least[(slot + distance) % SLOTS]
        full[slot] = (value + distance * 0x9E3779B1) & 0xFFFFFFFF
    return full
