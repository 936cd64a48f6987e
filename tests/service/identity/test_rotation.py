"""`python -m services.identity rotate-keys`, as an operator runs it beside the service."""

import asyncio

import asyncpg
import pytest

from services.identity.rotation import rotate_keys
from services.identity.settings import Settings


@pytest.fixture(autouse=True)
async def keys(
    owner: asyncpg.Connection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Active and next keys, which everybody has had a day to learn of."""
    monkeypatch.setattr(Settings, "load", lambda: settings)
    assert await asyncio.to_thread(rotate_keys, []) == 0
    await owner.execute("UPDATE signing_keys SET entered_at = entered_at - interval '1 day'")
    await owner.execute("UPDATE signing_keys SET created_at = created_at - interval '1 day'")


async def states(owner: asyncpg.Connection) -> dict[str, str]:
    return dict(await owner.fetch("SELECT kid, state FROM signing_keys"))


async def test_the_next_keys_become_the_active_ones_and_the_old_ones_still_verify(
    owner: asyncpg.Connection,
) -> None:
    before = await states(owner)
    assert await asyncio.to_thread(rotate_keys, []) == 0
    after = await states(owner)
    moved = {"active": "retiring", "next": "active"}
    assert {kid: moved[state] for kid, state in before.items()}.items() <= after.items()
    assert sorted(after[kid] for kid in after.keys() - before.keys()) == ["next", "next"]


async def test_a_key_that_nobody_can_know_yet_is_not_used(
    owner: asyncpg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await asyncio.to_thread(rotate_keys, []) == 0
    before = await states(owner)
    assert await asyncio.to_thread(rotate_keys, []) == 1
    assert "may be used from" in capsys.readouterr().err
    assert await states(owner) == before
