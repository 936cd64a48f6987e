"""3. School, county, city and province judge it; one asks for changes, two may not judge at all."""

from functools import partial

from demo.lesson import API, replaced
from demo.people import Json, Person
from demo.roster import REVIEWERS, TEACHER
from demo.stage import Stage
from demo.steps import Facts, check, until

PROVINCE = "admin-province"
ELSEWHERE = "reviewer-county4"
CRITERIA = ("政治性", "导向性", "科学性", "适用性", "规范性", "时效性", "公益性")
_LEVELS = ("SCHOOL", "COUNTY", "CITY", "PROVINCE")
_APPROVAL: Json = {"decision": "APPROVE", "criteria": dict.fromkeys(CRITERIA, "PASS")}
_CHANGES: Json = {
    "decision": "REQUEST_CHANGES",
    "criteria": {**dict.fromkeys(CRITERIA, "PASS"), "科学性": "FAIL"},
    "reason_code": "FACTUAL_ERROR",
    "comment": "讲义第三页的问题没有给出参考答案，请补充。",
}
_PAGE = {"file": 1, "page": 3}


def policy(stage: Stage) -> Facts:
    """The province decides who judges."""
    province = stage.person(PROVINCE)
    path = f"{API}/review-policy?organisation={province.place}"
    put = province.put(path, {"levels": [{"kind": each} for each in _LEVELS]})
    return {"levels": [each["kind"] for each in put["levels"]], "version": put["version"]}


def changes_requested(stage: Stage) -> Facts:
    teacher, at_school = stage.person(TEACHER), stage.person(REVIEWERS[0])
    resource = f"{API}/resources/{stage.lesson.id}"
    submitted = teacher.act(resource, "submit", {"commitment": True})
    review = stage.lesson.review = f"{API}/reviews/{submitted['review_id']}"
    until(lambda: _mine(at_school, review), "the school's reviewer has it")
    own = teacher.ask("POST", f"{review}/claim")
    check(own.status_code in (403, 404), f"the author may judge: {own.status_code}")
    far = stage.person(ELSEWHERE).ask("POST", f"{review}/claim")
    check(far.status_code in (403, 404), f"another county may judge: {far.status_code}")
    at_school.post(f"{review}/claim")
    comment = {"comment": "这里缺少参考答案。", "place": _PAGE}
    at_school.post(f"{review}/comment", comment)
    items = [{"place": _PAGE, "change": "补充参考答案。"}]
    at_school.post(f"{review}/decide", {**_CHANGES, "items": items, **_of(at_school, review)})
    state = teacher.get(resource)["state"]
    check(state == "CHANGES_REQUESTED", f"after changes were requested it is {state}")
    return {
        "the author was refused": own.json()["title"],
        "another county was refused": far.json()["title"],
        "annotation": comment,
    }


def resubmitted(stage: Stage) -> Facts:
    teacher, at_school = stage.person(TEACHER), stage.person(REVIEWERS[0])
    resource, review = f"{API}/resources/{stage.lesson.id}", stage.lesson.review
    replaced(stage)
    files = [
        {"upload_id": stage.lesson.uploads[each["filename"]], "role": each["role"]}
        for each in teacher.get(resource)["files"]
    ]
    teacher.patch(
        resource, {"files": files, "metadata": {"keywords": ["分数", "折纸", "参考答案"]}}
    )
    teacher.act(resource, "submit", {"commitment": True})
    until(lambda: _mine(at_school, review), "it came back to the school")
    shown = at_school.get(f"{review}")["changes"]
    check(shown, "the reviewer is not shown what changed")
    return {"differences": shown}


def approved(stage: Stage) -> Facts:
    review = stage.lesson.review
    levels = {}
    for username in REVIEWERS:
        reviewer = stage.person(username)
        until(partial(_mine, reviewer, review), f"{username} has it")
        reviewer.post(f"{review}/claim")
        told = reviewer.post(f"{review}/decide", {**_APPROVAL, **_of(reviewer, review)})
        levels[username] = told["state"]
    state = stage.person(TEACHER).get(f"{API}/resources/{stage.lesson.id}")["state"]
    check(state == "PUBLISHED", f"after the last approval it is {state}")
    return {**levels, "resource": state}


def _mine(reviewer: Person, review: str) -> bool:
    """Whether it waits in the reviewer's queue."""
    return review.rpartition("/")[2] in {
        each["id"] for each in reviewer.get(f"{API}/reviews")["items"]
    }


def _of(reviewer: Person, review: str) -> dict[str, str]:
    """The content that is judged."""
    return {"digest": reviewer.get(review)["digest"]}
