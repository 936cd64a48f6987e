"""What the OpenAPI document says of the xAPI resources, which read their requests themselves.

Parameters, bodies and answers as in 1.0.3 part 3 §2 and IEEE 9274.1.1 §4.1.6.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.learning.domain.xapi.values import Version
from services.learning.schemas.xapi import EXAMPLE, About, Person, Statement, StatementResult

Json = dict[str, Any]

_ANOTHER = {**EXAMPLE, "id": "d6b1f4a6-3f0c-4f39-9a0a-64c2f86f1c7e"}
_DOCUMENT = {"page": 3, "answers": {"1": "B"}}

_TEXT: Json = {"type": "string"}
_IRI: Json = {"type": "string", "format": "iri"}
_UUID: Json = {"type": "string", "format": "uuid"}
_INSTANT: Json = {"type": "string", "format": "date-time"}
_FLAG: Json = {"type": "boolean", "default": False}
_STATEMENT: Json = {"$ref": "#/components/schemas/Statement"}
_SEVERAL: Json = {
    "oneOf": [_STATEMENT, {"type": "array", "items": _STATEMENT}],
    "examples": [EXAMPLE, [EXAMPLE, _ANOTHER]],
}
_ANYTHING: Json = {"description": "Of any media type.", "examples": [_DOCUMENT]}

_FILTERS: Mapping[str, tuple[Json, str]] = {
    "statementId": (_UUID, "One statement."),
    "voidedStatementId": (_UUID, "One that was voided."),
    "agent": (_TEXT, "An agent or identified group, as JSON."),
    "verb": (_IRI, ""),
    "activity": (_IRI, "The object's id."),
    "registration": (_UUID, ""),
    "related_activities": (_FLAG, "Also where the activity stands elsewhere in the statement."),
    "related_agents": (_FLAG, "Also where the agent stands elsewhere in the statement."),
    "since": (_INSTANT, "Stored after it."),
    "until": (_INSTANT, "Stored at it, or before."),
    "limit": ({"type": "integer", "minimum": 0}, "0: as many as are told at once."),
    "ascending": (_FLAG, "The oldest first."),
    "format": ({"enum": ["ids", "exact", "canonical"], "default": "exact"}, ""),
    "attachments": (_FLAG, "As multipart/mixed, with what was attached."),
    "more": (_TEXT, "As `more` of the page before told it; alone."),
}
_PLACES: Mapping[str, tuple[str, ...]] = {
    "/activities/state": ("activityId", "agent"),
    "/activities/profile": ("activityId",),
    "/agents/profile": ("agent",),
    "/activities": ("activityId",),
    "/agents": ("agent",),
}
_EXAMPLES: Mapping[str, str] = {
    "statementId": EXAMPLE["id"],
    "activityId": EXAMPLE["object"]["id"],
    "agent": '{"account": {"homePage": "https://app.example", "name": "17"}}',
    "stateId": "bookmark",
    "profileId": "appearance",
    "method": "GET",
}


def described(version: Version, method: str, path: str) -> Json:
    """Keyword arguments of the route: its success's status and body, parameters, and body."""
    if path == "/about":
        return _told(About, [_METHOD], _form(())) if method == "POST" else _told(About, [])
    parameters = [_version(version)]
    if path == "/statements":
        return _statements(method, parameters)
    names = _PLACES[path]
    if path in ("/activities", "/agents"):
        answer = dict[str, Any] if path == "/activities" else Person
        if method == "POST":
            return _told(answer, [*parameters, _METHOD], _form(names))
        return _told(answer, [*parameters, *(_query(each, _TEXT, required=True) for each in names)])
    parameters += [_query(each, _TEXT, required=True) for each in names]
    return _documents(method, path, parameters)


def _statements(method: str, parameters: list[Json]) -> Json:
    if method == "PUT":
        named = _query("statementId", _UUID, required=True)
        return _told(None, [*parameters, named], _json(_STATEMENT))
    if method == "POST":
        return _told(list[UUID], parameters, _json(_SEVERAL))
    filters = [_query(name, schema, told) for name, (schema, told) in _FILTERS.items()]
    return _told(StatementResult | Statement, [*parameters, *filters])


def _documents(method: str, path: str, parameters: list[Json]) -> Json:
    name = "stateId" if path == "/activities/state" else "profileId"
    writes = method in ("PUT", "POST")
    parameters.append(
        _query(name, _TEXT, required=writes or (method, name) == ("DELETE", "profileId"))
    )
    if name == "stateId":
        parameters.append(_query("registration", _UUID))
    if method in ("GET", "HEAD"):
        parameters.append(_query("since", _INSTANT, "Names of what changed after it."))
        return _told(Any, parameters, note="The document as it was written, or the names there are")
    for header in ("If-Match", "If-None-Match"):
        parameters.append({"name": header, "in": "header", "schema": _TEXT})
    return _told(None, parameters, _json(_ANYTHING) if writes else None)


def _told(
    answer: Any, parameters: list[Json], body: Json | None = None, note: str = "What is there"
) -> Json:
    status = 204 if answer is None else 200
    told: Json = {"description": "Done."} if answer is None else {"description": f"{note}."}
    if answer is not None:
        told["model"] = answer
    extra: Json = {"parameters": parameters}
    if body is not None:
        extra["requestBody"] = {"required": True, "content": body}
    return {"status_code": status, "responses": {status: told}, "openapi_extra": extra}


def _json(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}


def _form(names: tuple[str, ...]) -> Json:
    """A GET in a form (1.0.3 part 3 §1.3)."""
    schema = {
        "type": "object",
        "required": list(names),
        "properties": dict.fromkeys(names, _TEXT),
        "examples": [{name: _EXAMPLES[name] for name in names}],
    }
    return {"application/x-www-form-urlencoded": {"schema": schema}}


def _version(version: Version) -> Json:
    return {
        "name": "X-Experience-API-Version",
        "in": "header",
        "required": True,
        "schema": {"type": "string", "pattern": f"^{version[:3].replace('.', '[.]')}"},
        "example": str(version),
    }


def _query(name: str, schema: Json, told: str = "", *, required: bool = False) -> Json:
    found: Json = {"name": name, "in": "query", "required": required, "schema": schema}
    if told:
        found["description"] = told
    if required:
        found["example"] = _EXAMPLES[name]
    return found


_METHOD = _query("method", {"const": "GET"}, required=True)
