"""Key files: raw Ed25519 seeds and DER SM2 keys, mode 0600, made when they are not there."""

import os
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.copyright.domain.signing import new_sm2_key


class KeyExposed(Exception):
    """Others on this machine may read a private key."""


def ed25519_key(path: Path) -> Ed25519PrivateKey:
    """The key in `path`. Raises `KeyExposed`, and `ValueError` for what is none."""
    return Ed25519PrivateKey.from_private_bytes(
        _kept(path, lambda: Ed25519PrivateKey.generate().private_bytes_raw())
    )


def sm2_key(path: Path) -> bytes:
    """The DER private key in `path`. Raises `KeyExposed`; `CannotCheck` where OpenSSL lacks it."""
    return _kept(path, new_sm2_key)


def _kept(path: Path, make: Callable[[], bytes]) -> bytes:
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(make())
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    if path.stat().st_mode & 0o077:
        raise KeyExposed(f"{path} may be read by others: chmod 600 it")
    return path.read_bytes()
