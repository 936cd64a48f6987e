"""What applications asked for: counts by application, operation and day."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple, Self

from shared.civil import civil_date


class UsageKey(NamedTuple):
    client: str
    day: date
    operation: str


@dataclass(slots=True)
class Counts:
    """``refused`` are answers from 400 to 499, ``failed`` those from 500; bytes are of bodies."""

    requests: int = 0
    refused: int = 0
    failed: int = 0
    received: int = 0
    sent: int = 0


class Request(NamedTuple):
    """One line of Envoy's access log that names an application."""

    key: UsageKey
    status: int
    received: int
    sent: int

    @classmethod
    def of(cls, line: Any) -> Self | None:
        """None for what was no application's, or is no line of ours."""
        try:
            # A request that showed a key has a token's claims only where the token was looked at.
            client = line["client"] or line.get("keyholder")
            if not client or not line["operation"]:
                return None
            day = civil_date(datetime.fromisoformat(line["at"]))
            key = UsageKey(str(client), day, str(line["operation"]))
            return cls(key, int(line["status"]), int(line["received"]), int(line["sent"]))
        except (KeyError, TypeError, ValueError):
            return None


class Tally:
    """Sums up requests."""

    def __init__(self) -> None:
        self.counts: dict[UsageKey, Counts] = {}

    def add(self, request: Request) -> None:
        counts = self.counts.get(request.key)
        if counts is None:
            counts = self.counts[request.key] = Counts()
        counts.requests += 1
        counts.refused += 400 <= request.status < 500
        counts.failed += request.status >= 500
        counts.received += request.received
        counts.sent += request.sent
