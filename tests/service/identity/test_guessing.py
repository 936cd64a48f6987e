import asyncio
from collections.abc import Callable
from datetime import timedelta

import asyncpg
import pytest
from fastapi import FastAPI

from services.identity.settings import Settings
from tests.service.identity.authentication import (
    Browser,
    House,
    build_authentication,
    house_of,
)

WRONG = "not the password of anybody"


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return build_authentication


@pytest.fixture
async def house(app: FastAPI, owner: asyncpg.Connection) -> House:
    return house_of(app, owner)


class TestGuessing:
    async def guess(self, browser: Browser, times: int, username: str = "zhangwei") -> list[int]:
        return [(await browser.sign_in(username, WRONG)).status_code for _ in range(times)]

    async def test_ten_wrong_guesses_are_enough(self, house: House) -> None:
        await house.person("zhangwei")
        attacker = house.browser("198.51.100.7")
        assert await self.guess(attacker, 12) == [401] * 10 + [429] * 2
        answer = await attacker.sign_in("zhangwei")
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= 300

    async def test_an_unknown_account_is_guarded_alike(self, house: House) -> None:
        assert await self.guess(house.browser(), 11, "nobody") == [401] * 10 + [429]

    async def test_guesses_at_the_same_moment_are_all_counted(self, house: House) -> None:
        await house.person("zhangwei")
        browsers = [house.browser("198.51.100.7") for _ in range(20)]
        answers = await asyncio.gather(*(each.sign_in("zhangwei", WRONG) for each in browsers))
        assert sum(answer.status_code == 401 for answer in answers) <= 10

    async def test_time_lets_one_try_again(self, house: House) -> None:
        await house.person("zhangwei")
        browser = house.browser()
        await self.guess(browser, 11)
        house.clock.advance(timedelta(minutes=5))
        assert (await browser.sign_in("zhangwei")).status_code == 303

    async def test_the_right_password_clears_the_count(self, house: House) -> None:
        await house.person("zhangwei")
        browser = house.browser()
        for _ in range(3):
            await self.guess(browser, 9)
            assert (await browser.sign_in("zhangwei")).status_code == 303

    async def test_a_restart_forgives_nothing(self, house: House, settings: Settings) -> None:
        await house.person("zhangwei")
        await self.guess(house.browser(), 11)
        restarted = build_authentication(settings)
        answer = await Browser(restarted).sign_in("zhangwei")
        assert answer.status_code == 429
        restarted.state.runtime.reader.close()
        await restarted.state.runtime.close()

    async def test_the_owner_elsewhere_is_not_kept_out(self, house: House) -> None:
        await house.person("zhangwei")
        await self.guess(house.browser("198.51.100.7"), 15)
        assert (await house.browser("203.0.113.9").sign_in("zhangwei")).status_code == 303

    async def test_the_owner_on_a_known_device_is_not_kept_out_at_the_same_address(
        self, house: House
    ) -> None:
        owners, _ = await house.signed_in()
        await owners.open("/identity/logout")
        await owners.submit("/identity/logout")
        await self.guess(house.browser(), 15)
        assert (await house.browser().sign_in("zhangwei")).status_code == 429
        assert (await owners.sign_in("zhangwei")).status_code == 303

    async def test_a_device_known_to_one_person_is_unknown_to_another(self, house: House) -> None:
        attacker, _ = await house.signed_in()
        await house.person("lina")
        assert (await self.guess(attacker, 11, "lina"))[-1] == 429
        assert (await house.browser("203.0.113.9").sign_in("lina")).status_code == 303

    async def test_a_made_up_device_is_unknown(self, house: House) -> None:
        await house.person("zhangwei")
        for number in range(11):
            browser = house.browser()
            made_up = f"{number:043}"
            browser.http.cookies.set("shuyuan_device", made_up, "localhost.local", "/identity")
            last = await browser.sign_in("zhangwei", WRONG)
        assert last.status_code == 429

    async def test_many_addresses_together_do_not_keep_the_owner_out(self, house: House) -> None:
        await house.person("zhangwei")
        for site in range(10):
            await self.guess(house.browser(f"198.51.100.{site}"), 10)
        assert await self.guess(house.browser("198.51.100.99"), 2) == [401, 429]
        assert (await house.browser("203.0.113.9").sign_in("zhangwei")).status_code == 303

    async def test_what_a_client_says_of_its_address_is_hearsay(self, house: House) -> None:
        await house.person("zhangwei")
        answers = [
            await house.browser(f"203.0.113.{number}, 198.51.100.7").sign_in("zhangwei", WRONG)
            for number in range(11)
        ]
        assert answers[-1].status_code == 429

    async def test_the_addresses_of_one_ipv6_network_are_one(self, house: House) -> None:
        await house.person("zhangwei")
        answers = [
            await house.browser(f"2001:db8:1:2::{number:x}").sign_in("zhangwei", WRONG)
            for number in range(11)
        ]
        assert answers[-1].status_code == 429

    async def test_another_spelling_is_no_other_account(self, house: House) -> None:
        await house.person("zhangwei")
        spellings = ["zhangwei", "ZhangWei", " zhangwei ", "ｚｈａｎｇｗｅｉ"]
        answers = [
            await house.browser().sign_in(spellings[number % 4], WRONG) for number in range(11)
        ]
        assert answers[-1].status_code == 429

    async def test_counts_name_nobody(self, house: House, owner: asyncpg.Connection) -> None:
        await house.person("zhangwei")
        await self.guess(house.browser(), 1)
        rows = await owner.fetch("SELECT key FROM throttle")
        assert len(rows) == 3
        assert all(len(row["key"]) == 32 and b"zhangwei" not in row["key"] for row in rows)
