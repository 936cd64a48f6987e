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
    await owner.execute("UPDATE people SET state = 'ACTIVE'")
    code, printed = await found(*wanted())
    assert (code, "已有其他人员" in printed) == (1, True)


async def test_what_nobody_took_up_yet_is_mended_when_it_is_run_again(
    found: Found, owner: asyncpg.Connection
) -> None:
    slips = {"云南省": "云南", "张伟": "张为", "zhang": "zhnag", "李娜": "李那"}
    _, first = await found(*(slips.get(each, each) for each in wanted()))
    code, second = await found(*wanted())
    assert (code, len(links(second))) == (0, 3), second
    assert not links(first) & links(second)
    for told in (
        "云南: is called 云南省 now",
        "李那: is called 李娜 now",
        "张为: no longer invited",
    ):
        assert told in second
    assert await owner.fetchval("SELECT name FROM organisations") == "云南省"
    assert len(await owner.fetch("SELECT FROM people WHERE state = 'INVITED'")) == 3
    erased = await owner.fetch("SELECT count(*) FROM people WHERE state = 'ERASED'")
    assert [row["count"] for row in erased] == [1]
    code, third = await found(*wanted())
    assert (code, len(links(third)), "now" in third) == (0, 3, False)
    await owner.execute("UPDATE people SET state = 'ACTIVE' WHERE state = 'INVITED'")
    code, printed = await found(*wanted())
    assert (code, printed.count("已任职")) == (0, 3), printed
    assert await owner.fetchval("SELECT count(*) FROM role_grants") == 3


async def test_a_slip_in_the_code_is_mended_until_somebody_begins_to_work(
    found: Found, owner: asyncpg.Connection
) -> None:
    slip = ["云南" if each == "云南省" else each for each in wanted("510000")]
    await found(*slip)
    assert (await found(*wanted("530102")))[0] == 1
    code, printed = await found(*wanted())
    assert (code, len(links(printed))) == (0, 3), printed
    for told in ("510000: the code is 530000 now", "云南: is called 云南省 now"):
        assert told in printed
    [province] = await owner.fetch("SELECT name, division_code FROM organisations")
    assert tuple(province) == ("云南省", "530000")
    await owner.execute("UPDATE people SET state = 'ACTIVE'")
    code, printed = await found(*wanted("510000"))
    assert (code, "已建立其他省级机构" in printed) == (1, True)


async def test_one_whom_nobody_activated_is_replaced_beside_two_who_hold_their_offices(
    found: Found, owner: asyncpg.Connection
) -> None:
    await found(*wanted())
    await owner.execute(
        "UPDATE people SET state = 'ACTIVE' WHERE id <> (SELECT min(id::text)::uuid FROM people)"
    )
    await found(*wanted())
    slipped = await owner.fetchval("SELECT id FROM people WHERE state = 'INVITED'")
    code, printed = await found(*("zhou" if each == "zhang" else each for each in wanted()))
    assert (code, len(links(printed)), printed.count("已任职")) == (0, 1, 2), printed
    assert await owner.fetchval("SELECT state FROM people WHERE id = $1", slipped) == "ERASED"


async def test_an_office_is_still_given_where_one_of_the_three_has_begun_to_invite(
    found: Found, owner: asyncpg.Connection
) -> None:
    await found(*wanted())
    first = "(SELECT min(id::text)::uuid FROM people)"
    await owner.execute(f"UPDATE people SET state = 'ACTIVE' WHERE id = {first}")  # noqa: S608
    await found(*wanted())
    await owner.execute(
        "INSERT INTO people (id, code, state, version, created_at, updated_at)"
        " VALUES (gen_random_uuid(), 'somebody', 'ACTIVE', 1, now(), now())"
    )
    await owner.execute("UPDATE people SET state = 'ACTIVE'")
    code, printed = await found(*wanted())
    assert (code, printed.count("已任职")) == (0, 3), printed
    code, printed = await found(*wanted())
    assert (code, "已有其他人员" in printed) == (1, True)


async def test_names_in_use_stay_and_are_told_as_they_are(
    found: Found, owner: asyncpg.Connection
) -> None:
    await found(*wanted())
    await owner.execute("UPDATE people SET state = 'ACTIVE'")
    code, printed = await found(*({"云南省": "四川省", "张伟": "张三"}.get(e, e) for e in wanted()))
    assert code == 0
    assert "云南省" in printed
    assert "张伟" in printed
    assert not {"四川省", "张三"} & {*re.findall("[一-鿿]+", printed)}


@pytest.mark.parametrize(
    "invited_otherwise",
    ["UPDATE invitations SET issued_by = 'somebody'", "DELETE FROM invitations"],
)
async def test_whom_somebody_else_made_nobody_replaces(
    found: Found, owner: asyncpg.Connection, invited_otherwise: str
) -> None:
    await found(*wanted())
    await owner.execute(invited_otherwise)
    code, printed = await found(*("zhou" if each == "zhang" else each for each in wanted()))
    assert (code, "已有其他人员" in printed) == (1, True)
    assert await owner.fetchval("SELECT count(*) FROM people WHERE state = 'ERASED'") == 0


async def test_what_was_begun_otherwise_is_left_as_it_is(
    found: Found, owner: asyncpg.Connection
) -> None:
    await found(*wanted())
    await owner.execute("UPDATE people SET state = 'ACTIVE'")
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
