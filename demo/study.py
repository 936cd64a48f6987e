"""6. A pupil studies it: an application sends what happened, in batches, and none of it is lost."""

import base64
from datetime import UTC, datetime
from uuid import uuid4

from demo.people import Caller, Json
from demo.roster import PUPIL
from demo.stage import Stage
from demo.steps import Facts, check

XAPI = "/learning/xapi/2.0.0"
VERBS = ("experienced", "answered", "completed")
BATCHES = 6


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
