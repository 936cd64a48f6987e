"""Fixtures of the tests of vocabularies, textbooks and knowledge graphs."""

from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest
from fastapi import FastAPI

from services.catalog.parts import vocabularies as part
from services.catalog.settings import Settings
from tests.service.catalog.conftest import only
from tests.service.house import Token

PROVINCE = "P01017K3MX"

# What the migration made is the first version of each dictionary: the others are undone.
_UNDO = """
    DELETE FROM terms WHERE since > 1;
    UPDATE terms SET until = NULL WHERE until IS NOT NULL;
    DELETE FROM dictionary_versions WHERE version > 1;
    UPDATE dictionaries SET version = 1;
"""


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return only(part.build)


@pytest.fixture(autouse=True)
async def starter_set(owner: asyncpg.Connection) -> AsyncIterator[None]:
    """The dictionaries as a new province has them, before the test and after it."""
    yield
    await owner.execute(_UNDO)


@pytest.fixture
def admin(token: Token) -> dict[str, str]:
    """The headers of an administrator of the province."""
    return token("admin", "catalog.read catalog.write", (f"administrator@{PROVINCE}",))
