"""Signature lines for checkpoints: the counterpart of `verify.notes`. Keys stay in the signer."""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from services.copyright.verify.merkle import CannotCheck
from services.copyright.verify.notes import (
    COSIGNATURE,
    ED25519,
    ML_DSA_44,
    NoteSignature,
    VerifierKey,
    cosigned_message,
    cosigned_text,
)
from services.copyright.verify.signatures import SM2_IDENTITY, libcrypto

_POINT_SIZE = 65
_MAX_SIGNATURE = 128
_MAX_DER = 512


class NoteSigner(Protocol):
    """One key and one kind of signature line."""

    @property
    def key(self) -> VerifierKey:
        """What verifies it."""

    def sign(self, text: str, time: int) -> NoteSignature:
        """Sign a checkpoint's text at POSIX second `time`, which plain signatures leave out."""


@dataclass(frozen=True)
class Ed25519Signer:
    """A log's line of type 0x01. `name` is the log's origin."""

    name: str
    private: Ed25519PrivateKey

    @property
    def key(self) -> VerifierKey:
        return VerifierKey(self.name, ED25519, self.private.public_key().public_bytes_raw())

    def sign(self, text: str, time: int) -> NoteSignature:
        return NoteSignature.by(self.key, self.private.sign(text.encode()))


@dataclass(frozen=True)
class Cosigner:
    """A witness's line of type 0x04."""

    name: str
    private: Ed25519PrivateKey

    @property
    def key(self) -> VerifierKey:
        return VerifierKey(self.name, COSIGNATURE, self.private.public_key().public_bytes_raw())

    def sign(self, text: str, time: int) -> NoteSignature:
        signature = self.private.sign(cosigned_text(text, time))
        return NoteSignature.by(self.key, time.to_bytes(8, "big") + signature)


@dataclass(frozen=True)
class MlDsa44Signer:
    """A log's or a witness's line of type 0x06."""

    name: str
    private: MLDSA44PrivateKey

    @property
    def key(self) -> VerifierKey:
        return VerifierKey(self.name, ML_DSA_44, self.private.public_key().public_bytes_raw())

    def sign(self, text: str, time: int) -> NoteSignature:
        signature = self.private.sign(cosigned_message(self.name, text, time))
        return NoteSignature.by(self.key, time.to_bytes(8, "big") + signature)


@dataclass(frozen=True)
class Sm2Signer:
    """A log's SM2 line. `private` is a DER private key as `new_sm2_key` makes it.

    Signing raises `CannotCheck` without OpenSSL 3's library, `ValueError` for another key.
    """

    name: str
    private: bytes

    @property
    def key(self) -> VerifierKey:
        library = _library()
        key = _private_key(library, self.private)
        try:
            public = _der(library.i2d_PUBKEY, key)
        finally:
            library.EVP_PKEY_free(key)
        return VerifierKey.sm2(self.name, public[-_POINT_SIZE:])

    def sign(self, text: str, time: int) -> NoteSignature:
        return NoteSignature.by(self.key, _sm2_signature(self.private, text.encode()))


def new_sm2_key() -> bytes:
    """A fresh SM2 private key, DER. Raises `CannotCheck` without OpenSSL 3's library."""
    library = _library()
    key = ctypes.c_void_p(library.EVP_PKEY_Q_keygen(None, None, b"SM2"))
    if not key.value:
        raise CannotCheck("this computer's OpenSSL makes no SM2 keys")
    try:
        return _der(library.i2d_PrivateKey, key)
    finally:
        library.EVP_PKEY_free(key)


def _library() -> ctypes.CDLL:
    library = libcrypto()
    if library is None:
        raise CannotCheck("OpenSSL 3's libcrypto is not installed")
    for name in ("d2i_AutoPrivateKey", "EVP_PKEY_Q_keygen"):
        getattr(library, name).restype = ctypes.c_void_p
    return library


def _private_key(library: ctypes.CDLL, der: bytes) -> ctypes.c_void_p:
    text = ctypes.c_char_p(der)
    size = ctypes.c_long(len(der))
    key = ctypes.c_void_p(library.d2i_AutoPrivateKey(None, ctypes.byref(text), size))
    if not key.value:
        raise ValueError("this is no private key in DER")
    return key


def _der(write: Callable[..., int], key: ctypes.c_void_p) -> bytes:
    buffer = ctypes.create_string_buffer(_MAX_DER)
    size = write(key, ctypes.byref(ctypes.cast(buffer, ctypes.c_void_p)))
    return buffer.raw[:size]


def _sm2_signature(private: bytes, message: bytes) -> bytes:
    """A DER signature with SM3 (GB/T 32918.2, GM/T 0009)."""
    library = _library()
    size_of = ctypes.c_size_t
    key = _private_key(library, private)
    context = ctypes.c_void_p(library.EVP_MD_CTX_new())
    key_context = ctypes.c_void_p(library.EVP_PKEY_CTX_new(key, None))
    digest = ctypes.c_void_p(library.EVP_get_digestbyname(b"SM3"))
    signature, size = ctypes.create_string_buffer(_MAX_SIGNATURE), size_of(_MAX_SIGNATURE)
    try:
        identity = size_of(len(SM2_IDENTITY))
        library.EVP_PKEY_CTX_set1_id(key_context, SM2_IDENTITY, identity)
        library.EVP_MD_CTX_set_pkey_ctx(context, key_context)
        begun = library.EVP_DigestSignInit(context, None, digest, None, key)
        length = size_of(len(message))
        if begun != 1 or (
            library.EVP_DigestSign(context, signature, ctypes.byref(size), message, length) != 1
        ):
            raise ValueError("OpenSSL does not sign with this key")
        return signature.raw[: size.value]
    finally:
        library.EVP_MD_CTX_free(context)
        library.EVP_PKEY_CTX_free(key_context)
        library.EVP_PKEY_free(key)
