import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared import audit
from shared.audit import BrokenLink, NotedHead, Sealer, verify
from shared.context import RequestContext, enter
from shared.settings import ServiceSettings
from tests.conftest import Stack
from tests.faults.counters import increment
from tests.service.shared.house import NewUow, count, eventually, execute, rows, running


async def act(new_uow: NewUow, times: int = 1) -> None:
    for _ in range(times):
        async with new_uow() as uow:
            await uow.commit(await increment(uow, "a"))


@pytest.fixture
async def tampering(stack: Stack, settings: ServiceSettings) -> AsyncIterator[asyncpg.Connection]:
    """The superuser, whom no right holds back."""
    superuser = await stack.superuser(settings.database_url.rpartition("/")[2])
    yield superuser
    await superuser.close()


async def test_every_change_is_chained_and_the_chain_holds(
    engine: AsyncEngine, new_uow: NewUow
) -> None:
    await act(new_uow, 5)
    assert await Sealer(engine).seal() == 5
    report = await verify(engine)
    assert (report.sealed, report.broken) == (5, None)
    ((head,),) = await rows(engine, "SELECT digest FROM audit_chain ORDER BY sequence DESC LIMIT 1")
    assert report.head == head
    assert report.until is not None


async def test_an_empty_chain_holds(engine: AsyncEngine) -> None:
    report = await verify(engine)
    assert (report.sealed, report.head, report.broken) == (0, audit.GENESIS, None)


async def test_what_is_not_chained_yet_is_no_break(engine: AsyncEngine, new_uow: NewUow) -> None:
    await act(new_uow, 2)
    report = await verify(engine)
    assert (report.sealed, report.broken) == (0, None)


async def test_sealing_goes_on_from_where_it_stopped(engine: AsyncEngine, new_uow: NewUow) -> None:
    for chained in (1, 2, 3):
        await act(new_uow)
        assert await Sealer(engine).seal() == 1
        assert await Sealer(engine).seal() == 0
        assert (await verify(engine)).sealed == chained
    assert await rows(engine, "SELECT sequence FROM audit_chain ORDER BY 1") == [(1,), (2,), (3,)]


async def test_a_large_backlog_is_chained_in_batches(
    engine: AsyncEngine, new_uow: NewUow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "BATCH", 4)
    async with new_uow() as uow:
        for number in range(10):
            uow.audit.record("note", str(number))
        await uow.commit()
    sealer = Sealer(engine)
    assert [await sealer.seal() for _ in range(4)] == [4, 4, 2, 0]
    assert (await verify(engine)).sealed == 10


async def test_a_woken_sealer_chains_within_a_second_or_so(
    engine: AsyncEngine, new_uow: NewUow
) -> None:
    sealer = Sealer(engine)
    async with running(sealer.run()):
        await asyncio.sleep(0.1)
        await act(new_uow)
        sealer.wake()

        async def chained() -> bool:
            return await count(engine, "audit_chain") == 1

        await eventually(chained, within=3)


async def test_of_two_sealers_one_is_at_it(engine: AsyncEngine, new_uow: NewUow) -> None:
    await act(new_uow, 6)
    done = await asyncio.gather(*(Sealer(engine).seal() for _ in range(6)))
    assert sorted(done) == [0, 0, 0, 0, 0, 6]
    assert (await verify(engine)).broken is None


async def test_an_entry_that_commits_late_is_chained_all_the_same(
    engine: AsyncEngine, new_uow: NewUow
) -> None:
    """Its id was drawn first, so it lies before entries that are chained already."""
    async with new_uow() as late:
        late.audit.record("late", "a")
        await late.audit.write(late.connection)
        await act(new_uow, 3)
        assert await Sealer(engine).seal() == 3
        await late.connection.commit()
    assert await Sealer(engine).seal() == 1
    report = await verify(engine)
    assert (report.sealed, report.broken) == (4, None)


async def test_facts_of_every_kind_are_chained(engine: AsyncEngine, new_uow: NewUow) -> None:
    enter(RequestContext("request-1", actor="教师", on_behalf_of="学生", client="app"))
    async with new_uow() as uow:
        uow.audit.record("note", "a", huge=1e22, small=-1.5e-300, text="书院 \u2028 \"'", none=None)
        uow.audit.record("note", "b", nested={"z": [1, {"y": 2}], "a": True}, whole=2**63 - 1)
        await uow.commit()
    enter(RequestContext())
    assert await Sealer(engine).seal() == 2
    assert (await verify(engine)).broken is None


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        (
            "UPDATE audit SET actor = 'somebody else' WHERE id = {third}",
            BrokenLink(3, "the entry or the link before it was altered"),
        ),
        (
            "UPDATE audit SET facts = '{{\"a\": 1}}' WHERE id = {third}",
            BrokenLink(3, "the entry or the link before it was altered"),
        ),
        (
            "UPDATE audit SET at = at + interval '1 microsecond' WHERE id = {third}",
            BrokenLink(3, "the entry or the link before it was altered"),
        ),
        (
            "UPDATE audit SET after_digest = NULL WHERE id = {third}",
            BrokenLink(3, "the entry or the link before it was altered"),
        ),
        ("DELETE FROM audit WHERE id = {third}", BrokenLink(3, "the entry was removed")),
        ("DELETE FROM audit_chain WHERE sequence = 3", BrokenLink(3, "link 3 is missing")),
        ("DELETE FROM audit_chain WHERE sequence = 1", BrokenLink(1, "link 1 is missing")),
        (
            "UPDATE audit_chain SET digest = sha256('x') WHERE sequence = 3",
            BrokenLink(3, "the entry or the link before it was altered"),
        ),
        (
            "UPDATE audit_chain SET audit_id = -audit_id WHERE sequence = 3",
            BrokenLink(3, "the entry was removed"),
        ),
    ],
)
async def test_a_trail_that_was_tampered_with_breaks_where_it_was(
    engine: AsyncEngine,
    new_uow: NewUow,
    tampering: asyncpg.Connection,
    statement: str,
    broken: BrokenLink,
) -> None:
    await act(new_uow, 5)
    await Sealer(engine).seal()
    third = await tampering.fetchval("SELECT audit_id FROM audit_chain WHERE sequence = 3")
    await tampering.execute(statement.format(third=third))
    report = await verify(engine)
    assert report.broken == broken
    assert report.sealed == broken.sequence - 1


async def test_removed_newest_entries_are_found_against_a_head_that_was_noted(
    engine: AsyncEngine, new_uow: NewUow, tampering: asyncpg.Connection
) -> None:
    await act(new_uow, 5)
    await Sealer(engine).seal()
    whole = await verify(engine)
    noted = NotedHead.parse(f"{whole.head.hex()}:{whole.sealed}")
    await act(new_uow)
    await Sealer(engine).seal()
    assert (await verify(engine, noted)).broken is None
    await tampering.execute(
        "DELETE FROM audit WHERE id IN (SELECT audit_id FROM audit_chain WHERE sequence > 4);"
        "DELETE FROM audit_chain WHERE sequence > 4"
    )
    report = await verify(engine)
    assert (report.sealed, report.broken, report.unaccounted) == (4, None, 2)
    assert (await verify(engine, noted)).broken == BrokenLink(5, "the chain once reached link 5")
    await act(new_uow, 2)
    await Sealer(engine).seal()
    assert (await verify(engine, noted)).broken == BrokenLink(
        5, "it is another link than the head that was noted"
    )


@pytest.mark.parametrize("text", ["", "ab:1", f"{'0' * 64}", f"{'g' * 64}:1", f"{'0' * 64}:x"])
def test_what_is_no_head_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="64 hex digits"):
        NotedHead.parse(text)


async def test_two_entries_that_were_exchanged_break_the_chain(
    engine: AsyncEngine, new_uow: NewUow, tampering: asyncpg.Connection
) -> None:
    await act(new_uow, 5)
    await Sealer(engine).seal()
    await tampering.execute(
        "UPDATE audit_chain SET audit_id = -audit_id WHERE sequence IN (2, 3);"
        "UPDATE audit_chain c SET audit_id = -o.audit_id FROM audit_chain o"
        " WHERE (c.sequence, o.sequence) IN ((2, 3), (3, 2))"
    )
    assert (await verify(engine)).broken == BrokenLink(
        2, "the entry or the link before it was altered"
    )


async def test_an_entry_that_was_slipped_in_stands_outside_the_chain(
    engine: AsyncEngine, new_uow: NewUow, tampering: asyncpg.Connection
) -> None:
    await act(new_uow, 2)
    await Sealer(engine).seal()
    slipped_in = await tampering.fetchval(
        "INSERT INTO audit (at, actor, action, target, request_id, facts)"
        " VALUES (now(), 'nobody', 'consent.give', 'a', '-', '{}') RETURNING id"
    )
    assert await Sealer(engine).seal() == 0
    assert (await verify(engine)).broken == BrokenLink(
        3, f"entry {slipped_in} stands outside the chain"
    )


async def test_an_entry_kept_from_the_sealer_stands_outside_the_chain(
    engine: AsyncEngine, new_uow: NewUow
) -> None:
    await act(new_uow)
    await execute(engine, "DELETE FROM audit_unchained")
    report = await verify(engine)
    assert report.broken is not None
    assert "outside the chain" in report.broken.reason


async def test_the_digest_of_a_state_does_not_depend_on_the_order_of_its_fields() -> None:
    assert audit.digest({"a": 1, "b": [2]}) == audit.digest({"b": [2], "a": 1})
    assert audit.digest({"a": 1}) != audit.digest({"a": 2})
