"""``/openapi.json``: the services' contracts as one OpenAPI 3.1 document.

A schema that several services name alike but mean differently is told apart by the service's name;
one that is the same for all stands once. So do operation ids. What the gateway itself adds for
applications, API keys and quotas, stands in no service's contract, and is added here.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.application.checkpoint import KeyAndToken, QuotaExceeded
from gateway.compiler.operations import TOKEN
from gateway.domain.portal import OF_PEOPLE
from gateway.problems.checkpoint import PROBLEMS
from shared.problems import MEDIA_TYPE, declare
from shared.version import VERSION

Json = dict[str, Any]

SCHEMAS = "#/components/schemas/"
TITLE = "Shuyuan"
DESCRIPTION = """\
The digital education resource platform 书院, through its gateway.

Obtain an access token at `/identity/token` (OAuth 2.0; see
`/identity/.well-known/openid-configuration`) and send it as `Authorization: Bearer`; or send an API
key of your application as `X-Api-Key`, never both.
`x-access` names the scope that an operation asks for, and the roles. Whatever is refused is told as
problem details (RFC 9457): `type` is what a program compares.
"""
_GENERIC = re.compile(r"^([A-Z][A-Za-z]*)_(\w+)_$")
_API_KEY = "api_key"
_BY_KEY: Json = {_API_KEY: []}
_KEY_SCHEME = {
    "type": "apiKey",
    "in": "header",
    "name": "X-Api-Key",
    "description": "A key of an application, issued in the portal (/docs) for some of its scopes.",
}
_LIMITS: Json = {
    "RateLimit-Policy": {
        "description": "The application's quotas (draft-ietf-httpapi-ratelimit-headers-10): `q` "
        "requests in `w` seconds. Sent to applications alone.",
        "schema": {"type": "string"},
        "example": '"second";q=50;w=1, "day";q=500000;w=86400',
    },
    "RateLimit": {
        "description": "Of each, `r` requests are left; it is whole again in `t` seconds.",
        "schema": {"type": "string"},
        "example": '"second";r=49;t=1, "day";r=499997;t=36000',
    },
    "Retry-After": {
        "description": "Seconds to wait before asking again (RFC 9110 §10.2.3).",
        "schema": {"type": "integer", "minimum": 1},
        "example": 1,
    },
}
_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})


class ContractsClash(ValueError):
    """Two contracts give one name two meanings where no service's name can tell them apart."""


def merged(documents: Mapping[str, Json]) -> Json:
    """One document of those by service. Raises `ContractsClash`."""
    apart = _schemas_apart(documents)
    shared_ids = _repeated_operation_ids(documents)
    paths: Json = {}
    components: dict[str, Json] = {}
    tags: dict[str, None] = {}
    for service, document in documents.items():
        own = _renamed(document, service, apart)
        for path, item in own["paths"].items():
            _put(paths, path, item)
            for operation in _operations(item):
                if operation.get("operationId") in shared_ids:
                    operation["operationId"] = f"{service}_{operation['operationId']}"
                operation["tags"] = [service, *operation.get("tags", ())]
                operation["security"] = _alternatives(operation)
                if _BY_KEY in operation["security"]:
                    _describe_keys(operation)
        tags[service] = None
        for kind, found in own.get("components", {}).items():
            for name, content in found.items():
                renamed = _name(service, name, apart) if kind == "schemas" else name
                if "title" in content:
                    content["title"] = renamed
                _put(components.setdefault(kind, {}), renamed, content)
    components.setdefault("securitySchemes", {})[_API_KEY] = _KEY_SCHEME
    components["headers"] = {**components.get("headers", {}), **_LIMITS}
    return {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": VERSION, "description": DESCRIPTION},
        "servers": [{"url": "/"}],
        "tags": [{"name": tag, "description": documents[tag]["info"]["title"]} for tag in tags],
        "paths": paths,
        "components": components,
    }


def _alternatives(operation: Json) -> list[Json]:
    """Security Requirement Objects, each once. Where a token is welcome though anybody may call,
    the empty one says so (OpenAPI 3.1 §4.8.10)."""
    told = list(operation.get("security", ()))
    if _takes_keys(operation):
        told.append(_BY_KEY)
    if told and operation["x-access"].get("public"):
        told.append({})
    return [each for place, each in enumerate(told) if each not in told[:place]]


def _takes_keys(operation: Json) -> bool:
    """Wherever an access token opens it, unless with a scope that speaks of a person."""
    taken = any(TOKEN in alternative for alternative in operation.get("security", ()))
    return taken and operation.get("x-access", {}).get("scope") not in OF_PEOPLE


def _describe_keys(operation: Json) -> None:
    for status, refusal in declare(PROBLEMS)(QuotaExceeded, KeyAndToken).items():
        told = operation["responses"].setdefault(str(status), refusal)
        own = refusal["content"][MEDIA_TYPE]
        content = told.setdefault("content", {}).setdefault(MEDIA_TYPE, own)
        content["examples"] = {**content.get("examples", {}), **own["examples"]}
    for status, answer in operation["responses"].items():
        names = _LIMITS if status == "429" else ("RateLimit-Policy", "RateLimit")
        if status == "429" or status.startswith("2"):
            references = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
            answer["headers"] = {**answer.get("headers", {}), **references}


def _put(into: Json, name: str, content: Any) -> None:
    if into.setdefault(name, content) != content:
        raise ContractsClash(f"{name} has two meanings.")


def _name(service: str, name: str, apart: frozenset[str]) -> str:
    """As generated clients name a class. Where two classes of one service are named alike, pydantic
    names each by its whole module; of that, the last part is enough. Of a generic class it makes
    `Page_Thing_`, of one that differs by direction `Thing-Input`."""
    *modules, own = name.split("__")
    own = _GENERIC.sub(r"\2\1", own).replace("-", "")
    if modules:
        return service.capitalize() + modules[-1].title().replace("_", "") + own
    return f"{service.capitalize()}{own}" if name in apart else own


def _schemas_apart(documents: Mapping[str, Json]) -> frozenset[str]:
    """Names of schemas that differ between documents, be it only in what they refer to."""
    by_name: dict[str, set[str]] = {}
    refers: dict[str, set[str]] = {}
    for document in documents.values():
        for name, schema in document.get("components", {}).get("schemas", {}).items():
            by_name.setdefault(name, set()).add(json.dumps(schema, sort_keys=True))
            refers.setdefault(name, set()).update(_references(schema))
    apart = {name for name, meanings in by_name.items() if len(meanings) > 1}
    while more := {name for name in by_name.keys() - apart if refers[name] & apart}:
        apart |= more
    return frozenset(apart)


def _references(schema: Any) -> set[str]:
    return set(re.findall(rf'"{SCHEMAS}([^"]+)"', json.dumps(schema)))


def _renamed(document: Json, service: str, apart: frozenset[str]) -> Json:
    """The document with every reference to a schema led to its new name."""

    def led_to(match: re.Match[str]) -> str:
        return f'"{SCHEMAS}{_name(service, match[1], apart)}"'

    text = json.dumps(document, ensure_ascii=False)
    led = re.sub(rf'"{SCHEMAS}([^"]+)"', led_to, text)
    found: Json = json.loads(led)
    return found


def _repeated_operation_ids(documents: Mapping[str, Json]) -> frozenset[str]:
    counted = Counter(
        operation["operationId"]
        for document in documents.values()
        for item in document["paths"].values()
        for operation in _operations(item)
        if "operationId" in operation
    )
    return frozenset(each for each, times in counted.items() if times > 1)


def _operations(item: Json) -> Iterator[Json]:
    return (operation for method, operation in item.items() if method in _METHODS)
