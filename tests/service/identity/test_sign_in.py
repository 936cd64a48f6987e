from collections.abc import Callable

import asyncpg
import pytest
from fastapi import FastAPI

from services.identity.settings import Settings
from tests.service.identity.authentication import (
    ACCOUNT,
    LOGIN,
    PASSWORD,
    House,
    build_authentication,
    house_of,
)


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return build_authentication


@pytest.fixture
async def house(app: FastAPI, owner: asyncpg.Connection) -> House:
    return house_of(app, owner)


async def test_the_right_password_signs_in(house: House) -> None:
    await house.person("zhangwei")
    browser = house.browser()
    answer = await browser.sign_in("zhangwei")
    assert (answer.status_code, answer.headers["location"]) == (303, ACCOUNT)
    assert await browser.is_signed_in()
