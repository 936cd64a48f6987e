"""What tells files that are alike: their ISCC units (ISO 24138) and prints of their text."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.catalog.domain.fingerprints import Fingerprint
from shared.winnowing import Winnowed

MOST_PRINTS = 2048
"""Kept of each text."""
MOST_PRINTS_TOLD = 32_768
"""Of all the texts of a version together."""


@dataclass(frozen=True)
class Iscc:
    """ISCC units of 256 bits: Instance- and Data-Code of the bytes, and the Content-Code, a Text-
    or Image-Code, where the format has one."""

    instance: str
    data: str
    content: str | None


@dataclass(frozen=True, slots=True)
class Codes:
    """Of a file; ``winnowed`` is None where it has no text."""

    iscc: Iscc
    winnowed: Winnowed | None


@dataclass(frozen=True, slots=True)
class Likeness:
    """What others are compared with a file by; its text has to be long enough for a fingerprint."""

    codes: Codes
    fingerprint: Fingerprint | None


@dataclass(frozen=True)
class PublishedText:
    """The text of the file at ``path`` by its winnowed prints (`shared.winnowing`): how many
    ``letters`` it has, of which hashes the prints are (those that ``every`` divides), and hash and
    place of each, as big-endian 32-bit numbers in Base64."""

    path: str
    letters: int
    every: int
    prints: str


def published_texts(texts: Sequence[tuple[str, Winnowed]]) -> list[PublishedText]:
    """The texts of a version by their paths, so few prints of each that they fit an event."""
    most = MOST_PRINTS_TOLD // max(len(texts), 1)
    thinned = [(path, text.thinned(most)) for path, text in texts]
    return [
        PublishedText(path, text.letters, text.every, text.encoded)
        for path, text in thinned
        if text.prints
    ]
