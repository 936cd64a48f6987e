"""The mark with which a request of the code flow goes to the login page and comes back."""

import base64
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from shared.clock import Clock

FIELD = "asked_at"
LIFE = timedelta(minutes=15)
"""Longer than a sign-in under way lives."""


class StepUp:
    """Says when a request sent a browser to the login page: with that sign-in, and no other, it
    meets ``prompt=login``, ``select_account`` and ``max_age`` (OpenID Connect Core §3.1.2.1).

    The mark is a time and an HMAC over it, the request's other parameters and the cookie of the
    browser's visit, so it serves neither another request nor another browser.
    """

    def __init__(self, key: bytes, clock: Clock) -> None:
        self._key = key
        self._clock = clock

    def marked(self, given: Mapping[str, str], visit: str) -> dict[str, str]:
        """The parameters with a mark of this instant."""
        asked_at = str(int(self._clock().timestamp() * 1000))
        return {**given, FIELD: f"{asked_at}.{self._mac(asked_at, given, visit)}"}

    def asked_at(self, given: Mapping[str, str], visit: str) -> datetime | None:
        """When the request that comes back was marked; None without a good mark."""
        asked_at, _, mac = given.get(FIELD, "").partition(".")
        expected = self._mac(asked_at, given, visit)
        if not hmac.compare_digest(mac.encode(), expected.encode()):
            return None
        then = datetime.fromtimestamp(int(asked_at) / 1000, UTC)
        return then if self._clock() - then < LIFE else None

    def _mac(self, asked_at: str, given: Mapping[str, str], visit: str) -> str:
        parameters = sorted((name, value) for name, value in given.items() if name != FIELD)
        signed = repr((asked_at, visit, parameters)).encode()
        mac = hmac.digest(self._key, signed, "sha256")
        return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()
