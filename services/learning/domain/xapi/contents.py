"""What a statement that passed every rule holds: its agents, its activities, its figures.

Documents are changed in place by what says so; all else only reads.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction
from hashlib import blake2b
from typing import Any, NamedTuple
from uuid import UUID

from services.learning.domain.xapi.objects import IFIS
from services.learning.domain.xapi.rules import Json
from services.learning.domain.xapi.statements import CONTEXT_ACTIVITIES, VOIDED
from services.learning.domain.xapi.values import (
    UUID_TEXT,
    Version,
    instant,
    milliseconds,
    to_hundredths,
    told,
)

COMPLETED = "http://adlnet.gov/expapi/verbs/completed"
PASSED = "http://adlnet.gov/expapi/verbs/passed"
PROGRESS = "https://w3id.org/xapi/cmi5/result/extensions/progress"
"""Per cent, 0 to 100 (cmi5 §9.5.5.1)."""


def key_of(iri: str) -> UUID:
    """The 16 bytes by which an IRI is found in narrow rows."""
    return UUID(bytes=blake2b(iri.encode(), digest_size=16).digest())


def with_lists(statement: Json) -> None:
    """Turn every single context activity into a list of one, in place: so it must be returned."""
    for part in (statement, statement["object"]):
        activities = part.get("context", {}).get("contextActivities") if "context" in part else None
        if activities:
            for name, value in activities.items():
                if type(value) is dict:
                    activities[name] = [value]


def agents_in(statement: Json) -> Iterator[tuple[Json, str]]:
    """Every agent and group of the statement with the property it stands in, groups before their
    members. What is yielded may be changed before the next is asked for, but for ``member``."""
    yield from _with_members(statement["actor"], "actor")
    target = statement["object"]
    kind = target.get("objectType")
    if kind is not None and kind not in ("Activity", "StatementRef"):
        if kind == "SubStatement":
            for each, _ in agents_in(target):
                yield each, "substatement"
        else:
            yield from _with_members(target, "object")
    context = statement.get("context")
    if context:
        for name in ("instructor", "team"):
            if name in context:
                yield from _with_members(context[name], name)
        for name, inner in (("contextAgents", "agent"), ("contextGroups", "group")):
            for each in context.get(name, ()):
                yield from _with_members(each[inner], name)


def _with_members(agent: Json, role: str) -> Iterator[tuple[Json, str]]:
    members = agent.get("member", ())
    yield agent, role
    for member in members:
        yield member, role


def activities_in(statement: Json) -> Iterator[Json]:
    """Every activity of the statement, its own object first."""
    target = statement["object"]
    kind = target.get("objectType", "Activity")
    if kind == "Activity":
        yield target
    elif kind == "SubStatement":
        yield from activities_in(target)
    activities = statement.get("context", {}).get("contextActivities")
    if activities:
        for name in CONTEXT_ACTIVITIES:
            found = activities.get(name, ())
            yield from (found,) if type(found) is dict else found


def merged_definition(known: Json, new: Json) -> Json:
    """What two definitions of an activity say together; where both speak, the new one counts."""
    maps: Json = {
        name: {**known[name], **new[name]}
        for name in ("name", "description", "extensions")
        if name in known and name in new
    }
    return {**known, **new, **maps}


def is_identified(agent: Json) -> bool:
    """Whether `identifier_of` the agent says anything."""
    return not agent.keys().isdisjoint(IFIS)


def without_members(agent: Json) -> Json:
    """An agent as who it is, whoever belongs to it."""
    if "member" not in agent:
        return agent
    return {name: value for name, value in agent.items() if name != "member"}


def attachment_key(sha2: str) -> UUID:
    """Marks a statement that came with the bytes of this attachment."""
    return key_of(f"attachment {sha2.lower()}")


def canonical(agent: Json, issuer: str) -> Json:
    """An agent that is an account of `issuer`, as the platform spells it: without a slash behind
    the home page, an id in lower case. Any other is told as it is."""
    account = agent.get("account")
    if not account:
        return agent
    home, name = account["homePage"], account["name"]
    if home.rstrip("/").lower() != issuer.lower():
        return agent
    name = name.lower() if UUID_TEXT.fullmatch(name) else name
    if (home, name) == (issuer, account["name"]):
        return agent
    return {**agent, "account": {"homePage": issuer, "name": name}}


def identifier_of(agent: Json) -> str | None:
    """The inverse functional identifier as one string; None for an anonymous group.

    The host of an address is the same in any case; a SHA-1 is compared in lower case.
    """
    for name in IFIS:
        if name in agent:
            value = agent[name]
            if name == "account":
                return f"account {value['homePage']} {value['name']}"
            if name == "mbox":
                local, _, host = value.rpartition("@")
                return f"mbox {local}@{host.lower()}"
            return f"{name} {value.lower() if name == 'mbox_sha1sum' else value}"
    return None


_NOT_COMPARED = frozenset(
    {
        *("id", "timestamp", "stored", "authority", "version"),
        *("verb", "object", "attachments"),  # of these, a part is
    }
)


def comparable(statement: Json) -> Json:
    """That part of a statement which makes it another one when it differs; so does its timestamp,
    where it gave one.

    Left out is what the store sets or may set, and what only describes (1.0.3 part 2 §2.3.1):
    id, timestamp, stored, authority and version, words of verbs, definitions of activities, where
    attachments may be fetched.
    """
    kept = {name: value for name, value in statement.items() if name not in _NOT_COMPARED}
    kept["verb"] = statement["verb"]["id"]
    target = statement["object"]
    kind = target.get("objectType", "Activity")
    if kind == "Activity":
        kept["object"] = target["id"]
    else:
        kept["object"] = _comparable_part(target) if kind == "SubStatement" else target
    result = statement.get("result")
    if (
        result
        and "duration" in result
        and result["duration"] != (to_hundredths(result["duration"]))
    ):
        kept["result"] = {**result, "duration": to_hundredths(result["duration"])}
    context = statement.get("context")
    if context and "contextActivities" in context:
        kept["context"] = {**context, "contextActivities": _ids(context["contextActivities"])}
    if "attachments" in statement:
        kept["attachments"] = [each["sha2"].lower() for each in statement["attachments"]]
    return kept


def _comparable_part(substatement: Json) -> Json:
    """The same of a sub-statement, in which the store sets nothing."""
    kept = comparable(substatement)
    if "timestamp" in substatement:
        kept["timestamp"] = told(instant(substatement["timestamp"], Version.V1))
    return kept


def _ids(activities: Json) -> Json:
    return {
        name: sorted(each["id"] for each in ([value] if type(value) is dict else value))
        for name, value in activities.items()
    }


class Figures(NamedTuple):
    """What aggregates are made of. ``scaled`` is -1 to 1, ``progress`` per cent, durations are in
    milliseconds; None is what the statement does not say."""

    scaled: float | None
    progress: int | None
    completed: bool
    passed: bool | None
    duration_ms: int | None


_NONE = Figures(None, None, False, None, None)
_COMPLETED = Figures(None, None, True, None, None)
_PASSED = Figures(None, None, False, True, None)


def figures_of(statement: Json) -> Figures:
    """The figures of a statement about its object."""
    verb = statement["verb"]["id"]
    result = statement.get("result")
    if not result:
        return _COMPLETED if verb == COMPLETED else _PASSED if verb == PASSED else _NONE
    duration = result.get("duration")
    passed = result.get("success")
    return Figures(
        scaled=_scaled(result.get("score")),
        progress=_progress(result.get("extensions")),
        completed=result.get("completion", False) or verb == COMPLETED,
        passed=True if verb == PASSED else passed,
        duration_ms=None if duration is None else milliseconds(duration),
    )


def _scaled(score: Json | None) -> float | None:
    if not score:
        return None
    if "scaled" in score:
        return float(score["scaled"])
    if {"raw", "min", "max"} <= score.keys():
        low = Fraction(score["min"])  # doubles would overflow between their own ends
        return float((Fraction(score["raw"]) - low) / (Fraction(score["max"]) - low))
    return None


def _progress(extensions: Json | None) -> int | None:
    value: Any = extensions.get(PROGRESS) if extensions else None
    if type(value) not in (int, float) or not 0 <= value <= 100:
        return None
    return int(value)


def voided_by(statement: Json) -> UUID | None:
    """The id of the statement that this one voids."""
    return UUID(statement["object"]["id"]) if statement["verb"]["id"] == VOIDED else None


def moment_of(uuid7: UUID) -> datetime | None:
    """When a version 7 UUID was made; None for another, or one beyond the calendar."""
    if uuid7.version != 7:
        return None
    try:
        return datetime.fromtimestamp((uuid7.int >> 80) / 1000, tz=UTC)
    except (ValueError, OverflowError, OSError):
        return None
