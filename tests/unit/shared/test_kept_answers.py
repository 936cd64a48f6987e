"""Answers kept under an Idempotency-Key, given again by a service that was restarted meanwhile."""

from typing import Any
from unittest.mock import AsyncMock

import pytest
from fastapi import Response

from shared.encryption import KeyRing
from shared.errors import IdempotencyKeyReused
from shared.idempotency import Claim, Replay

OLD, NEW = b"o" * 32, b"n" * 32
ANSWER = b'{"id": "1"}'


def claim(keys: KeyRing | None) -> Claim:
    claim = Claim("client/actor", "key", b"fingerprint", keys)
    claim.present = lambda _result: Response(ANSWER, 201)
    return claim


async def repeated(kept: dict[str, Any], keys: KeyRing | None) -> bytes:
    """What a repeat of the request that left `kept` is answered."""
    connection, row = AsyncMock(), AsyncMock(**kept)
    row.headers = {}
    connection.execute.return_value.one_or_none = lambda: row
    connection.execute.return_value.scalar_one = lambda: True
    with pytest.raises(Replay) as replay:
        await claim(keys).take(connection)
    return bytes(replay.value.response.body)


async def test_an_answer_opens_with_the_key_that_closed_it() -> None:
    kept = claim(KeyRing([OLD])).row(None)
    assert await repeated(kept, KeyRing([NEW, OLD])) == ANSWER


async def test_an_answer_from_before_there_were_keys_is_given_as_it_is() -> None:
    kept = claim(None).row(None)
    assert await repeated(kept, KeyRing([NEW])) == ANSWER


async def test_an_answer_whose_key_has_left_the_ring_is_told_and_nothing_is_done_again() -> None:
    kept = claim(KeyRing([OLD])).row(None)
    with pytest.raises(IdempotencyKeyReused, match="carried out"):
        await repeated(kept, KeyRing([NEW]))
