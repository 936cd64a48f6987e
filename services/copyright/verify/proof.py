"""A self-contained proof that an entry is in a log (C2SP tlog-proof).

For the SM3 sibling the same text holds SM3 hashes: a private profile.
"""

from dataclasses import dataclass

from services.copyright.verify.notes import (
    Note,
    NoteMalformed,
    decode_base64,
    decode_hash,
    decode_number,
    encode_base64,
)

_FIRST_LINE = "c2sp.org/tlog-proof@v1"
_MAX_HASHES = 63


@dataclass(frozen=True)
class LogProof:
    """`hashes` run from the leaf's sibling to the root's child; `extra` is not authenticated."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: Note
    extra: bytes | None = None

    @classmethod
    def parse(cls, data: bytes) -> "LogProof":
        """Read a proof. Raises `NoteMalformed`."""
        head, blank, note = data.partition(b"\n\n")
        lines = head.decode(errors="replace").split("\n")
        if not blank or lines.pop(0) != _FIRST_LINE:
            raise NoteMalformed(f"a proof begins with {_FIRST_LINE}")
        extra = None
        if lines and lines[0].startswith("extra "):
            extra = decode_base64(lines.pop(0).removeprefix("extra "))
        if not lines or not lines[0].startswith("index "):
            raise NoteMalformed("a proof names the index of its entry")
        index = decode_number(lines.pop(0).removeprefix("index "))
        if len(lines) > _MAX_HASHES:
            raise NoteMalformed(f"a proof has at most {_MAX_HASHES} hashes")
        return cls(index, tuple(map(decode_hash, lines)), Note.parse(note), extra)

    def __bytes__(self) -> bytes:
        extra = [] if self.extra is None else [f"extra {encode_base64(self.extra)}"]
        hashes = map(encode_base64, self.hashes)
        lines = [_FIRST_LINE, *extra, f"index {self.index}", *hashes]
        return "".join(f"{line}\n" for line in lines).encode() + b"\n" + bytes(self.checkpoint)
