"""The signer: it alone has the logs' private keys."""

import hmac
import json
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

VKEYS = "vkeys"
"""Name of the file with the public keys, one a line, for whoever runs a witness."""


@dataclass(frozen=True)
class SigningProgram:
    """What answers ``GET /keys``, ``GET /last`` and ``POST /sign``, to whoever has the token, and
    ``GET /healthz`` to anybody."""

    signers: Mapping[str, Sequence[NoteSigner]]
    memory: Memory
    token: str

    @classmethod
    def opened(cls, directory: Path, origin: str, token: str) -> "SigningProgram":
        """With the keys in `directory`; those of a new log are made. An old Ed25519 key that still
        signs (see the rotation) stands there as ``log.old.key`` or ``sibling.old.key``.

        Raises `KeyExposed`, `MemoryDamaged`, `CannotCheck`.
        """
        sibling = origin + SM3_ORIGIN
        sm2 = Sm2Signer(sibling, sm2_key(directory / "sibling.sm2.key"))
        signers: dict[str, Sequence[NoteSigner]] = {
            origin: _ed25519(directory, "log", origin),
            sibling: [sm2, *_ed25519(directory, "sibling", sibling)],
        }
        found = cls(signers, Memory(directory / "signed.json"), token)
        (directory / VKEYS).write_text("".join(f"{vkey}\n" for vkey in found.vkeys))
        return found

    @property
    def vkeys(self) -> list[str]:
        return [str(each.key) for signers in self.signers.values() for each in signers]

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
            case "POST", "/sign":
                return self._sign(body)
        return Answer(404, b"There is /keys, /last and /sign.\n")

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


def _ed25519(directory: Path, name: str, origin: str) -> list[NoteSigner]:
    found: list[NoteSigner] = [Ed25519Signer(origin, ed25519_key(directory / f"{name}.key"))]
    old = directory / f"{name}.old.key"
    if old.exists():
        found.append(Ed25519Signer(origin, ed25519_key(old)))
    return found
