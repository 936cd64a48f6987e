"""Signature verification with this computer's OpenSSL: its library, or else its program.

Public keys come as DER SubjectPublicKeyInfo (RFC 5280 §4.1.2.7). Every function returns whether the
signature is good and raises `CannotCheck` where this computer's OpenSSL lacks the algorithm.
"""

import ctypes
import functools
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from services.copyright.verify.merkle import CannotCheck

SM2_IDENTITY = b"1234567812345678"  # GM/T 0009 §10: where nothing else was agreed

_ED25519_PREFIX = bytes.fromhex("302a300506032b6570032100")  # RFC 8410 §4
_SM2_PREFIX = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200")  # GM/T 0006
_ML_DSA_44_PREFIX = bytes.fromhex("30820532300b060960864801650304031103820521 00")  # RFC 9881 §4


def verify_ed25519(key: bytes, message: bytes, signature: bytes) -> bool:
    """Ed25519 (RFC 8032) by a key of 32 bytes; a signature has 64."""
    return _verify(_ED25519_PREFIX + key, message, signature)


def verify_sm2(key: bytes, message: bytes, signature: bytes) -> bool:
    """SM2 with SM3 (GB/T 32918.2, identity `SM2_IDENTITY`) by an uncompressed point of 65 bytes.

    The signature is a DER SEQUENCE of r and s (GM/T 0009 §7.3).
    """
    return _verify(_SM2_PREFIX + key, message, signature, sm2=True)


def verify_ml_dsa_44(key: bytes, message: bytes, signature: bytes) -> bool:
    """ML-DSA-44 (FIPS 204, empty context) by a key of 1,312 bytes; a signature has 2,420."""
    try:
        from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
    except ImportError:
        return _verify(_ML_DSA_44_PREFIX + key, message, signature)
    try:
        MLDSA44PublicKey.from_public_bytes(key).verify(signature, message)
    except UnsupportedAlgorithm:
        return _verify(_ML_DSA_44_PREFIX + key, message, signature)
    except InvalidSignature:
        return False
    return True


def _verify(key: bytes, message: bytes, signature: bytes, *, sm2: bool = False) -> bool:
    library = libcrypto()
    if library is None:
        return _verify_with_program(key, message, signature, sm2=sm2)
    return _verify_with_library(library, key, message, signature, sm2=sm2)


@functools.cache
def libcrypto() -> ctypes.CDLL | None:
    """OpenSSL 3's library; None where it is not found under its Linux name.

    No other name is tried: macOS ends a process that loads its own unversioned one.
    """
    try:
        library = ctypes.CDLL("libcrypto.so.3")
    except OSError:
        return None
    for name in ("EVP_MD_CTX_new", "EVP_get_digestbyname", "EVP_PKEY_CTX_new", "d2i_PUBKEY"):
        getattr(library, name).restype = ctypes.c_void_p
    return library


def _verify_with_library(
    library: ctypes.CDLL, der: bytes, message: bytes, signature: bytes, *, sm2: bool
) -> bool:
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    text = ctypes.c_char_p(der)
    key = pointer(library.d2i_PUBKEY(None, ctypes.byref(text), ctypes.c_long(len(der))))
    if not key.value:
        raise CannotCheck("this computer's OpenSSL does not read such a public key")
    context = pointer(library.EVP_MD_CTX_new())
    key_context = pointer(library.EVP_PKEY_CTX_new(key, None)) if sm2 else pointer()
    digest = pointer()
    try:
        if sm2:
            digest = pointer(library.EVP_get_digestbyname(b"SM3"))
            identity = size(len(SM2_IDENTITY))
            if not digest.value or not key_context.value:
                raise CannotCheck("this computer's OpenSSL has no SM2 with SM3")
            if library.EVP_PKEY_CTX_set1_id(key_context, SM2_IDENTITY, identity) != 1:
                raise CannotCheck("this computer's OpenSSL takes no SM2 identity")
            library.EVP_MD_CTX_set_pkey_ctx(context, key_context)
        if library.EVP_DigestVerifyInit(context, None, digest, None, key) != 1:
            raise CannotCheck("this computer's OpenSSL cannot verify with such a key")
        return bool(
            library.EVP_DigestVerify(
                context, signature, size(len(signature)), message, size(len(message))
            )
            == 1
        )
    finally:
        library.EVP_MD_CTX_free(context)
        if sm2:
            library.EVP_PKEY_CTX_free(key_context)
        library.EVP_PKEY_free(key)


def _verify_with_program(key: bytes, message: bytes, signature: bytes, *, sm2: bool) -> bool:
    identity = ["-digest", "sm3", "-pkeyopt", f"distid:{SM2_IDENTITY.decode()}"] if sm2 else []
    with tempfile.TemporaryDirectory() as folder:
        files = {"-inkey": key, "-in": message, "-sigfile": signature}
        paths = {option: str(Path(folder, option)) for option in files}
        for option, data in files.items():
            Path(paths[option]).write_bytes(data)
        given = [each for pair in paths.items() for each in pair]
        key_form = ["-pubin", "-keyform", "DER"]
        done = run_openssl(["pkeyutl", "-verify", "-rawin", *key_form, *given, *identity])
    if done.returncode == 0:
        return True
    said = done.stdout + done.stderr
    if b"Signature Verification Failure" in said:
        return False
    raise CannotCheck(f"the program openssl could not verify: {first_line(done.stderr)}")


def run_openssl(arguments: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    """Run the ``openssl`` program. Raises `CannotCheck` where there is none, or it hangs."""
    try:
        return subprocess.run(["openssl", *arguments], capture_output=True, timeout=30, check=False)
    except FileNotFoundError:
        raise CannotCheck("the program openssl is not installed") from None
    except subprocess.TimeoutExpired:
        raise CannotCheck("the program openssl did not finish within 30 s") from None


def first_line(output: bytes) -> str:
    """The first line a program wrote, for a person."""
    lines = output.decode(errors="replace").strip().splitlines()
    return lines[0] if lines else "it said nothing"
