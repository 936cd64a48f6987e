"""4. It is published: search finds it, the change feed and a webhook tell of it, each once."""

from functools import partial

from demo.integration import application
from demo.lesson import API
from demo.people import Json
from demo.stage import Stage
from demo.steps import Facts, check, until

FOUND_SECONDS = 2.0
PUBLISHED, SUSPENDED = "catalog.resource.published.v1", "catalog.resource.suspended.v1"
_QUERIES = {
    "Chinese": "分数的初步认识",
    "pinyin": "fenshu de chubu renshi",
    "typo": "分数的出步认识",
}


def subscription(stage: Stage) -> Facts:
    """Before anything is published, an application asks to be told."""
    stage.cursor = _feed(stage, None)[1]
    body = {
        "name": "资源同步",
        "url": f"http://127.0.0.1:{stage.receiver.port}/events",
        "event_types": [PUBLISHED, SUSPENDED],
    }
    made = application(stage).post("/gateway/v1/webhooks", body, 201)
    stage.receiver.secret = made["secret"]
    return {"webhook": made["id"], "event types": made["event_types"]}


def found(stage: Stage) -> Facts:
    """Within two seconds of the last approval."""
    seconds = {
        kind: until(partial(_hit, stage, query), f"{query} finds it", FOUND_SECONDS)
        for kind, query in _QUERIES.items()
    }
    return {kind: _QUERIES[kind] for kind in seconds}


def told_once(stage: Stage) -> Facts:
    changes, stage.cursor = _feed(stage, stage.cursor)
    kinds = [each["kind"] for each in changes if each["resource_id"] == stage.lesson.id]
    check(kinds == ["published"], f"the feed told {kinds}")
    until(lambda: events_of(stage), "the webhook was told")
    events = events_of(stage)
    check([each["type"] for each in events] == [PUBLISHED], f"the webhook was told {events}")
    check(not stage.receiver.refused, "a signature did not verify")
    return {"feed": kinds, "webhook": [each["type"] for each in events]}


def events_of(stage: Stage) -> list[Json]:
    """What the receiver was told of the lesson, each event once."""
    told = stage.receiver.events.values()
    return [each for each in told if each["data"]["resource_id"] == stage.lesson.id]


def changes_since(stage: Stage) -> list[str]:
    """Kinds of changes of the lesson since the feed was last read."""
    changes, stage.cursor = _feed(stage, stage.cursor)
    return [each["kind"] for each in changes if each["resource_id"] == stage.lesson.id]


def everything_told(stage: Stage) -> list[str]:
    """Kinds of all changes of the lesson, from zero to now."""
    changes, _ = _feed(stage, None)
    return [each["kind"] for each in changes if each["resource_id"] == stage.lesson.id]


def _hit(stage: Stage, query: str) -> bool:
    items = stage.anybody.get(f"{API}/search", q=query, limit=50)["items"]
    return stage.lesson.id in {each["id"] for each in items}


def _feed(stage: Stage, cursor: str | None) -> tuple[list[Json], str]:
    """The changes since `cursor`, and where to go on."""
    changes = list[Json]()
    while True:
        query = {"limit": 1000, **({"cursor": cursor} if cursor else {})}
        page = stage.anybody.get(f"{API}/changes", **query)
        changes += page["items"]
        cursor = page["next"]
        if not page["items"]:
            return changes, cursor
