"""`python -m services.identity found`, as an operator runs it in an empty installation."""

import asyncio
import re
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from services.identity import founding
from services.identity.settings import Settings

OFFICES = {
    "zhang": ("administrator", "张伟"),
    "li": ("security_administrator", "李娜"),
    "wang": ("auditor", "王芳"),
}
Found = Callable[..., Awaitable[tuple[int, str]]]


def wanted(code: str = "530000") -> list[str]:
    told = ["云南省", code]
    for username, (role, name) in OFFICES.items():
        told += [f"--{role.replace('_', '-')}", username, name]
    return told


@pytest.fixture
def found(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Found:
    monkeypatch.setattr(Settings, "load", lambda: settings)

    async def run(*arguments: str) -> tuple[int, str]:
        code = await asyncio.to_thread(founding.found, arguments)
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run


def links(printed: str) -> set[str]:
    return {*re.findall(r"/identity/activate\?token=(\S{40,})", printed)}


async def test_three_who_set_their_passwords_hold_one_office_each(
    found: Found, owner: asyncpg.Connection
) -> None:
    code, printed = await found(*wanted())
    assert (code, len(links(printed))) == (0, 3), printed
    assert await owner.fetchval("SELECT count(*) FROM role_grants") == 0
    await owner.execute("UPDATE people SET state = 'ACTIVE'")
    code, printed = await found(*wanted())
    assert (code, links(printed)) == (0, set()), printed
    rows = await owner.fetch(
        "SELECT g.role, o.name FROM role_grants g JOIN organisations o ON o.id = g.organisation_id"
    )
    assert {tuple(row) for row in rows} == {(role, "云南省") for role, _ in OFFICES.values()}
    assert (await found(*wanted()))[0] == 0
    assert await owner.fetchval("SELECT count(*) FROM role_grants") == 3
    assert await owner.fetchval("SELECT array_agg(DISTINCT actor) FROM audit") == ["operator"]


async def test_a_link_that_was_lost_is_void_once_it_is_run_again(
    found: Found, owner: asyncpg.Connection
) -> None:
    _, first = await found(*wanted())
    await owner.execute(
        "UPDATE people SET state = 'ACTIVE' WHERE id = (SELECT id FROM people LIMIT 1)"
    )
    _, second = await found(*wanted())
    assert len(links(second)) == 2
    assert not links(first) & links(second)
    assert await owner.fetchval("SELECT count(*) FROM people") == 3
    assert await owner.fetchval("SELECT count(*) FROM role_grants") == 1


async def test_it_is_refused_where_others_are(found: Found, owner: asyncpg.Connection) -> None:
    await found(*wanted())
    await owner.execute("DELETE FROM identifiers")
    code, printed = await found(*wanted())
    assert (code, "已有其他人员" in printed) == (1, True)


async def test_what_was_begun_otherwise_is_left_as_it_is(
    found: Found, owner: asyncpg.Connection
) -> None:
    await found(*wanted())
    for other in (wanted("510000"), [*wanted()[:3], "li", *wanted()[4:]]):
        assert (await found(*other))[0] == 1
    assert await owner.fetchval("SELECT count(*) FROM organisations") == 1
    with pytest.raises(SystemExit):
        await found(" ", *wanted()[1:])


async def test_a_code_that_is_no_provinces_is_refused(found: Found) -> None:
    code, printed = await found(*wanted("530102"))
    assert code == 1
    assert re.search("[一-鿿]", printed)
