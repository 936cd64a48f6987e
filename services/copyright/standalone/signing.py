"""The signer: it alone has the logs' private keys, and that which seals evidence."""

import hmac
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.copyright.domain.signer import SignRequest, decide
from services.copyright.domain.signing import Ed25519Signer, NoteSigner, Sm2Signer
from services.copyright.domain.witness import Refused
from services.copyright.standalone.http import Answer, health
from services.copyright.standalone.keys import ed25519_key, sm2_key
from services.copyright.standalone.memory import Memory
from services.copyright.verify.logged import SM3_ORIGIN
from services.copyright.verify.merkle import SHA256, SM3
from services.copyright.verify.notes import Note, NoteMalformed
from services.copyright.verify.seal import SEAL_ORIGIN, sealed_text

VKEYS = "vkeys"
"""Name of the file with the public keys, one a line, for whoever runs a witness."""


@dataclass(frozen=True)
class SigningProgram:
    """What answers ``GET /keys``, ``GET /last``, ``GET /notes``, ``POST /sign`` and ``POST /seal``,
    to whoever has the token, and ``GET /healthz`` to anybody. `sealing` keys sign the digest of an
    evidence bundle, in a form that is no checkpoint."""

    signers: Mapping[str, Sequence[NoteSigner]]
    sealing: Sequence[NoteSigner]
    memory: Memory
    token: str

    @classmethod
    def opened(cls, directory: Path, origin: str, token: str) -> "SigningProgram":
        """With the keys in `directory`; those of a new log are made. An old key that still signs
        (see the rotation) stands there as ``log.old.key``, ``sibling.old.key``,
        ``sibling.sm2.old.key`` or ``evidence.old.key``.

        Raises `KeyExposed`, `MemoryDamaged`, `CannotCheck`.
        """
        sibling = origin + SM3_ORIGIN
        memory = Memory(directory / "signed.json")
        sm2 = [Sm2Signer(sibling, sm2_key(key)) for key in _keys(directory, "sibling.sm2")]
        signers: dict[str, Sequence[NoteSigner]] = {
            origin: _ed25519(directory, "log", origin),
            sibling: [*sm2, *_ed25519(directory, "sibling", sibling)],
        }
        sealing = _ed25519(directory, "evidence", origin + SEAL_ORIGIN)
        found = cls(signers, sealing, memory, token)
        (directory / VKEYS).write_text("".join(f"{vkey}\n" for vkey in found.vkeys))
        return found

    @property
    def vkeys(self) -> list[str]:
        every = [*self.signers.values(), self.sealing]
        return [str(each.key) for signers in every for each in signers]

    def respond(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """The answer to one request."""
        if (method, path) == ("GET", "/healthz"):
            return health(self.memory.lock)
        given = headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            return Answer(401, b"Name the signer's token.\n")
        match method, path:
            case "GET", "/keys":
                return Answer(200, json.dumps(self.vkeys).encode(), "application/json")
            case "GET", "/last":
                sizes = {origin: seen.size for origin, seen in self.memory.seen.items()}
                return Answer(200, json.dumps(sizes).encode(), "application/json")
            case "GET", "/notes":
                notes = [(self.memory.note(origin) or b"").decode() for origin in self.memory.seen]
                return Answer(200, json.dumps(notes).encode(), "application/json")
            case "POST", "/sign":
                return self._sign(body)
            case "POST", "/seal":
                return self._seal(body)
        return Answer(404, b"There is /keys, /last, /notes, /sign and /seal.\n")

    def _sign(self, body: bytes) -> Answer:
        try:
            request = SignRequest.parse(body)
        except NoteMalformed as reason:
            return Answer(400, f"{reason}\n".encode())
        origin, text = request.checkpoint.origin, str(request.checkpoint)
        with self.memory.lock:
            decided = decide(
                request,
                {name: SM3 if name.endswith(SM3_ORIGIN) else SHA256 for name in self.signers},
                self.memory.seen,
            )
            if isinstance(decided, Refused):
                return Answer(decided.status, decided.body.encode())
            now = int(time.time())
            note = Note(text, tuple(each.sign(text, now) for each in self.signers[origin]))
            self.memory.store(origin, decided, bytes(note))
        return Answer(200, bytes(note))

    def _seal(self, body: bytes) -> Answer:
        if not re.fullmatch(b"[0-9a-f]{64}", body):
            return Answer(400, b"A seal is over the hex SHA-256 of SHA256SUMS.\n")
        text = sealed_text(self.sealing[0].key.name, body.decode())
        note = Note(text, tuple(each.sign(text, 0) for each in self.sealing))
        return Answer(200, bytes(note))


def _keys(directory: Path, name: str) -> list[Path]:
    """The key's file, and that of the old one where it still signs."""
    old = directory / f"{name}.old.key"
    return [directory / f"{name}.key", *([old] if old.exists() else [])]


def _ed25519(directory: Path, name: str, origin: str) -> list[NoteSigner]:
    return [Ed25519Signer(origin, ed25519_key(key)) for key in _keys(directory, name)]
