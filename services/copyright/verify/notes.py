"""Signed notes, verifier keys, checkpoints and cosignatures (C2SP signed-note, tlog-checkpoint,
tlog-cosignature)."""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from services.copyright.verify.merkle import HASH_SIZE, CannotCheck
from services.copyright.verify.signatures import verify_ed25519, verify_ml_dsa_44, verify_sm2

ED25519 = 0x01
COSIGNATURE = 0x04
ML_DSA_44 = 0x06
OTHER = 0xFF
SM2_LABEL = b"cn.gm/sm2-sm3/v1"

MAX_NOTE_SIZE = 1 << 20
MAX_SIGNATURES = 64

_KEY_SIZES = {ED25519: 32, COSIGNATURE: 32, ML_DSA_44: 1312, OTHER: len(SM2_LABEL) + 65}
_NUMBER = re.compile("0|[1-9][0-9]{0,18}")
_DASH = "\N{EM DASH} "


class NoteMalformed(ValueError):
    """The text is no signed note, key or checkpoint; the message says what is wrong with it."""


class SignatureInvalid(ValueError):
    """A known key's signature is wrong, or no known key signed: the note says nothing."""


def decode_base64(text: str) -> bytes:
    """Standard base64 in its one canonical form (RFC 4648 §4). Raises `NoteMalformed`."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteMalformed(f"not base64: {text[:60]!r}") from None
    if encode_base64(data) != text:
        raise NoteMalformed(f"base64 with stray bits: {text[:60]!r}")
    return data


def encode_base64(data: bytes) -> str:
    """Standard base64 (RFC 4648 §4)."""
    return base64.b64encode(data).decode()


def decode_number(text: str) -> int:
    """An ASCII decimal without leading zeroes, below 2⁶³. Raises `NoteMalformed`."""
    if not _NUMBER.fullmatch(text) or int(text) >= 1 << 63:
        raise NoteMalformed(f"not a plain decimal number: {text[:30]!r}")
    return int(text)


def decode_hash(text: str) -> bytes:
    """A hash in base64. Raises `NoteMalformed`, also where it is not 32 bytes long."""
    data = decode_base64(text)
    if len(data) != HASH_SIZE:
        raise NoteMalformed(f"a hash of {len(data)} bytes, not {HASH_SIZE}")
    return data


@dataclass(frozen=True)
class VerifierKey:
    """A public key and the name it signs under. `key` is the key alone, without `type`."""

    name: str
    type: int
    key: bytes

    def __post_init__(self) -> None:
        if not self.name or "+" in self.name or any(each.isspace() for each in self.name):
            raise NoteMalformed(f"a key name is not empty and has no space or +: {self.name!r}")
        if not self.name.isprintable():
            raise NoteMalformed(f"a key name is plain text: {self.name!r}")
        if len(self.key) != _KEY_SIZES.get(self.type):
            raise NoteMalformed(f"no known kind of key: type {self.type:#04x}, {self.name}")
        if self.type == OTHER and not self.key.startswith(SM2_LABEL):
            raise NoteMalformed(f"no known kind of key: {self.name}")

    @classmethod
    def sm2(cls, name: str, point: bytes) -> "VerifierKey":
        """The key of our SM2 signature line; `point` is uncompressed, 65 bytes."""
        return cls(name, OTHER, SM2_LABEL + point)

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """Read a vkey, `name+keyid+base64(type ‖ key)`. Raises `NoteMalformed`."""
        name, _, rest = text.partition("+")
        key_id, _, data = rest.partition("+")
        material = decode_base64(data)
        if not material:
            raise NoteMalformed("a verifier key has the form name+id+key")
        found = cls(name, material[0], material[1:])
        if found.id.hex() != key_id:
            raise NoteMalformed(f"the key of {name} has the id {found.id.hex()}, not {key_id}")
        return found

    @property
    def id(self) -> bytes:
        """The 4 bytes that stand before a signature by this key."""
        hashed = self.name.encode() + b"\n" + bytes([self.type]) + self.key
        return hashlib.sha256(hashed).digest()[:4]

    @property
    def is_witness(self) -> bool:
        """Whether its signatures carry a time: cosignatures."""
        return self.type in (COSIGNATURE, ML_DSA_44)

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{encode_base64(bytes([self.type]) + self.key)}"


@dataclass(frozen=True)
class NoteSignature:
    """One signature line: who claims to have signed, and the bytes behind the key id."""

    name: str
    key_id: bytes
    signature: bytes

    def __str__(self) -> str:
        return f"{_DASH}{self.name} {encode_base64(self.key_id + self.signature)}\n"

    @classmethod
    def by(cls, key: VerifierKey, signature: bytes) -> "NoteSignature":
        return cls(key.name, key.id, signature)


@dataclass(frozen=True)
class Note:
    """`text` with its last newline, and the signature lines as they stand."""

    text: str
    signatures: tuple[NoteSignature, ...]

    @classmethod
    def parse(cls, data: bytes) -> "Note":
        """Read a signed note. Raises `NoteMalformed`."""
        if len(data) > MAX_NOTE_SIZE:
            raise NoteMalformed(f"a note of {len(data)} bytes is over {MAX_NOTE_SIZE}")
        try:
            whole = data.decode()
        except UnicodeDecodeError:
            raise NoteMalformed("a note is UTF-8") from None
        if any(each < " " and each != "\n" for each in whole):
            raise NoteMalformed("a note has no control characters but newline")
        text, blank, lines = whole.rpartition("\n\n")
        if not blank or not lines.endswith("\n"):
            raise NoteMalformed("a note is a text, a blank line and signature lines")
        return cls(text + "\n", signature_lines(lines))

    def __bytes__(self) -> bytes:
        return (self.text + "\n" + "".join(map(str, self.signatures))).encode()

    def signed_also(self, added: Iterable[NoteSignature]) -> "Note":
        """The note with more signatures, each once."""
        merged = dict.fromkeys((*self.signatures, *added))
        return Note(self.text, tuple(merged))


def signature_lines(lines: str) -> tuple[NoteSignature, ...]:
    """Signature lines, as at a note's end or in a witness's answer. Raises `NoteMalformed`."""
    signatures = []
    for line in lines.removesuffix("\n").split("\n"):
        name, space, data = line.removeprefix(_DASH).partition(" ")
        if not line.startswith(_DASH) or not name or not space:
            raise NoteMalformed(f"not a signature line: {line[:60]!r}")
        decoded = decode_base64(data)
        if len(decoded) <= 4:
            raise NoteMalformed(f"a signature without bytes: {name}")
        signatures.append(NoteSignature(name, decoded[:4], decoded[4:]))
    if len(signatures) > MAX_SIGNATURES:
        raise NoteMalformed(f"a note has at most {MAX_SIGNATURES} signatures")
    return tuple(signatures)


@dataclass(frozen=True)
class Checkpoint:
    """What a log signs: its origin, its size and its root (tlog-checkpoint)."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """Read a note's text. Raises `NoteMalformed`."""
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop() or not all(lines):
            raise NoteMalformed("a checkpoint is an origin, a size and a root, a line each")
        return cls(lines[0], decode_number(lines[1]), decode_hash(lines[2]), tuple(lines[3:]))

    def __str__(self) -> str:
        lines = [self.origin, str(self.size), encode_base64(self.root), *self.extensions]
        return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True)
class Signed:
    """What trusted keys say of a note: `times` maps each good key to its cosignature's POSIX
    seconds, or None; `unchecked` maps each key that could not be checked to the reason."""

    times: dict[VerifierKey, int | None]
    unchecked: dict[VerifierKey, str]


def verify_note(note: Note, keys: Iterable[VerifierKey]) -> Signed:
    """Check the signatures by `keys`; others are ignored, as signed-note demands.

    Raises `SignatureInvalid` where one of theirs is wrong or there is none.
    """
    known = {(key.name, key.id): key for key in keys}
    signed = Signed({}, {})
    for each in note.signatures:
        key = known.get((each.name, each.key_id))
        if key is None:
            continue
        try:
            signed.times[key] = _verified(key, note.text, each.signature)
        except CannotCheck as lack:
            signed.unchecked[key] = str(lack)
    if not signed.times and not signed.unchecked:
        raise SignatureInvalid("none of the trusted keys signed this")
    return signed


def _verified(key: VerifierKey, text: str, signature: bytes) -> int | None:
    """The time a good signature carries, or None. Raises `SignatureInvalid`, `CannotCheck`."""
    time = int.from_bytes(signature[:8], "big") if key.is_witness else None
    match key.type:
        case 0x01:
            good = verify_ed25519(key.key, text.encode(), signature)
        case 0x04:
            good = verify_ed25519(key.key, cosigned_text(text, time or 0), signature[8:])
        case 0x06:
            message = cosigned_message(key.name, text, time or 0)
            good = verify_ml_dsa_44(key.key, message, signature[8:])
        case _:
            good = verify_sm2(key.key.removeprefix(SM2_LABEL), text.encode(), signature)
    if not good or (time or 0) >= 1 << 63:
        raise SignatureInvalid(f"the signature by {key.name} ({key.id.hex()}) is wrong")
    return time


def cosigned_text(text: str, time: int) -> bytes:
    """What an Ed25519 cosignature of POSIX second `time` signs (tlog-cosignature)."""
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def cosigned_message(name: str, text: str, time: int) -> bytes:
    """What an ML-DSA-44 cosignature by `name` signs (tlog-cosignature, `cosigned_message`).

    Raises `NoteMalformed` where `text` is no checkpoint or a name is over 255 bytes.
    """
    checkpoint = Checkpoint.parse(text)
    names = [name.encode(), checkpoint.origin.encode()]
    if any(len(each) > 0xFF for each in names):
        raise NoteMalformed("a name is over 255 bytes")
    cosigner, origin = (bytes([len(each)]) + each for each in names)
    numbers = [number.to_bytes(8, "big") for number in (time, 0, checkpoint.size)]
    label = b"subtree/v1\n\x00"
    return label + cosigner + numbers[0] + origin + numbers[1] + numbers[2] + checkpoint.root
