import asyncio
from collections.abc import Callable
from datetime import timedelta

import asyncpg
import pytest
from fastapi import FastAPI

from services.identity.application import turns
from services.identity.settings import Settings
from tests.service.identity.authentication import (
    Browser,
    House,
    build_authentication,
    house_of,
)

WRONG = "not the password of anybody"


@pytest.fixture(autouse=True)
def short_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "TURN", timedelta(seconds=0.2))


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
        attacker = house.browser()
        await attacker.open("/identity/login")
        posts = [
            attacker.submit("/identity/login", username="zhangwei", password=WRONG)
            for _ in range(20)
        ]
        answers = await asyncio.gather(*posts)
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
        browser, restarted = house.browser(), build_authentication(settings)
        await self.guess(browser, 11)
        after = Browser(restarted)
        after.http.cookies = browser.http.cookies
        assert (await after.sign_in("zhangwei")).status_code == 429
        restarted.state.runtime.reader.close()
        await restarted.state.runtime.close()

    async def test_the_owner_elsewhere_is_not_kept_out(self, house: House) -> None:
        await house.person("zhangwei")
        await self.guess(house.browser("198.51.100.7"), 15)
        assert (await house.browser("203.0.113.9").sign_in("zhangwei")).status_code == 303

    async def test_the_owner_on_an_unknown_device_is_not_kept_out_at_the_same_address(
        self, house: House
    ) -> None:
        await house.person("zhangwei")
        attacker = house.browser()
        assert (await self.guess(attacker, 11))[-1] == 429
        assert (await house.browser().sign_in("zhangwei")).status_code == 303
        assert (await attacker.sign_in("zhangwei")).status_code == 429

    async def test_browsers_that_are_new_each_time_take_turns_with_the_owner(
        self, house: House
    ) -> None:
        await house.person("zhangwei")
        await self.crowd(house, "zhangwei")
        attackers = (house.browser().sign_in("zhangwei", WRONG) for _ in range(5))
        answers = await asyncio.gather(*attackers)
        assert sorted(answer.status_code for answer in answers) == [401, *[429] * 4]
        assert (await house.browser().sign_in("zhangwei")).status_code == 303

    async def test_a_crowd_at_one_account_does_not_delay_another(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await house.person("lina")
        await self.crowd(house, "zhangwei")
        monkeypatch.setattr(turns, "TURN", timedelta(hours=1))
        assert (await house.browser().sign_in("lina")).status_code == 303

    async def test_the_owner_on_a_known_device_does_not_wait_in_a_crowd(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        owners, _ = await house.signed_in()
        await owners.open("/identity/logout")
        await owners.submit("/identity/logout")
        await self.crowd(house, "zhangwei")
        monkeypatch.setattr(turns, "TURN", timedelta(hours=1))
        assert (await owners.sign_in("zhangwei")).status_code == 303

    async def test_an_address_that_guesses_at_everybody_keeps_nobody_out(
        self, house: House, owner: asyncpg.Connection
    ) -> None:
        await house.person("zhangwei")
        await self.guess(house.browser(), 1, "lina")
        await owner.execute("UPDATE throttle SET tat = tat + interval '1 day'")
        assert (await house.browser().sign_in("zhangwei")).status_code == 303

    async def crowd(self, house: House, username: str) -> None:
        """Guess from one address, in ever new browsers, until those there take turns."""
        await asyncio.gather(
            *(self.guess(house.browser(), 10, username) for _ in range(5)),
        )

    async def test_a_device_known_to_one_person_is_unknown_to_another(self, house: House) -> None:
        attacker, _ = await house.signed_in()
        await house.person("lina")
        assert (await self.guess(attacker, 11, "lina"))[-1] == 429
        assert (await house.browser("203.0.113.9").sign_in("lina")).status_code == 303

    async def test_a_made_up_device_is_unknown(self, house: House) -> None:
        await house.person("zhangwei")
        browser = house.browser()
        for number in range(11):
            made_up = f"{number:043}"
            browser.http.cookies.set("shuyuan_device", made_up, "localhost.local", "/identity")
            last = await browser.sign_in("zhangwei", WRONG)
        assert last.status_code == 429

    async def test_many_addresses_together_do_not_keep_the_owner_out(self, house: House) -> None:
        await house.person("zhangwei")
        for site in range(10):
            await self.guess(house.browser(f"198.51.100.{site}"), 10)
        assert (await house.browser("203.0.113.9").sign_in("zhangwei")).status_code == 303

    async def counted(self, owner: asyncpg.Connection) -> int:
        return int(await owner.fetchval("SELECT count(*) FROM throttle"))

    async def test_what_a_client_says_of_its_address_is_hearsay(
        self, house: House, owner: asyncpg.Connection
    ) -> None:
        await house.person("zhangwei")
        browser = house.browser()
        for number in range(3):
            browser.http.headers["x-forwarded-for"] = f"203.0.113.{number}, 198.51.100.7"
            await self.guess(browser, 1)
        assert await self.counted(owner) == 5

    async def test_the_addresses_of_one_ipv6_network_are_one(
        self, house: House, owner: asyncpg.Connection
    ) -> None:
        await house.person("zhangwei")
        browser = house.browser()
        for number in range(3):
            browser.http.headers["x-forwarded-for"] = f"2001:db8:1:2::{number:x}"
            await self.guess(browser, 1)
        assert await self.counted(owner) == 5

    async def test_another_spelling_is_no_other_account(
        self, house: House, owner: asyncpg.Connection
    ) -> None:
        await house.person("zhangwei")
        browser = house.browser()
        for spelling in ("zhangwei", "ZhangWei", " zhangwei ", "ｚｈａｎｇｗｅｉ"):
            await self.guess(browser, 1, spelling)
        assert await self.counted(owner) == 5

    async def test_counts_name_nobody(self, house: House, owner: asyncpg.Connection) -> None:
        await house.person("zhangwei")
        await self.guess(house.browser(), 1)
        rows = await owner.fetch("SELECT key FROM throttle")
        assert len(rows) == 5
        assert all(len(row["key"]) == 32 and b"zhangwei" not in row["key"] for row in rows)
