"""Evidence platforms (存证) in the shape of 长安链 CMEVI: ``Evidence`` with id, hash and metadata.

No platform's own protocol is public in full; the path and the envelope here are those of the field
list that is, and our own stand-in's. A commercial platform's client is another class beside this.
"""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services.copyright.application.deposits import EvidencePlatform
from services.copyright.domain.deposits import Deposit, DepositRefused
from services.copyright.settings import EvidencePlatformAt
from shared.egress import Egress, EgressAnswer, EgressFailed, EgressRefused
from shared.errors import Unavailable

_NOT_NOW = frozenset({408, 425, 429})
_OK = 200


class ChainPlatform:
    """`services.copyright.application.deposits.EvidencePlatform`, reached by way of `egress`."""

    def __init__(self, at: EvidencePlatformAt, egress: Egress) -> None:
        self.name = at.name
        self._at = at
        self._egress = egress

    async def deposit(self, deposit: Deposit) -> tuple[bytes, datetime]:
        digest = deposit.digest.hex()
        asked = {
            "id": str(deposit.id),
            "hash": digest,
            "metadata": {
                "hashType": "file",
                "hashAlgorithm": "sha256",
                "timestamp": int(deposit.requested_at.timestamp()),
                "content": deposit.code,
            },
        }
        answer = await self._asked(json.dumps(asked).encode())
        if answer.status != _OK:
            self._refuse(answer)
        return answer.content, _time_of(self.name, answer.content, asked)

    async def _asked(self, body: bytes) -> EgressAnswer:
        headers = {"content-type": "application/json"}
        if self._at.token_file:
            token = await asyncio.to_thread(Path(self._at.token_file).read_text)
            headers["authorization"] = f"Bearer {token.strip()}"
        try:
            return await self._egress.request(
                "POST", f"{self._at.url}/Evidence", content=body, headers=headers
            )
        except (EgressRefused, EgressFailed) as reason:
            raise _unavailable(self.name, str(reason)) from reason

    def _refuse(self, answer: EgressAnswer) -> None:
        if answer.status >= 500 or answer.status in _NOT_NOW:
            raise _unavailable(self.name, f"it answered {answer.status}")
        raise DepositRefused(f"{self.name} answered {answer.status}")


def platforms(listed: Sequence[EvidencePlatformAt], egress: Egress) -> list[EvidencePlatform]:
    """The platforms that settings list."""
    return [ChainPlatform(at, egress) for at in listed]


def _time_of(name: str, receipt: bytes, asked: dict[str, Any]) -> datetime:
    """The time in a receipt, which is refused unless it is about what was asked."""
    try:
        told = json.loads(receipt)
        same = (told["id"], told["hash"].lower()) == (asked["id"], asked["hash"])
        named = isinstance(told["txId"], str) and told["txId"] and int(told["blockHeight"]) >= 0
        at = datetime.fromtimestamp(int(told["timestamp"]), UTC)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError) as reason:
        raise _unavailable(name, f"no receipt: {reason!r}") from reason
    if not same or not named:
        raise DepositRefused(f"{name} sent a receipt for something else")
    return at


def _unavailable(name: str, reason: str) -> Unavailable:
    return Unavailable(f"No deposit with {name}: {reason}.", zh=f"{name} 暂时无法存证。")
