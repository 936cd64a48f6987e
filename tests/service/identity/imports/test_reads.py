"""Who is told of a comparison with a minor's data: it is a reading, dry run or not."""

from collections.abc import Callable

import asyncpg
import pytest

from services.identity.domain.organisations import Organisation
from tests.service.identity.imports.desk import Desk, Tree, counts, pupil, roster


async def noted(owner: asyncpg.Connection) -> int:
    count: int = await owner.fetchval("SELECT count(*) FROM audit WHERE action = 'person.read'")
    return count


@pytest.fixture
async def there(tree: Tree, desk: Desk, owner: asyncpg.Connection) -> asyncpg.Connection:
    """The database, with one pupil of the school."""
    await desk.done(tree.school, roster(pupil(1, "李明", 手机号="13800138002")))
    assert await noted(owner) == 0
    return owner


async def test_a_dry_run_is_noted_for_every_minor_it_compares(
    tree: Tree, desk: Desk, there: asyncpg.Connection
) -> None:
    content = roster(pupil(1, "李明", 手机号="13800138003"), pupil(2, "王芳"))
    view = await desk.done(tree.school, content, dry_run=True)
    [entry] = await there.fetch("SELECT * FROM audit WHERE action = 'person.read'")
    assert entry["target"] == str(await there.fetchval("SELECT id FROM people"))
    assert entry["actor"] == view["requested_by"]
    assert entry["organisation"].startswith(tree.school.path)


async def test_reading_what_became_of_a_minor_s_line_is_noted(
    tree: Tree, desk: Desk, there: asyncpg.Connection
) -> None:
    view = await desk.done(tree.school, roster(pupil(1, "李明", "2班")), dry_run=True)
    before = await noted(there)
    assert len(await desk.rows(view["id"], "updated")) == 1
    assert await noted(there) == before + 1


async def test_a_namesake_s_birth_date_is_compared_with_too(
    tree: Tree, desk: Desk, there: asyncpg.Connection
) -> None:
    await desk.done(tree.school, roster(pupil(3, "李明")), dry_run=True)
    assert await noted(there) == 1


@pytest.mark.parametrize("name", ["李明", "王芳"])
async def test_another_school_learns_nothing_of_a_child_and_the_guardian_learns_of_it(
    tree: Tree, desk_of: Callable[[Organisation], Desk], there: asyncpg.Connection, name: str
) -> None:
    elsewhere = desk_of(tree.other_school)
    line = {**pupil(5, name, 手机号="13800138002"), "身份证号": ""}
    view = await elsewhere.done(tree.other_school, roster(line), dry_run=True)
    assert counts(view) == {"rejected": 1}
    [row] = await elsewhere.rows(view["id"], "rejected")
    assert [each["reason"] for each in row["defects"]] == ["belongs-elsewhere"]
    assert await noted(there) == 1
