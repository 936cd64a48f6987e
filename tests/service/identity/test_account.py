import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.identity.domain.people import State
from services.identity.domain.second_factors import code_at, step_of
from services.identity.settings import Settings
from tests.service.identity.authentication import (
    ACCOUNT,
    LOGIN,
    PASSWORD,
    Browser,
    House,
    build_authentication,
    fields_of,
    house_of,
    secret_from,
)
from tests.service.identity.conftest import waiting_for_locks

NEW = "the stork went over the bridge"
PASSWORD_PAGE = f"{ACCOUNT}/password"
FACTORS = f"{ACCOUNT}/second-factors"
AUTHENTICATOR = f"{ACCOUNT}/authenticator"
ACTIVATE = "/identity/activate"


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return build_authentication


@pytest.fixture
async def house(app: FastAPI, owner: asyncpg.Connection) -> House:
    return house_of(app, owner)


async def set_up(house: House, browser: Browser) -> tuple[bytes, list[str]]:
    """Set up an authenticator; its secret, and the recovery codes that were shown."""
    page = await browser.open(AUTHENTICATOR)
    secret = secret_from(page.text)
    code = code_at(secret, step_of(house.clock()))
    answer = await browser.submit(AUTHENTICATOR, code=code)
    return secret, re.findall(r"<li><code>([^<]+)</code>", answer.text)


async def change(browser: Browser, what: str, **fields: str) -> httpx2.Response:
    await browser.open(FACTORS)
    csrf = fields_of(browser.shown, "/identity/logout")["csrf"]
    return await browser.http.post(FACTORS, data={"csrf": csrf, "change": what, **fields})


class TestWhoMay:
    @pytest.mark.parametrize(
        "page", ["", "/password", "/second-factors", "/authenticator", "/passkeys", "/sessions"]
    )
    async def test_a_stranger_signs_in_first(self, house: House, page: str) -> None:
        answer = await house.browser().open(ACCOUNT + page)
        assert answer.status_code == 303
        assert answer.headers["location"] == f"{LOGIN}?return_to={ACCOUNT}{page}"

    @pytest.mark.parametrize("page", ["/password", "/authenticator", "/passkeys"])
    async def test_who_signed_in_a_while_ago_confirms_it_before_changing_anything(
        self, house: House, page: str
    ) -> None:
        browser, _ = await house.signed_in()
        house.clock.advance(timedelta(minutes=10))
        answer = await browser.open(ACCOUNT + page)
        assert answer.headers["location"] == f"{LOGIN}?return_to={ACCOUNT}{page}"
        assert "Confirm that it is you" in (await browser.open(answer.headers["location"])).text

    async def test_the_door_leads_to_the_account(self, house: House) -> None:
        browser, _ = await house.signed_in()
        for door in ("/identity", "/identity/", LOGIN):
            assert (await browser.open(door)).headers["location"] == ACCOUNT
        assert "张伟" in (await browser.open(ACCOUNT)).text


class TestThePassword:
    async def test_it_is_changed_and_other_sessions_end(self, house: House) -> None:
        elsewhere, _ = await house.signed_in()
        browser = house.browser()
        await browser.sign_in("zhangwei")
        await browser.open(PASSWORD_PAGE)
        answer = await browser.submit(PASSWORD_PAGE, password=NEW, again=NEW)
        assert answer.headers["location"] == f"{PASSWORD_PAGE}?done=1"
        assert await browser.is_signed_in()
        assert not await elsewhere.is_signed_in()
        assert (await house.browser().sign_in("zhangwei", PASSWORD)).status_code == 401
        assert (await house.browser().sign_in("zhangwei", NEW)).status_code == 303
        assert len(await house.audited("password.changed")) == 1

    async def test_changing_it_ends_what_applications_were_given_elsewhere(
        self, house: House
    ) -> None:
        browser, person_id = await house.signed_in()
        stolen = await house.allowed_offline(person_id)
        await browser.open(PASSWORD_PAGE)
        await browser.submit(PASSWORD_PAGE, password=NEW, again=NEW)
        assert await house.has_ended(stolen)

    @pytest.mark.parametrize(
        ("password", "again", "told"),
        [
            ("quay", "quay", "Too short: 15 characters"),
            (NEW, NEW + "x", "The two passwords differ"),
            ("password12345678", "password12345678", "Too common"),
            ("zhangwei20260901", "zhangwei20260901", "Do not build it on your name"),
            ("", "", "Too short"),
        ],
    )
    async def test_a_bad_one_is_refused_and_the_reason_told(
        self, house: House, password: str, again: str, told: str
    ) -> None:
        browser, _ = await house.signed_in()
        await browser.open(PASSWORD_PAGE)
        answer = await browser.submit(PASSWORD_PAGE, password=password, again=again)
        assert answer.status_code == 422
        assert told in answer.text
        assert 'aria-invalid="true"' in answer.text
        assert not password or password not in answer.text

    async def test_former_ones_do_not_come_back_under_djbh3(
        self, settings: Settings, owner: asyncpg.Connection
    ) -> None:
        app = build_authentication(settings.model_copy(update={"password_profile": "djbh3"}))
        house = house_of(app, owner)
        browser, _ = await house.signed_in()
        passwords = [f"Heron-{number}-river" for number in range(6)]
        for new in passwords:
            await browser.open(PASSWORD_PAGE)
            answer = await browser.submit(PASSWORD_PAGE, password=new, again=new)
            assert answer.status_code == 303
        for recent in passwords[1:]:
            await browser.open(PASSWORD_PAGE)
            answer = await browser.submit(PASSWORD_PAGE, password=recent, again=recent)
            assert "You used it before" in answer.text
        oldest = passwords[0]
        await browser.open(PASSWORD_PAGE)
        answer = await browser.submit(PASSWORD_PAGE, password=oldest, again=oldest)
        assert answer.status_code == 303
        await app.state.runtime.close()


class TestTheAuthenticator:
    async def test_it_is_set_up_with_its_first_code(
        self, house: House, owner: asyncpg.Connection
    ) -> None:
        browser, person_id = await house.signed_in()
        _, codes = await set_up(house, browser)
        assert len(set(codes)) == 10
        assert "On since" in (await browser.open(FACTORS)).text
        [entry] = await house.audited("second_factor.added")
        assert (entry["actor"], entry["target"]) == (str(person_id), str(person_id))

    async def test_a_wrong_first_code_sets_up_nothing(self, house: House) -> None:
        browser, _ = await house.signed_in()
        page = await browser.open(AUTHENTICATOR)
        answer = await browser.submit(AUTHENTICATOR, code="12345")
        assert answer.status_code == 422
        assert secret_from(answer.text) == secret_from(page.text)
        assert (await house.browser().sign_in("zhangwei")).headers["location"] == ACCOUNT

    async def test_its_secret_is_not_shown_again(self, house: House) -> None:
        browser, _ = await house.signed_in()
        await set_up(house, browser)
        assert (await browser.open(AUTHENTICATOR)).status_code == 409

    async def test_it_is_removed(self, house: House) -> None:
        browser, _ = await house.signed_in()
        await set_up(house, browser)
        assert (await change(browser, "remove_authenticator")).status_code == 303
        assert (await house.browser().sign_in("zhangwei")).headers["location"] == ACCOUNT
        assert len(await house.audited("second_factor.removed")) == 1

    async def test_it_stays_while_the_password_is_too_short_to_stand_alone(
        self, house: House
    ) -> None:
        browser, _ = await house.signed_in()
        await set_up(house, browser)
        await browser.open(PASSWORD_PAGE)
        short = "her gap7"
        await browser.submit(PASSWORD_PAGE, password=short, again=short)
        answer = await change(browser, "remove_authenticator")
        assert answer.status_code == 409
        assert "your only second step" in answer.text
        await browser.open(PASSWORD_PAGE)
        await browser.submit(PASSWORD_PAGE, password=NEW, again=NEW)
        assert (await change(browser, "remove_authenticator")).status_code == 303

    async def test_new_recovery_codes_void_the_old(self, house: House) -> None:
        browser, _ = await house.signed_in()
        _, old = await set_up(house, browser)
        answer = await change(browser, "renew_recovery_codes")
        new = re.findall(r"<li><code>([^<]+)</code>", answer.text)
        assert len(new) == 10
        assert not set(old) & set(new)
        halfway = house.browser()
        await halfway.sign_in("zhangwei")
        page = f"{LOGIN}/second-factor"
        await halfway.open(page)
        assert (await halfway.submit(page, recovery_code=old[0])).status_code == 401
        assert (await halfway.submit(page, recovery_code=new[0])).status_code == 303

    async def test_there_are_no_recovery_codes_without_a_second_factor(self, house: House) -> None:
        browser, _ = await house.signed_in()
        assert (await change(browser, "renew_recovery_codes")).status_code == 409


class TestTwoThingsAtOnce:
    """A short password stands beside a second factor, whatever comes at the same time."""

    async def beside_factors(
        self, house: House, passkeys: int, *, authenticator: bool = False
    ) -> tuple[Browser, list[str]]:
        """Somebody whose password is short, and the passkeys."""
        browser, person_id = await house.signed_in()
        await house.owner.execute("UPDATE passwords SET stands_alone = false")
        if authenticator:
            await house.owner.execute(
                "INSERT INTO authenticators (person_id, secret, created_at, confirmed_at)"
                " VALUES ($1, '', now(), now())",
                person_id,
            )
        await house.owner.execute(
            "INSERT INTO passkeys (id, person_id, credential_id, public_key, sign_count, synced,"
            " name, created_at) SELECT gen_random_uuid(), $1, n::text::bytea, '', 0, false, '',"
            " now() FROM generate_series(1, $2) n",
            person_id,
            passkeys,
        )
        rows = await house.owner.fetch("SELECT id FROM passkeys")
        return browser, [str(row["id"]) for row in rows]

    async def both(self, house: House, table: str, *requests: Awaitable[httpx2.Response]) -> int:
        """Send two requests that meet at the rows of `table`; how many were done."""
        async with house.owner.transaction():
            await house.owner.fetch(f"SELECT FROM {table} FOR UPDATE")
            under_way = [asyncio.ensure_future(each) for each in requests]
            await waiting_for_locks(house.owner, 2)
        answers = await asyncio.gather(*under_way)
        assert {answer.status_code for answer in answers} <= {303, 409, 422}
        return sum(answer.status_code == 303 for answer in answers)

    async def test_of_two_passkeys_one_stays(self, house: House) -> None:
        browser, passkeys = await self.beside_factors(house, 2)
        requests = [change(browser, "remove_passkey", passkey=each) for each in passkeys]
        assert await self.both(house, "passkeys", *requests) == 1
        assert await house.owner.fetchval("SELECT count(*) FROM passkeys") == 1

    async def test_of_a_passkey_and_an_authenticator_one_stays(self, house: House) -> None:
        browser, [passkey] = await self.beside_factors(house, 1, authenticator=True)
        requests = (
            change(browser, "remove_passkey", passkey=passkey),
            change(browser, "remove_authenticator"),
        )
        assert await self.both(house, "passkeys, authenticators", *requests) == 1

    async def test_no_short_password_is_chosen_while_the_factor_goes(self, house: House) -> None:
        browser, [passkey] = await self.beside_factors(house, 1)
        await house.owner.execute("UPDATE passwords SET stands_alone = true")
        await browser.open(PASSWORD_PAGE)
        short = "her gap7"
        choosing = browser.submit(PASSWORD_PAGE, password=short, again=short)
        removing = change(browser, "remove_passkey", passkey=passkey)
        assert await self.both(house, "passkeys, passwords", choosing, removing) == 1
        alone, factors = await house.owner.fetchrow(
            "SELECT stands_alone, (SELECT count(*) FROM passkeys) FROM passwords"
        ) or (False, 0)
        assert alone or factors


class TestInvitations:
    async def invited(self, house: House, state: State = State.INVITED) -> tuple[UUID, str]:
        """Somebody with an invitation, and its address."""
        person_id = await house.person("zhangwei", None, state)
        async with house.app.state.runtime.new_uow() as uow:
            token = await house.app.state.invitations.issue_invitation(uow, person_id)
            await uow.commit()
        return person_id, f"{ACTIVATE}?token={token}"

    async def test_one_sets_the_password_and_activates_the_account(
        self, house: House, owner: asyncpg.Connection
    ) -> None:
        person_id, address = await self.invited(house)
        browser = house.browser()
        page = await browser.open(address)
        assert "张伟" in page.text
        answer = await browser.submit(ACTIVATE, password=NEW, again=NEW)
        assert answer.headers["location"] == f"{LOGIN}?notice=password"
        assert (await browser.sign_in("zhangwei", NEW)).status_code == 303
        events = await owner.fetch("SELECT type FROM outbox")
        assert [row["type"] for row in events] == ["identity.person.activated.v1"]
        [entry] = await house.audited("invitation.used")
        assert entry["actor"] == str(person_id)

    async def test_one_works_once(self, house: House) -> None:
        _, address = await self.invited(house)
        first, second = house.browser(), house.browser()
        await first.open(address)
        await second.open(address)
        answers = await asyncio.gather(
            *(each.submit(ACTIVATE, password=NEW, again=NEW) for each in (first, second))
        )
        assert sorted(answer.status_code for answer in answers) == [303, 410]
        assert (await house.browser().open(address)).status_code == 410

    async def test_one_is_too_old_after_seven_days(self, house: House) -> None:
        _, address = await self.invited(house)
        house.clock.advance(timedelta(days=7))
        assert (await house.browser().open(address)).status_code == 410

    async def test_a_later_one_voids_the_earlier(self, house: House) -> None:
        person_id, address = await self.invited(house)
        async with house.app.state.runtime.new_uow() as uow:
            await house.app.state.invitations.issue_invitation(uow, person_id)
            await uow.commit()
        assert (await house.browser().open(address)).status_code == 410

    async def test_looking_at_it_uses_nothing_up(self, house: House) -> None:
        _, address = await self.invited(house)
        for _ in range(3):
            assert (await house.browser().open(address)).status_code == 200

    async def test_the_rules_hold_for_the_first_password_too(self, house: House) -> None:
        _, address = await self.invited(house)
        browser = house.browser()
        await browser.open(address)
        answer = await browser.submit(ACTIVATE, password="zhangwei", again="zhangwei")
        assert answer.status_code == 422
        assert "Too short" in answer.text
        assert "Do not build it on your name" in answer.text

    @pytest.mark.parametrize("token", ["nothing", "A" * 43, "'", "课"])
    async def test_what_is_none_is_refused(self, house: House, token: str) -> None:
        answer = await house.browser().open(f"{ACTIVATE}?token={token}")
        assert answer.status_code == 410

    async def test_whoever_has_no_link_is_asked_for_its_token(self, house: House) -> None:
        assert (await house.browser().open(ACTIVATE)).status_code == 200

    @pytest.mark.parametrize("state", [State.SUSPENDED, State.LEFT, State.ERASED])
    async def test_one_for_an_account_that_is_closed_is_refused(
        self, house: House, state: State
    ) -> None:
        _, address = await self.invited(house, state)
        assert (await house.browser().open(address)).status_code == 410

    async def test_the_database_does_not_know_the_token(
        self, house: House, owner: asyncpg.Connection
    ) -> None:
        _, address = await self.invited(house)
        row = await owner.fetchrow("SELECT * FROM invitations")
        assert row is not None
        assert address.partition("=")[2].encode() not in str(dict(row)).encode()


async def test_whoever_is_erased_leaves_no_credential(
    house: House, owner: asyncpg.Connection
) -> None:
    browser, person_id = await house.signed_in()
    await set_up(house, browser)
    async with house.app.state.runtime.new_uow() as uow:
        await house.app.state.invitations.issue(uow, person_id)
        await house.app.state.part.erase(uow, person_id)
        await uow.commit()
    for table in (
        *("passwords", "former_passwords", "authenticators", "recovery_codes", "passkeys"),
        *("sign_ins", "known_devices", "invitations", "sessions"),
    ):
        assert await owner.fetchval(f"SELECT count(*) FROM {table}") == 0  # noqa: S608
    assert [kind for kind, _ in house.seams.revoked] == ["session"]
