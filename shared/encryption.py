"""Encrypted fields, and keyed hashes to search them by.

A `KeyRing` holds the master keys; the first is current, the others only open what they once closed.
From each, one key per use and purpose is derived with HKDF-SHA256 (RFC 5869), so that the token of
an ID number says nothing about the hash of the same number, or about a phone.

A token is stored as bytes:

    version 0x01 · key id, 4 bytes · nonce, 12 bytes · AES-256-GCM ciphertext and 16-byte tag

Its associated data is the table, column and row that it stands in: a token moved elsewhere does not
open. Nonces are random, which NIST SP 800-38D §8.3 allows for 2^32 tokens per derived key.

**Rotation.** Put the new key first and restart: reading goes on, writing uses the new key. Equal
values now have a hash per key, so search with `search_hashes` (``WHERE hash = ANY(...)``), and look
there for a duplicate before an insert, as a unique constraint sees one key only. Rewrite the rows
whose token `needs_rewrap`, hash included; then drop the old key.
"""

import hmac
import secrets
from collections.abc import Sequence
from typing import NamedTuple, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_KEY_BYTES = 32
_VERSION = b"\x01"
_ID_END = 5
_NONCE_END = 17


class UndecryptableField(Exception):
    """The token is damaged, stands in another place, or its key has left the ring."""


class Place(NamedTuple):
    """Where an encrypted field stands. `row` is the row's id, which never changes."""

    table: str
    column: str
    row: str


class KeyRing:
    """The master keys of one service, 32 bytes each, the current one first."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys:
            raise ValueError("MASTER_KEYS is empty: give at least one key of 64 hex digits")
        if any(len(key) != _KEY_BYTES for key in keys):
            raise ValueError("each key in MASTER_KEYS has 64 hex digits (32 bytes)")
        self._keys = {_derive(key, "id", "", length=4): key for key in keys}
        if len(self._keys) != len(keys):
            raise ValueError("a key stands twice in MASTER_KEYS")
        self._current_id, self._current = next(iter(self._keys.items()))
        self._derived: dict[tuple[bytes, str, str], bytes] = {}

    @classmethod
    def parse(cls, text: str) -> Self:
        """From comma-separated keys in hex. Raises `ValueError`, which does not show them."""
        try:
            keys = [bytes.fromhex(each) for each in text.split(",") if each.strip()]
        except ValueError:
            raise ValueError("each key in MASTER_KEYS has 64 hex digits (32 bytes)") from None
        return cls(keys)

    def __repr__(self) -> str:
        return f"<KeyRing of {len(self._keys)}, current {self._current_id.hex()}>"

    def encrypt(self, purpose: str, plaintext: str, place: Place) -> bytes:
        """A token of `plaintext` that opens at `place` only."""
        nonce = secrets.token_bytes(_NONCE_END - _ID_END)
        cipher = AESGCM(self._derive(self._current, "field", purpose))
        sealed = cipher.encrypt(nonce, plaintext.encode(), _associated(place))
        return _VERSION + self._current_id + nonce + sealed

    def decrypt(self, purpose: str, token: bytes, place: Place) -> str:
        """The plaintext of a token made by any key of the ring. Raises `UndecryptableField`."""
        key = self._keys.get(token[1:_ID_END])
        if token[:1] != _VERSION or key is None:
            raise UndecryptableField(f"no key for {place.table}.{place.column} of row {place.row}")
        try:
            plaintext = AESGCM(self._derive(key, "field", purpose)).decrypt(
                token[_ID_END:_NONCE_END], token[_NONCE_END:], _associated(place)
            )
        except (InvalidTag, ValueError):
            raise UndecryptableField(
                f"{place.table}.{place.column} of row {place.row} was not written there"
            ) from None
        return plaintext.decode()

    def needs_rewrap(self, token: bytes) -> bool:
        """Whether `token` was made by another key than the current one."""
        return token[:_ID_END] != _VERSION + self._current_id

    def search_hash(self, purpose: str, value: str) -> bytes:
        """The 32-byte HMAC-SHA256 of `value` to store beside its token; normalise `value` first."""
        return _hmac(self._derive(self._current, "search", purpose), value)

    def search_hashes(self, purpose: str, value: str) -> list[bytes]:
        """The hashes under which `value` may be stored, one per key, the current one first."""
        keys = self._keys.values()
        return [_hmac(self._derive(key, "search", purpose), value) for key in keys]

    def derive(self, purpose: str) -> bytes:
        """32 bytes for another use, such as signing cursors. They change with the current key."""
        return self._derive(self._current, "derive", purpose)

    def _derive(self, key: bytes, use: str, purpose: str) -> bytes:
        """The same key each time, and purposes are few: remembered, as a roster asks 100,000
        times."""
        derived = self._derived.get((key, use, purpose))
        if derived is None:
            derived = self._derived[key, use, purpose] = _derive(key, use, purpose)
        return derived


def is_token(stored: bytes) -> bool:
    """Whether `stored` was written by `KeyRing.encrypt`, and not as plain text before."""
    return stored[:1] == _VERSION


def _derive(key: bytes, use: str, purpose: str, length: int = _KEY_BYTES) -> bytes:
    info = f"shuyuan/{use}/{purpose}".encode()
    return HKDF(SHA256(), length, salt=None, info=info).derive(key)


def _associated(place: Place) -> bytes:
    return "\0".join(place).encode()


def _hmac(key: bytes, value: str) -> bytes:
    return hmac.digest(key, value.encode(), "sha256")
