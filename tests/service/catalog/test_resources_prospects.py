"""What a resource tells its owner beforehand: what the check would stop, and what was judged."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI

from services.catalog.settings import Settings
from tests.service.catalog.conftest import only
from tests.service.catalog.resources import CITY, URL
from tests.service.catalog.reviews import APPROVE, CHANGES, Panel, build_reviews, panel

__all__ = ["panel"]

OTHERWISE = {"metadata": {"title": "分数的初步认识（二）"}}


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return only(build_reviews)


def stopped(told: dict[str, Any]) -> dict[str, str | None]:
    """What keeps its owner from freezing and submitting it, by action."""
    guards = {each["action"]: each["guard"] for each in told["refusals"]}
    return {action: guards[action] for action in ("freeze", "submit") if action in guards}


async def test_what_the_check_would_refuse_is_told_with_the_reason(panel: Panel) -> None:
    made = await panel.create({"title": "草稿"})
    for told in (made, await panel.read(made)):
        assert stopped(told) == {"freeze": "no_errors", "submit": "no_errors"}
        assert any("检查" in each["detail"] for each in told["refusals"])
    assert (await panel.submit(made)).status_code == 409
    upload = await panel.upload(text="把一个苹果平均分成两份。" * 9)
    patch = {"metadata": await panel.complete(), "files": [{"upload_id": upload, "role": "main"}]}
    mended = await panel.patch(made, patch)
    for told in (mended.json(), await panel.read(made)):
        assert stopped(told) == {}
        assert {"freeze", "submit"} <= set(told["actions"])
    broken = (await panel.patch(mended.json(), {"metadata": {"licence": None}})).json()
    assert stopped(broken) == {"freeze": "no_errors", "submit": "no_errors"}


async def test_a_file_that_is_not_inspected_yet_stands_in_the_way_until_it_is(
    panel: Panel,
) -> None:
    upload = await panel.upload(text="把一个苹果平均分成两份。" * 9)
    await panel.owner.execute("UPDATE files SET state = 'QUARANTINED'")
    made = await panel.create(await panel.complete(), upload)
    assert stopped(made) == {"freeze": "no_errors", "submit": "no_errors"}
    await panel.owner.execute("UPDATE files SET state = 'CLEAN'")
    assert stopped(await panel.read(made)) == {}


async def test_what_is_frozen_or_was_judged_already_is_told(panel: Panel) -> None:
    made = await panel.finished()
    assert (await panel.freeze(made)).status_code == 201
    assert stopped(await panel.read(made)) == {"freeze": "changed"}
    await panel.judge(await panel.submitted(made), panel.reviewer(), CHANGES)
    sent_back = await panel.read(made)
    assert stopped(sent_back) == {"freeze": "changed", "submit": "unjudged"}
    assert (await panel.submit(made)).json()["type"].endswith("nothing-changed")
    changed = (await panel.patch(sent_back, OTHERWISE)).json()
    assert stopped(changed) == {}
    back = await panel.client.post(
        f"{URL}/{made['id']}/versions/1/restore",
        headers={**panel.teacher, "if-match": f'"v{changed["version"]}"'},
    )
    assert stopped(back.json()) == {"freeze": "changed", "submit": "unjudged"}
    anew = (await panel.patch(back.json(), OTHERWISE)).json()
    await panel.judge(await panel.submitted(anew), panel.reviewer(), APPROVE)
    live = await panel.read(made)
    assert stopped(live) == {"freeze": "changed", "submit": "unjudged"}
    assert {"change", "retire"} <= set(live["actions"])


async def test_it_takes_as_many_statements_however_large_the_draft_is(
    panel: Panel, statements: list[str]
) -> None:
    async def counted(files: int) -> int:
        uploads = [await panel.upload(text="把一个苹果分成两份。" * 9) for _ in range(files)]
        related = [
            {"relationship": "related", "identifier": str((await panel.finished())["id"])}
            for _ in range(files)
        ]
        made = await panel.create(await panel.complete(relations=related), *uploads)
        assert stopped(await panel.read(made)) == {}
        statements.clear()
        await panel.read(made)
        return len(statements)

    assert await counted(1) == await counted(9)


async def test_nobody_else_makes_the_check_work(panel: Panel, statements: list[str]) -> None:
    made = await panel.finished()
    await panel.judge(await panel.submitted(made), panel.reviewer(), APPROVE)
    url, taken = f"{URL}/{made['id']}", list[int]()
    for headers in ({}, panel.colleague(), panel.administrator(CITY)):
        statements.clear()
        assert (await panel.client.get(url, headers=headers)).status_code == 200
        taken.append(len(statements))
    assert max(taken) <= 3, taken
