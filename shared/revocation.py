"""Revoked tokens, in memory: what a `TokenVerifier` asks about every token.

A revocation names a claim and its value, and voids the tokens that carry it and were issued before
an instant. Tokens are short-lived, so a revocation is forgotten once the last of them has expired.
A token issued in the second of its revocation counts as issued before.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

CLAIM_OF_KIND: Mapping[str, str] = {
    "token": "jti",
    "session": "sid",
    "family": "fam",
    "person": "sub",
    "client": "client_id",
    "consent": "sub",
}
_CLAIMS = tuple(dict.fromkeys(CLAIM_OF_KIND.values()))


class RevokedTokens:
    """The revocations now in force. Instants are Unix times in seconds."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._entries: dict[tuple[str, str], tuple[float, float]] = {}
        self._sweep_at = 0.0

    def add(self, kind: str, value: str, before: float, expires_at: float) -> None:
        """Note a revocation; one already known, or of an unknown kind, changes nothing."""
        claim = CLAIM_OF_KIND.get(kind)
        if claim is None:
            return
        known_before, known_expiry = self._entries.get((claim, value), (before, expires_at))
        self._entries[claim, value] = (max(before, known_before), max(expires_at, known_expiry))
        self._forget_expired()

    def __call__(self, claims: Mapping[str, Any]) -> bool:
        """Whether the token with these claims is void."""
        if not self._entries:
            return False
        for claim in _CLAIMS:
            entry = self._entries.get((claim, str(claims.get(claim))))
            if entry is not None and claims["iat"] < entry[0]:
                return True
        return False

    def _forget_expired(self) -> None:
        now = self._clock()
        if now < self._sweep_at:
            return
        self._sweep_at = now + 60
        self._entries = {k: entry for k, entry in self._entries.items() if entry[1] > now}
