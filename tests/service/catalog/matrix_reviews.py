"""What the authorization matrix asks of reviews: a path, a body, the organisation it is about, and
the version that the caller has read."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID

from fastapi import FastAPI

from shared.access import Role
from shared.testing.matrix import Place
from tests.service.catalog.resources import PROVINCE, SCHOOL, Desk
from tests.service.catalog.reviews import APPROVE, Panel

Asked = tuple[str, Any, str, int]
Make = Callable[[Desk, FastAPI], Awaitable[Asked]]

ABSENCES = {"items": [{"from_date": "2026-12-01", "until_date": "2026-12-09"}]}
GROUP = {"name": "数学组", "members": ["somebody"]}

CONFLICT = {"organisation": SCHOOL, "reviewer": "one", "maker": "two", "words": "两人系夫妻。"}


def _panel(desk: Desk, app: FastAPI) -> Panel:
    return Panel(desk.client, desk.owner, desk.token, desk.objects, desk.subject, app)


def _review(rest: str = "", body: Any = None) -> Make:
    """One that is with the reviewers of the school."""

    async def make(desk: Desk, app: FastAPI) -> Asked:
        panel = _panel(desk, app)
        review_id = await panel.submitted(await panel.finished())
        return f"/reviews/{review_id}{rest}", body, SCHOOL, 1

    return make


async def _submit(desk: Desk, _app: FastAPI) -> Asked:
    made = await desk.finished()
    return f"/resources/{made['id']}/submit", {"commitment": True}, SCHOOL, 1


async def _withdraw(desk: Desk, app: FastAPI) -> Asked:
    panel = _panel(desk, app)
    made = await panel.finished()
    assert (await panel.submit(made)).status_code == 200
    version = (await panel.read(made))["version"]
    return f"/resources/{made['id']}/withdraw", None, SCHOOL, version


def _of(path: str, body: Any = None, here: str = SCHOOL, version: int = 1) -> Make:
    async def make(_desk: Desk, _app: FastAPI) -> Asked:
        return path, body, here, version

    return make


def _group(body: Any = None) -> Make:
    async def make(desk: Desk, _app: FastAPI) -> Asked:
        answer = await desk.client.post(
            "/catalog/v1/review-groups",
            headers=desk.administrator(SCHOOL),
            json={**GROUP, "organisation": SCHOOL},
        )
        assert answer.status_code == 201, answer.text
        return f"/review-groups/{UUID(answer.json()['id'])}", body, SCHOOL, 1

    return make


async def _attachment(desk: Desk, app: FastAPI) -> Asked:
    panel = _panel(desk, app)
    review_id, upload = await panel.submitted(await panel.finished()), await panel.upload()
    said = {"comment": "见附件", "attachments": [upload]}
    await panel.done("comment", review_id, panel.teacher, **said)
    return f"/reviews/{review_id}/attachments/{upload}", None, SCHOOL, 1


async def _listed(desk: Desk, _app: FastAPI) -> Asked:
    headers = {**desk.administrator(PROVINCE), "if-match": '"v0"'}
    url = "/catalog/v1/term-lists/read"
    await desk.client.put(url, headers=headers, json={"terms": []})
    return "/term-lists/read", None, PROVINCE, 1


async def _conflict(desk: Desk, _app: FastAPI) -> Asked:
    answer = await desk.client.post(
        "/catalog/v1/review-conflicts", headers=desk.administrator(SCHOOL), json=CONFLICT
    )
    assert answer.status_code == 201, answer.text
    path = f"/review-conflicts/{UUID(answer.json()['id'])}/lift"
    return path, {"words": "已核实无关。"}, SCHOOL, 1


REVIEWS: Mapping[str, Make] = {
    "submit_resource": _submit,
    "withdraw_resource": _withdraw,
    "list_reviews": _of("/reviews"),
    "read_review": _review(),
    "list_review_events": _review("/timeline"),
    "read_review_file": _review("/files/0"),
    "read_review_attachment": _attachment,
    "claim_review": _review("/claim"),
    "release_review": _review("/release"),
    "comment_review": _review("/comment", {"comment": "好"}),
    "assign_review": _review("/assign", {"assignee": None}),
    "raise_review": _review("/raise", {"comment": "全省使用。"}),
    "decide_review": _review("/decide", APPROVE),
    "read_review_policy": _of(f"/review-policy?organisation={SCHOOL}"),
    "put_review_policy": _of(
        f"/review-policy?organisation={SCHOOL}", {"levels": [{"kind": "SCHOOL"}]}, version=0
    ),
    "list_review_groups": _of(f"/review-groups?organisation={SCHOOL}"),
    "found_review_group": _of("/review-groups", {**GROUP, "organisation": SCHOOL}),
    "change_review_group": _group(GROUP),
    "dissolve_review_group": _group(),
    "list_absences": _of("/reviewers/me/absences"),
    "put_absences": _of("/reviewers/me/absences", ABSENCES),
    "list_conflicts": _of("/reviewers/me/conflicts"),
    "put_conflicts": _of("/reviewers/me/conflicts", {"items": ["somebody"]}),
    "list_review_conflicts": _of(f"/review-conflicts?organisation={SCHOOL}"),
    "declare_review_conflict": _of("/review-conflicts", CONFLICT),
    "lift_review_conflict": _conflict,
    "read_term_list": _listed,
    "list_term_lists": _of("/term-lists", None, PROVINCE),
    "put_term_list": _of("/term-lists/advertising", {"terms": []}, PROVINCE, 0),
}

_OWN = "absences and conflicts are the caller's own"
ON_NO_ORGANISATION: Mapping[str, str] = dict.fromkeys(
    ("list_absences", "put_absences", "list_conflicts", "put_conflicts"), _OWN
)

_OWNERS = "administrators read drafts and leave submitting them to the owners"
EXCEPTIONS: Mapping[tuple[str, Role, Place], str] = {
    (operation, Role.ADMINISTRATOR, "here"): _OWNERS
    for operation in ("submit_resource", "withdraw_resource")
}
