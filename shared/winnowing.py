"""Winnowing: a few numbers of a text by which any longer passage that another shares is found.

Every run of `GRAM` letters or digits is hashed; of each `WINDOW` neighbouring hashes the least is
kept, so a passage of `GRAM` + `WINDOW` - 1 letters that two texts share leaves them a number in
common (Schleimer, Wilkerson and Aiken, Winnowing, SIGMOD 2003). Marks, blanks, case and width do
not count. Nobody reads the text from the numbers, but whoever has a passage sees whether it is
there.
"""

import unicodedata
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from struct import iter_unpack, pack
from typing import NamedTuple, Self
from zlib import crc32

GRAM = 8
WINDOW = 16
MOST_CHARACTERS = 300_000
_WIDTH = 4
"""Bytes a character in UTF-32."""


class Print(NamedTuple):
    """The hash of a run (32 bits), and the offset in characters of the text where it begins."""

    hash: int
    at: int


@dataclass(frozen=True, slots=True)
class Winnowed:
    """The prints of a text of so many ``letters`` (digits too), in its order. Of all that winnowing
    keeps these are the ones whose hash ``every`` divides, a power of two: 1 is all."""

    letters: int
    every: int
    prints: tuple[Print, ...]

    @property
    def hashes(self) -> frozenset[int]:
        return frozenset(each.hash for each in self.prints)

    def thinned(self, most: int) -> Self:
        """With at most so many prints, chosen by their hashes: in each text the same."""
        thin = self
        while len(thin.prints) > most:
            thin = thin.sieved(2 * thin.every)
        return thin

    def sieved(self, every: int) -> Self:
        """Those whose hash `every` divides."""
        kept = tuple(each for each in self.prints if each.hash % every == 0)
        return replace(self, every=max(every, self.every), prints=kept)

    @property
    def packed(self) -> bytes:
        """Each print as two big-endian numbers of 32 bits."""
        return b"".join(pack(">II", *each) for each in self.prints)

    @property
    def encoded(self) -> str:
        """`packed` in Base64 (RFC 4648)."""
        return b64encode(self.packed).decode()

    @classmethod
    def unpacked(cls, letters: int, every: int, packed: bytes) -> Self:
        return cls(letters, every, tuple(Print(*each) for each in iter_unpack(">II", packed)))

    @classmethod
    def decoded(cls, letters: int, every: int, encoded: str) -> Self:
        """Raises ValueError."""
        packed = b64decode(encoded, validate=True)
        if len(packed) % 8:
            raise ValueError("prints are pairs of 32-bit numbers")
        return cls.unpacked(letters, every, packed)


def winnow(text: str) -> Winnowed:
    """The prints of the first `MOST_CHARACTERS` of `text`; none of fewer than `GRAM` letters."""
    folded, places = list[str](), list[int]()
    for at, character in enumerate(text[:MOST_CHARACTERS]):
        for each in _folded(character):
            folded.append(each)
            places.append(at)
    hashes = [mixed(each) for each in runs("".join(folded), GRAM)]
    kept = list[Print]()
    least = deque[int]()
    full = min(WINDOW, len(hashes))
    for at, hash_ in enumerate(hashes):
        while least and hashes[least[-1]] >= hash_:
            least.pop()
        least.append(at)
        if least[0] <= at - WINDOW:
            least.popleft()
        place = places[least[0]]
        if at + 1 >= full and (not kept or kept[-1].at != place):
            kept.append(Print(hashes[least[0]], place))
    return Winnowed(len(folded), 1, tuple(kept))


@lru_cache(maxsize=1 << 16)
def _folded(character: str) -> str:
    """Its letters and digits, in one width and case."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", character).casefold()))


def runs(text: str, gram: int) -> Iterator[int]:
    """The CRC-32 of each run of `gram` characters, in the order of `text`."""
    encoded = text.encode("utf-32-be", "surrogatepass")
    size = gram * _WIDTH
    for at in range(0, len(encoded) - size + 1, _WIDTH):
        yield crc32(encoded[at : at + size])


def mixed(value: int) -> int:
    """A CRC is linear, its bits hang together: the finaliser of MurmurHash3 undoes that."""
    value ^= value >> 16
    value = value * 0x85EBCA6B & 0xFFFFFFFF
    value ^= value >> 13
    value = value * 0xC2B2AE35 & 0xFFFFFFFF
    return value ^ value >> 16
