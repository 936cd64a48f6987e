"""Reading bytes once for everything that is computed over them, and what tells of likeness."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from iscc_lib import DataHasher, InstanceHasher

from services.catalog.application.inspection_ports import Examination, Made
from services.catalog.domain.codes import MOST_PRINTS, Codes, Iscc, Likeness
from services.catalog.domain.fingerprints import fingerprint
from services.catalog.inspection.codes import BITS
from shared.winnowing import winnow


@dataclass(frozen=True, slots=True)
class Read:
    """What came out of the object store; ``instance`` and ``data`` are ISCC units of it."""

    size: int
    sha256: bytes
    sm3: bytes
    instance: str
    data: str


class Hashing:
    """Every digest and code over the same bytes, which come chunk by chunk."""

    def __init__(self) -> None:
        self._size = 0
        self._sha256, self._sm3 = hashlib.sha256(), hashlib.new("sm3")
        self._instance, self._data = InstanceHasher(), DataHasher()

    def take(self, chunk: bytes) -> None:
        self._size += len(chunk)
        self._sha256.update(chunk)
        self._sm3.update(chunk)
        self._instance.update(chunk)
        self._data.update(chunk)

    def read(self) -> Read:
        """What was read; once, at the end."""
        instance, data = self._instance.finalize(BITS).iscc, self._data.finalize(BITS).iscc
        return Read(self._size, self._sha256.digest(), self._sm3.digest(), instance, data)


def likeness(read: Read, examined: Examination) -> Likeness:
    """Of a file that was found clean."""
    text = _text(examined.made)
    iscc = Iscc(read.instance, read.data, examined.content_code)
    if text is None:
        return Likeness(Codes(iscc, None), None)
    return Likeness(Codes(iscc, winnow(text).thinned(MOST_PRINTS)), fingerprint(text))


def _text(made: Sequence[Made]) -> str | None:
    text = next((each.content for each in made if each.kind == "text"), None)
    return text.read_text(errors="replace") if text else None
