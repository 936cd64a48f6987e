"""A local stand-in for an evidence platform (存证), in the shape of 长安链 CMEVI."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.copyright.standalone.http import Answer

TOKEN = "the platform's token of the tests"
TIME = 1_780_000_000


@dataclass
class StandIn:
    """Keeps what it is sent, once for an id. `failing`: so many requests are answered 503 first;
    `lying`: its receipts are about something else; `answers_lost`: so many of its answers break
    off after it kept what it was sent."""

    kept: dict[str, Any] = field(default_factory=dict)
    failing: int = 0
    answers_lost: int = 0
    lying: bool = False
    refusing: bool = False

    def respond(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        if headers.get("authorization") != f"Bearer {TOKEN}":
            return Answer(401, b"{}")
        if (method, path) != ("POST", "/Evidence"):
            return Answer(404, b"{}")
        if self.refusing:
            return Answer(403, b"{}")
        if self.failing:
            self.failing -= 1
            return Answer(503, b"{}")
        asked = json.loads(body)
        height = len(self.kept) + 1
        fresh = {
            "id": asked["id"],
            "hash": asked["hash"].upper(),
            "txId": f"{height:064x}",
            "blockHeight": height,
            "timestamp": TIME,
            "metadata": asked["metadata"],
        }
        receipt = self.kept.setdefault(asked["id"], fresh)
        if self.answers_lost:
            self.answers_lost -= 1
            return Answer(502, b"{}")
        told = receipt | {"hash": "0" * 64} if self.lying else receipt
        return Answer(200, json.dumps(told).encode(), "application/json")
