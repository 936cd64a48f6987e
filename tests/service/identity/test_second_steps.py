import asyncio
import re
from collections.abc import Callable
from datetime import timedelta

import asyncpg
import pytest
from fastapi import FastAPI

from services.identity.domain.second_factors import code_at, step_of
from services.identity.settings import Settings
from tests.service.identity.authentication import (
    ACCOUNT,
    LOGIN,
    Browser,
    House,
    build_authentication,
    house_of,
    secret_from,
)

SECOND_FACTOR = f"{LOGIN}/second-factor"
WRONG = "not the password of anybody"


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return build_authentication


@pytest.fixture
async def house(app: FastAPI, owner: asyncpg.Connection) -> House:
    return house_of(app, owner)


class TestTheSecondFactor:
    @pytest.fixture
    async def secret(self, house: House) -> bytes:
        """The secret of somebody whose second factor is an authenticator, ready for a code."""
        browser, _ = await house.signed_in()
        page = await browser.open(f"{ACCOUNT}/authenticator")
        secret = secret_from(page.text)
        answer = await browser.submit(f"{ACCOUNT}/authenticator", code=self.code(house, secret))
        self.recovery_codes = re.findall(r"<li><code>([^<]+)</code>", answer.text)
        assert len(self.recovery_codes) == 10
        house.clock.advance(timedelta(minutes=2))
        return secret

    recovery_codes: list[str]

    def code(self, house: House, secret: bytes) -> str:
        return code_at(secret, step_of(house.clock()))

    async def halfway(self, house: House, address: str = "192.0.2.1") -> Browser:
        browser = house.browser(address)
        answer = await browser.sign_in("zhangwei", return_to="/identity/device")
        assert answer.headers["location"] == SECOND_FACTOR
        await browser.open(SECOND_FACTOR)
        return browser

    async def test_a_password_alone_is_not_enough(self, house: House, secret: bytes) -> None:
        browser = await self.halfway(house)
        assert not await browser.is_signed_in()
        assert browser.cookie("session") is None

    async def test_the_present_code_signs_in_and_leads_back(
        self, house: House, secret: bytes, owner: asyncpg.Connection
    ) -> None:
        browser = await self.halfway(house)
        answer = await browser.submit(SECOND_FACTOR, code=self.code(house, secret))
        assert (answer.status_code, answer.headers["location"]) == (303, "/identity/device")
        row = await owner.fetchrow("SELECT amr, acr FROM sessions ORDER BY id DESC LIMIT 1")
        assert row is not None
        assert row["amr"] == ["pwd", "otp", "mfa"]
        assert row["acr"] == "urn:shuyuan:acr:2"

    async def test_a_code_is_refused_the_second_time(self, house: House, secret: bytes) -> None:
        code = self.code(house, secret)
        first, second = await self.halfway(house), await self.halfway(house)
        assert (await first.submit(SECOND_FACTOR, code=code)).status_code == 303
        assert (await second.submit(SECOND_FACTOR, code=code)).status_code == 401

    async def test_of_two_at_once_with_one_code_one_gets_in(
        self, house: House, secret: bytes
    ) -> None:
        code = self.code(house, secret)
        browsers = [await self.halfway(house, f"192.0.2.{n}") for n in range(2)]
        answers = await asyncio.gather(
            *(each.submit(SECOND_FACTOR, code=code) for each in browsers)
        )
        assert sorted(answer.status_code for answer in answers) == [303, 401]

    async def test_a_recovery_code_works_once(self, house: House, secret: bytes) -> None:
        code = self.recovery_codes[0].lower().replace("-", " ")
        first, second = await self.halfway(house), await self.halfway(house)
        assert (await first.submit(SECOND_FACTOR, recovery_code=code)).status_code == 303
        assert (await second.submit(SECOND_FACTOR, recovery_code=code)).status_code == 401

    async def test_recovery_codes_are_kept_as_keyed_hashes(
        self, house: House, secret: bytes, owner: asyncpg.Connection
    ) -> None:
        rows = await owner.fetch("SELECT code_hash FROM recovery_codes")
        assert len(rows) == 10
        stored = await owner.fetchval("SELECT secret FROM authenticators")
        assert secret not in stored
        assert secret.hex().encode() not in stored

    async def test_codes_cannot_be_guessed_for_long(self, house: House, secret: bytes) -> None:
        attacker = await self.halfway(house, "198.51.100.7")
        answers = [
            (await attacker.submit(SECOND_FACTOR, code="000000")).status_code for _ in range(12)
        ]
        assert answers == [401] * 10 + [429] * 2
        owners = await self.halfway(house, "203.0.113.9")
        answer = await owners.submit(SECOND_FACTOR, code=self.code(house, secret))
        assert answer.status_code == 303

    async def test_guesses_of_others_leave_the_owner_the_recovery_codes(
        self, house: House, secret: bytes
    ) -> None:
        attacker = await self.halfway(house)
        for _ in range(12):
            await attacker.submit(SECOND_FACTOR, code="000000")
            await attacker.submit(SECOND_FACTOR, recovery_code="AAAAA-AAAAA-AAAAA")
        owners = await self.halfway(house)
        answer = await owners.submit(SECOND_FACTOR, code=self.code(house, secret))
        assert answer.status_code == 429
        answer = await owners.submit(SECOND_FACTOR, recovery_code=self.recovery_codes[0])
        assert answer.status_code == 303

    async def test_a_sign_in_waits_ten_minutes(self, house: House, secret: bytes) -> None:
        browser = await self.halfway(house)
        house.clock.advance(timedelta(minutes=10))
        answer = await browser.submit(SECOND_FACTOR, code=self.code(house, secret))
        assert answer.headers["location"] == f"{LOGIN}?notice=expired"
        assert not await browser.is_signed_in()

    async def test_a_finished_sign_in_cannot_be_finished_again(
        self, house: House, secret: bytes
    ) -> None:
        browser = await self.halfway(house)
        cookie = browser.cookie("sign_in") or ""
        await browser.submit(SECOND_FACTOR, code=self.code(house, secret))
        house.clock.advance(timedelta(minutes=1))
        thief = house.browser()
        thief.http.cookies.set("shuyuan_sign_in", cookie, "localhost.local", "/identity")
        answer = await thief.open(SECOND_FACTOR)
        assert answer.headers["location"] == f"{LOGIN}?notice=expired"

    async def test_somebody_suspended_halfway_stays_outside(
        self, house: House, secret: bytes, owner: asyncpg.Connection
    ) -> None:
        browser = await self.halfway(house)
        await owner.execute("UPDATE people SET state = 'SUSPENDED'")
        answer = await browser.submit(SECOND_FACTOR, code=self.code(house, secret))
        assert answer.headers["location"] == f"{LOGIN}?notice=expired"

    async def test_without_a_sign_in_its_pages_lead_to_the_beginning(self, house: House) -> None:
        for page in ("second-factor", "second-factor/passkey", "enrol", "password"):
            answer = await house.browser().open(f"{LOGIN}/{page}")
            assert answer.headers["location"] == f"{LOGIN}?notice=expired"


class TestTheProfileDjbh3:
    STRONG = "Heron-7-river"

    @pytest.fixture
    async def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"password_profile": "djbh3"})

    async def grant(self, owner: asyncpg.Connection, person_id: object, role: str) -> None:
        await owner.execute(
            "INSERT INTO organisations (id, code, kind, name, sort_key, path, state, version,"
            " created_at) VALUES (gen_random_uuid(), 'P-0000-0000-0', 'PROVINCE', '陕西省', 's',"
            " 'P000000000', 'OPEN', 1, now())"
        )
        await owner.execute(
            "INSERT INTO role_grants (id, person_id, role, organisation_id, valid_from,"
            " granted_by, created_at) SELECT gen_random_uuid(), $1, $2, id, '2026-01-01', 'test',"
            " now() FROM organisations",
            person_id,
            role,
        )

    async def test_five_failures_lock_one_place_for_ten_minutes(self, house: House) -> None:
        await house.person("zhangwei", self.STRONG)
        attacker = house.browser("198.51.100.7")
        answers = [(await attacker.sign_in("zhangwei", WRONG)).status_code for _ in range(6)]
        assert answers == [401] * 5 + [429]
        owners = house.browser("203.0.113.9")
        assert (await owners.sign_in("zhangwei", self.STRONG)).status_code == 303
        house.clock.advance(timedelta(minutes=9, seconds=59))
        assert (await attacker.sign_in("zhangwei", self.STRONG)).status_code == 429
        house.clock.advance(timedelta(seconds=1))
        assert (await attacker.sign_in("zhangwei", self.STRONG)).status_code == 303

    @pytest.mark.parametrize(
        "role", ["administrator", "security_administrator", "auditor", "reviewer"]
    )
    async def test_who_administers_or_reviews_sets_up_a_second_factor_first(
        self, house: House, owner: asyncpg.Connection, role: str
    ) -> None:
        person_id = await house.person("zhangwei", self.STRONG)
        await self.grant(owner, person_id, role)
        browser = house.browser()
        answer = await browser.sign_in("zhangwei", self.STRONG, "/identity/device")
        assert answer.headers["location"] == f"{LOGIN}/enrol"
        assert not await browser.is_signed_in()
        page = await browser.open(f"{LOGIN}/enrol")
        code = code_at(secret_from(page.text), step_of(house.clock()))
        answer = await browser.submit(f"{LOGIN}/enrol", code="000000")
        assert answer.status_code == 401
        answer = await browser.submit(f"{LOGIN}/enrol", code=code)
        assert answer.status_code == 200
        assert len(re.findall(r"<li><code>", answer.text)) == 10
        assert 'href="/identity/device"' in answer.text
        assert await browser.is_signed_in()

    async def test_who_guesses_the_first_code_is_told_how_long_to_wait(
        self, house: House, owner: asyncpg.Connection
    ) -> None:
        await self.grant(owner, await house.person("zhangwei", self.STRONG), "auditor")
        browser = house.browser()
        await browser.sign_in("zhangwei", self.STRONG)
        await browser.open(f"{LOGIN}/enrol")
        answers = [await browser.submit(f"{LOGIN}/enrol", code="000000") for _ in range(6)]
        assert [each.status_code for each in answers] == [401] * 5 + [429]
        assert int(answers[-1].headers["retry-after"]) > 0

    async def test_a_teacher_needs_none(self, house: House, owner: asyncpg.Connection) -> None:
        person_id = await house.person("zhangwei", self.STRONG)
        await self.grant(owner, person_id, "teacher")
        answer = await house.browser().sign_in("zhangwei", self.STRONG)
        assert answer.headers["location"] == ACCOUNT

    async def test_a_password_of_ninety_days_is_replaced_before_going_on(
        self, house: House
    ) -> None:
        await house.person("zhangwei", self.STRONG)
        house.clock.advance(timedelta(days=90))
        browser = house.browser()
        answer = await browser.sign_in("zhangwei", self.STRONG, "/identity/device")
        page = f"{LOGIN}/password"
        assert answer.headers["location"] == page
        await browser.open(page)
        weak = await browser.submit(page, password="heronriver", again="heronriver")
        assert weak.status_code == 422
        answer = await browser.submit(page, password="Stork-8-river", again="Stork-8-river")
        assert (answer.status_code, answer.headers["location"]) == (303, "/identity/device")
        assert await browser.is_signed_in()
        assert (await house.browser().sign_in("zhangwei", "Stork-8-river")).status_code == 303

    async def test_a_session_unused_for_half_an_hour_is_over(self, house: House) -> None:
        await house.person("zhangwei", self.STRONG)
        browser = house.browser()
        await browser.sign_in("zhangwei", self.STRONG)
        house.clock.advance(timedelta(minutes=29))
        assert await browser.is_signed_in()
        house.clock.advance(timedelta(minutes=30))
        assert not await browser.is_signed_in()
