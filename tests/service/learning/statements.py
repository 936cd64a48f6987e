"""Statements to send."""

import uuid
from typing import Any

from shared.ids import uuid7

AGENT = {"objectType": "Agent", "name": "李雨桐", "mbox": "mailto:yutong@school.example"}
ANSWERED = "http://adlnet.gov/expapi/verbs/answered"
VOIDED = "http://adlnet.gov/expapi/verbs/voided"
LESSON = "https://lessons.example/1"


def statement(**changes: Any) -> dict[str, Any]:
    """One with a version 7 id; None takes a property away."""
    made = {
        "id": str(uuid7()),
        "actor": AGENT,
        "verb": {"id": ANSWERED, "display": {"zh-CN": "回答", "en": "answered"}},
        "object": {"objectType": "Activity", "id": LESSON},
        **changes,
    }
    return {name: value for name, value in made.items() if value is not None}


def foreign(**changes: Any) -> dict[str, Any]:
    """One with a version 4 id."""
    return statement(id=str(uuid.uuid4()), **changes)


def voiding(target: str) -> dict[str, Any]:
    return statement(verb={"id": VOIDED}, object={"objectType": "StatementRef", "id": target})
