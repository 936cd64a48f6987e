"""Statements: every rule of xAPI 1.0.3 and 2.0.0 on what a client may send.

`check` tells every defect at once. A statement that passes is read by `facts_of`.
"""

from typing import Any

from services.learning.domain.xapi import objects, rules
from services.learning.domain.xapi.rules import (
    Defect,
    Json,
    Remembered,
    Report,
    Shape,
    each_of,
    one_of,
)
from services.learning.domain.xapi.values import Version

VOIDED = "http://adlnet.gov/expapi/verbs/voided"


def _ordered_score(value: Json, at: str, report: Report) -> None:
    numbers = {n: v for n, v in value.items() if type(v) in (int, float)}
    if not -1 <= numbers.get("scaled", 0) <= 1:
        report.add(f"{at}/scaled", "This lies between -1 and 1.")
    low, raw, high = numbers.get("min"), numbers.get("raw"), numbers.get("max")
    if low is not None and high is not None and low >= high:
        report.add(f"{at}/min", "min is less than max.")
    if raw is not None and low is not None and raw < low:
        report.add(f"{at}/raw", "raw is not less than min.")
    if raw is not None and high is not None and raw > high:
        report.add(f"{at}/raw", "raw is not more than max.")


_score = Shape(dict.fromkeys(("scaled", "raw", "min", "max"), rules.number), across=_ordered_score)
_result = Shape(
    {
        "score": _score,
        "success": rules.boolean,
        "completion": rules.boolean,
        "response": rules.text,
        "duration": rules.duration,
        "extensions": rules.extensions,
    }
)


def _activities(value: Any, at: str, report: Report) -> None:
    if type(value) is list:
        each_of(objects.activity)(value, at, report)
    else:
        objects.activity(value, at, report)


CONTEXT_ACTIVITIES = ("parent", "grouping", "category", "other")
_context_activities = Shape(dict.fromkeys(CONTEXT_ACTIVITIES, _activities))
_relevant = each_of(rules.iri, at_least=1)
_context_agent = Shape(
    {
        "objectType": one_of("contextAgent"),
        "agent": objects.agent,
        "relevantTypes": _relevant,
    },
    required=("objectType", "agent"),
)
_context_group = Shape(
    {
        "objectType": one_of("contextGroup"),
        "group": objects.group,
        "relevantTypes": _relevant,
    },
    required=("objectType", "group"),
)
_context = Remembered(
    Shape(
        {
            "registration": rules.uuid,
            "instructor": objects.actor,
            "team": objects.group,
            "contextActivities": _context_activities,
            "contextAgents": each_of(_context_agent),
            "contextGroups": each_of(_context_group),
            "revision": rules.text,
            "platform": rules.text,
            "language": rules.language,
            "statement": objects.statement_reference,
            "extensions": rules.extensions,
        },
        since_v2=frozenset({"contextAgents", "contextGroups"}),
    )
)
_attachment = Shape(
    {
        "usageType": rules.iri,
        "display": rules.language_map,
        "description": rules.language_map,
        "contentType": rules.media_type,
        "length": rules.whole,
        "sha2": rules.sha2,
        "fileUrl": rules.iri,
    },
    required=("usageType", "display", "contentType", "length", "sha2"),
)


def _fitting_context(value: Json, at: str, report: Report) -> None:
    """Revision and platform are of activities only (1.0.3 part 2 §2.4.6)."""
    target, context = value.get("object"), value.get("context")
    if type(target) is not dict or type(context) is not dict:
        return
    if target.get("objectType", "Activity") != "Activity":
        for name in {"revision", "platform"} & context.keys():
            report.add(f"{at}/context/{name}", "Only an activity as object has this.")


def _object_of_substatement(value: Any, at: str, report: Report) -> None:
    if type(value) is dict and value.get("objectType") == "SubStatement":
        report.add(at, "A sub-statement holds no sub-statement.")
        return
    _object(value, at, report)


_PARTS: dict[str, rules.Check] = {
    "actor": objects.actor,
    "verb": objects.verb,
    "result": _result,
    "context": _context,
    "timestamp": rules.timestamp,
    "attachments": each_of(_attachment),
}
_REQUIRED = ("actor", "verb", "object")
_substatement = Shape(
    {**_PARTS, "objectType": one_of("SubStatement"), "object": _object_of_substatement},
    required=("objectType", *_REQUIRED),
    across=_fitting_context,
)
_OBJECTS: dict[str, rules.Check] = {
    "Activity": objects.activity,
    "Agent": objects.agent,
    "Group": objects.group,
    "StatementRef": objects.statement_reference,
    "SubStatement": _substatement,
}


def _object(value: Any, at: str, report: Report) -> None:
    if type(value) is not dict:
        report.add(at, "This must be an object.")
        return
    kind = value.get("objectType", "Activity")
    check = _OBJECTS.get(kind) if type(kind) is str else None
    if check is None:
        report.add(f"{at}/objectType", f"This must be {', '.join(_OBJECTS)}.")
    else:
        check(value, at, report)


def _authority(value: Any, at: str, report: Report) -> None:
    """An agent, or the two of OAuth: an application and the person it acts for."""
    objects.actor(value, at, report)
    if type(value) is dict and value.get("objectType") == "Group":
        members = value.get("member")
        if any(name in value for name in objects.IFIS) or not (
            type(members) is list and len(members) == 2
        ):
            report.add(at, "An authority that is a group is anonymous and has two members.")


def _version(value: Any, at: str, report: Report) -> None:
    taken = type(value) is str and (
        value == "1.0"
        or (value.startswith("1.0.") and value[4:].isdigit())
        or (report.version is Version.V2 and value == "2.0.0")
    )
    if not taken:
        report.add(at, f"This must be {report.version}.")


def _whole(value: Json, at: str, report: Report) -> None:
    _fitting_context(value, at, report)
    verb, target = value.get("verb"), value.get("object")
    voids = type(verb) is dict and verb.get("id") == VOIDED
    if voids and type(target) is dict and target.get("objectType") != "StatementRef":
        report.add(f"{at}/object", "What is voided is named by a StatementRef.")


_statement = Shape(
    {
        **_PARTS,
        "id": rules.uuid,
        "object": _object,
        "stored": rules.timestamp,
        "authority": _authority,
        "version": _version,
    },
    required=_REQUIRED,
    across=_whole,
)


def check(statement: Any, version: Version, at: str = "") -> list[Defect]:
    """Everything that is wrong with `statement`, which stands at pointer `at`; none, and it may
    be stored."""
    report = Report(version)
    _statement(statement, at, report)
    return report.defects
