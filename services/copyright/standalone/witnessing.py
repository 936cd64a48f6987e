"""A witness (C2SP tlog-witness): it cosigns checkpoints of the logs it watches, each a continuation
of the one before, and serves what it cosigned last."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.copyright.domain.signing import Cosigner
from services.copyright.domain.witness import Refused, WatchedLog, decide
from services.copyright.standalone.http import TEXT, Answer, health
from services.copyright.standalone.keys import ed25519_key
from services.copyright.standalone.memory import Memory
from services.copyright.verify.logged import SM3_ORIGIN
from services.copyright.verify.merkle import SHA256, SM3
from services.copyright.verify.notes import VerifierKey


@dataclass(frozen=True)
class WitnessProgram:
    """What answers ``POST /add-checkpoint``, ``GET /<hex SHA-256 of origin>/checkpoint`` and
    ``GET /healthz``.

    `vkeys` is the file of the logs' keys, one a line. It is read for each request.
    """

    cosigner: Cosigner
    memory: Memory
    vkeys: Path

    @classmethod
    def opened(cls, directory: Path, name: str, vkeys: Path) -> "WitnessProgram":
        """With key and memory in `directory`; a new witness makes its key, and writes its verifier
        key to ``witness.vkey``. Raises `KeyExposed`, `MemoryDamaged`."""
        memory = Memory(directory / "cosigned.json")
        cosigner = Cosigner(name, ed25519_key(directory / "witness.key"))
        (directory / "witness.vkey").write_text(f"{cosigner.key}\n")
        return cls(cosigner, memory, vkeys)

    def respond(self, method: str, path: str, body: bytes, _headers: Mapping[str, str]) -> Answer:
        """The answer to one request."""
        if (method, path) == ("POST", "/add-checkpoint"):
            return self._add(body)
        if (method, path) == ("GET", "/healthz"):
            return health(self.memory.lock)
        if method == "GET":
            for origin in self.memory.seen:
                if path == f"/{hashlib.sha256(origin.encode()).hexdigest()}/checkpoint":
                    return Answer(200, self.memory.note(origin) or b"", TEXT)
        return Answer(404, b"There is /add-checkpoint.\n")

    def _add(self, body: bytes) -> Answer:
        with self.memory.lock:
            decided = decide(body, self._logs(), self.memory.seen)
            if isinstance(decided, Refused):
                return Answer(decided.status, decided.body.encode(), decided.content_type)
            line = self.cosigner.sign(decided.note.text, int(time.time()))
            note = decided.note.signed_also([line])
            self.memory.store(decided.origin, decided.seen, bytes(note))
        return Answer(200, str(line).encode())

    def _logs(self) -> dict[str, WatchedLog]:
        keys: dict[str, list[VerifierKey]] = {}
        # A log's signer that has yet to start has not told its keys.
        told = self.vkeys.read_text() if self.vkeys.exists() else ""
        for line in told.split():
            key = VerifierKey.parse(line)
            keys.setdefault(key.name, []).append(key)
        return {
            origin: WatchedLog(tuple(each), SM3 if origin.endswith(SM3_ORIGIN) else SHA256)
            for origin, each in keys.items()
        }
