"""6. A pupil studies it: an application sends what happened, in batches, and none of it is lost."""

import base64
from datetime import UTC, datetime
from uuid import uuid4

from demo.people import Caller, Json
from demo.roster import PUPIL, TEACHER
from demo.stage import Stage
from demo.steps import Facts, check, until

COURSES = "/learning/v1/courses"
XAPI = "/learning/xapi/2.0.0"
VERBS = ("experienced", "answered", "completed")
BATCHES = 6


def course(stage: Stage) -> Facts:
    """The class takes a course that pins the lesson to the version that was published."""
    teacher, lesson = stage.person(TEACHER), stage.lesson
    about = {"title": f"{lesson.title}（课程）", "organisation": teacher.place}
    stage.course = f"{COURSES}/{teacher.post(COURSES, about, 201)['id']}"
    version = stage.anybody.get(f"/catalog/v1/resources/{lesson.id}")["live_version"]
    pinned = {"resource_id": lesson.id, "version": version, "title": lesson.title}
    section = {"title": "第一课时", "items": [pinned]}
    teacher.put(f"{stage.course}/sections", {"sections": [section]})
    teacher.act(stage.course, "publish")
    teacher.post(f"{stage.course}/enrolments", {"organisation": teacher.place}, 201)
    [seen] = stage.person(PUPIL).get(f"{stage.course}/sections")["sections"]
    [item] = seen["items"]
    check(item["version"] == version, "the pupil does not see the pinned version")
    return {"pinned": version, "the pupil sees": item}


def completion(stage: Stage) -> Facts:
    """What the application told completes the course."""
    pupil = stage.person(PUPIL)

    def done() -> Json:
        told = pupil.get(f"{stage.course}/completion")
        return told if told["completed"] else None

    return dict(until(done, "the course is completed"))


def activity(stage: Stage) -> Facts:
    sender = _sender(stage)
    for _ in range(BATCHES):
        batch = [_statement(stage, verb) for verb in VERBS]
        ids = sender.post(f"{XAPI}/statements", batch)
        check(ids == [each["id"] for each in batch], "other statements were acknowledged")
        stage.statements += ids
    return {"statements": len(stage.statements), "verbs": list(VERBS)}


def read_back(stage: Stage) -> list[str]:
    """The ids of everything that is kept of the lesson."""
    sender, found = _sender(stage), list[str]()
    page = sender.get(f"{XAPI}/statements", activity=_activity(stage), limit=500)
    while True:
        found += [each["id"] for each in page["statements"]]
        if not page.get("more"):
            return found
        page = sender.get(page["more"])


def _sender(stage: Stage) -> Caller:
    [pair, *_] = stage.told["xapi"]
    basic = base64.b64encode(f"{pair['username']}:{pair['password']}".encode()).decode()
    version = {"x-experience-api-version": "2.0.0"}
    return stage.somebody({"authorization": f"Basic {basic}", **version})


def _statement(stage: Stage, verb: str) -> Json:
    pupil = {"homePage": f"{stage.origin}/identity", "name": stage.person(PUPIL).id}
    return {
        "id": str(uuid4()),
        "actor": {"account": pupil},
        "verb": {"id": f"http://adlnet.gov/expapi/verbs/{verb}"},
        "object": {"id": _activity(stage)},
        "timestamp": datetime.now(UTC).isoformat(),
    }


def _activity(stage: Stage) -> str:
    return f"{stage.origin}/catalog/v1/resources/{stage.lesson.id}"
