"""A statement that passes every rule, to be spoilt."""

from copy import deepcopy
from typing import Any

_STATEMENT: dict[str, Any] = {
    "id": "0193a000-0000-7000-8000-000000000001",
    "actor": {"objectType": "Agent", "name": "李雨桐", "mbox": "mailto:yutong@school.example"},
    "verb": {"id": "http://adlnet.gov/expapi/verbs/answered", "display": {"zh-CN": "回答"}},
    "object": {
        "objectType": "Activity",
        "id": "https://lessons.example/1/questions/2",
        "definition": {
            "name": {"zh-CN": "第二题"},
            "type": "http://adlnet.gov/expapi/activities/cmi.interaction",
            "interactionType": "choice",
            "correctResponsesPattern": ["a[,]b"],
            "choices": [{"id": "a", "description": {"zh": "甲"}}, {"id": "b"}],
        },
    },
    "result": {
        "score": {"scaled": 0.5, "raw": 5, "min": 0, "max": 10},
        "success": True,
        "completion": False,
        "response": "a",
        "duration": "PT1M3.5S",
        "extensions": {"https://ext.example/x": None},
    },
    "context": {
        "registration": "0193a000-0000-7000-8000-000000000002",
        "instructor": {"account": {"homePage": "https://school.example", "name": "t-1"}},
        "team": {
            "objectType": "Group",
            "member": [{"mbox_sha1sum": "0123456789abcdef0123456789abcdef01234567"}],
        },
        "contextActivities": {"parent": {"id": "https://lessons.example/1"}},
        "language": "zh-Hans-CN",
        "platform": "平板",
        "statement": {
            "objectType": "StatementRef",
            "id": "0193a000-0000-7000-8000-000000000003",
        },
    },
    "timestamp": "2026-11-22T08:00:00.000+08:00",
}


def statement(**changes: Any) -> dict[str, Any]:
    """The statement with some properties replaced; None takes one away."""
    return {
        name: value
        for name, value in {**deepcopy(_STATEMENT), **changes}.items()
        if value is not None
    }


def spoilt(path: str, value: Any) -> dict[str, Any]:
    """The statement with `value` at the slash-separated `path`."""
    found = statement()
    *parents, last = path.split("/")
    inner: Any = found
    for name in parents:
        inner = inner[int(name)] if isinstance(inner, list) else inner.setdefault(name, {})
    inner[last] = value
    return found
