"""argon2id (RFC 9106) in memory that a thread keeps, on huge pages.

The passes jump about 19 MiB; on pages of 4 KiB a tenth of the time goes to looking addresses up.
The library takes its memory from malloc, which gives no huge pages to threads, so the one call that
every sign-in makes gives the C function its memory. All else stays with the library.
"""

import base64
import binascii
import hmac
import mmap
import threading
from contextlib import suppress
from typing import Any

from argon2 import PasswordHasher, Type, extract_parameters
from argon2.exceptions import HashingError, InvalidHashError, VerificationError
from argon2.low_level import core, error_to_str, ffi

SALT_BYTES = 16
HASH_BYTES = 32
HUGE_PAGE_BYTES = 2 << 20


class Argon2id:
    """Hashes passwords with `iterations` passes over `memory_kib` KiB."""

    def __init__(self, *, memory_kib: int, iterations: int) -> None:
        self._library = PasswordHasher(
            time_cost=iterations,
            memory_cost=memory_kib,
            parallelism=1,
            hash_len=HASH_BYTES,
            salt_len=SALT_BYTES,
            type=Type.ID,
        )
        self._parameters = extract_parameters(self._library.hash(""))
        self._of_thread = threading.local()

    def hash(self, password: str) -> str:
        """The PHC string of a password."""
        return self._library.hash(password)

    def outdated(self, known: str) -> bool:
        """Whether `known` was made with other parameters than these."""
        return self._library.check_needs_rehash(known)

    def verify(self, known: str, password: str) -> bool:
        """Whether `known` is the hash of `password`; what is no hash is nobody's."""
        try:
            if extract_parameters(known) != self._parameters:
                return self._library.verify(known, password)
            salt, digest = (_decoded(each) for each in known.split("$")[-2:])
            return hmac.compare_digest(self._digest(password.encode(), salt), digest)
        except (VerificationError, InvalidHashError, binascii.Error):
            return False

    def _digest(self, password: bytes, salt: bytes) -> bytes:
        parameters, memory = self._parameters, self._memory()
        out = ffi.new("uint8_t[]", parameters.hash_len)
        pwd, salted = ffi.new("uint8_t[]", password), ffi.new("uint8_t[]", salt)
        context = {
            "out": out,
            "outlen": parameters.hash_len,
            "pwd": pwd,
            "pwdlen": len(password),
            "salt": salted,
            "saltlen": len(salt),
            "t_cost": parameters.time_cost,
            "m_cost": parameters.memory_cost,
            "lanes": parameters.parallelism,
            "threads": parameters.parallelism,
            "version": parameters.version,
            "allocate_cbk": memory.allocate,
            "free_cbk": memory.free,
        }
        if failure := core(ffi.new("argon2_context *", context), parameters.type.value):
            raise HashingError(error_to_str(failure))
        return bytes(ffi.buffer(out))

    def _memory(self) -> "_Memory":
        memory: _Memory | None = getattr(self._of_thread, "memory", None)
        if memory is None:
            memory = self._of_thread.memory = _Memory(self._parameters.memory_cost << 10)
        return memory


class _Memory:
    """What the C function computes in, kept from password to password. Where the system has no
    huge pages to give, it is memory like any other."""

    def __init__(self, size: int) -> None:
        self.mapping = mmap.mmap(-1, size + HUGE_PAGE_BYTES, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        with suppress(OSError):
            self.mapping.madvise(mmap.MADV_HUGEPAGE)
        start = ffi.from_buffer("uint8_t[]", self.mapping)
        aligned = start + -int(ffi.cast("uintptr_t", start)) % HUGE_PAGE_BYTES

        def allocate(place: Any, wanted: int) -> int:
            if wanted > size:
                return 1
            place[0] = aligned
            return 0

        self.allocate = ffi.callback("int(uint8_t **, size_t)", allocate, error=1)
        self.free = ffi.callback("void(uint8_t *, size_t)", lambda *_: None)


def _decoded(text: str) -> bytes:
    """Base64 without padding, as in a PHC string."""
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
