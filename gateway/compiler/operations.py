"""The documented operations with what the gateway must know of each."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from gateway.compiler.policy import Policy

CONTRACTS = Path(__file__).resolve().parents[2] / "openapi"
TOKEN = "access_token"  # noqa: S105  the name of a security scheme
_PARAMETER = re.compile(r"\{[^/{}]+\}")
_URI_REFERENCE = re.compile(r"(?:%[0-9A-Fa-f]{2}|[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-])+")
_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})


class ContractUnclear(ValueError):
    """A contract does not say who may call an operation, or the policy speaks of none."""


@dataclass(frozen=True, slots=True)
class Deprecation:
    """When an operation became deprecated (RFC 9745), when it ends (RFC 8594), what to read."""

    since: date
    sunset: date | None
    link: str | None


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path template.

    `scopes`: any one of them opens it. `token`: whether a token is judged here; `bare`: whether it
    may be called without one, being public or taking another credential, which the service checks.
    `spanning`: parameters that hold slashes.
    """

    service: str
    method: str
    path: str
    scopes: frozenset[str]
    token: bool
    bare: bool
    timeout_seconds: int
    body_kib: int
    spanning: frozenset[str] = frozenset()
    deprecation: Deprecation | None = None

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def is_literal(self) -> bool:
        return _PARAMETER.search(self.path) is None

    @property
    def regex(self) -> str:
        """Fits the whole path (RE2): a parameter is one segment that is not empty, or several."""
        literals = [re.escape(part) for part in _PARAMETER.split(self.path)]
        names = [name[1:-1] for name in _PARAMETER.findall(self.path)]
        fitting = [".+" if name in self.spanning else "[^/]+" for name in names]
        return "".join(chain.from_iterable(zip_longest(literals, fitting, fillvalue="")))


def contracts(folder: Path = CONTRACTS) -> dict[str, dict[str, Any]]:
    """The committed OpenAPI documents by service."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def operations(documents: Mapping[str, Mapping[str, Any]], policy: Policy) -> list[Operation]:
    """Every documented operation. Raises `ContractUnclear`."""
    found = [
        _operation(service, method.upper(), path, told, policy)
        for service, document in documents.items()
        for path, item in document.get("paths", {}).items()
        for method, told in item.items()
        if method in _METHODS
    ]
    for rule in policy.rule:
        if not any(rule.fits(each.name) for each in found):
            raise ContractUnclear(f"The policy's rule for {rule.operations} fits no operation.")
    return found


def _operation(
    service: str, method: str, path: str, told: Mapping[str, Any], policy: Policy
) -> Operation:
    name = f"{method} {path}"
    access = told.get("x-access")
    if not access or not (access.get("public") or access.get("scope")):
        raise ContractUnclear(f"{name} does not say in x-access who may call it.")
    if path.split("/")[1] != service and not _well_known(service, path):
        raise ContractUnclear(f"{name} does not lie below /{service}.")
    timeout, body = policy.defaults.timeout_seconds, policy.defaults.body_kib
    scopes = frozenset(() if access.get("public") else (access["scope"],))
    schemes = list(_schemes(told))
    token = TOKEN in schemes
    for rule in policy.rule:
        if rule.fits(name):
            timeout = rule.timeout_seconds or timeout
            body = rule.body_kib or body
            scopes = frozenset(rule.scopes or ()) or scopes
            token = token and not rule.token_left_to_service
    return Operation(
        service=service,
        method=method,
        path=path,
        scopes=scopes if token else frozenset(),
        token=token,
        bare=not scopes or any(scheme != TOKEN for scheme in schemes),
        timeout_seconds=timeout,
        body_kib=body,
        spanning=frozenset(_spanning(told)),
        deprecation=_deprecation(name, told),
    )


def _well_known(service: str, path: str) -> bool:
    """An issuer with a path has its metadata at the root, with the path behind (RFC 8414 §3.1)."""
    return path.startswith("/.well-known/") and path.endswith(f"/{service}")


def _schemes(told: Mapping[str, Any]) -> Iterator[str]:
    for alternative in told.get("security", ()):
        yield from alternative


def _spanning(told: Mapping[str, Any]) -> Iterator[str]:
    """OpenAPI cannot say that a parameter holds slashes but by its pattern."""
    for parameter in told.get("parameters", ()):
        if parameter["in"] == "path" and "/" in parameter["schema"].get("pattern", ""):
            yield parameter["name"]


def _deprecation(name: str, told: Mapping[str, Any]) -> Deprecation | None:
    if not told.get("deprecated"):
        return None
    when = told.get("x-deprecation", {})
    if "since" not in when:
        raise ContractUnclear(f"{name} is deprecated without x-deprecation.since.")
    try:
        since = date.fromisoformat(when["since"])
        sunset = date.fromisoformat(when["sunset"]) if "sunset" in when else None
    except ValueError as error:
        raise ContractUnclear(f"{name} has an x-deprecation with a wrong date.") from error
    if sunset and sunset < since:  # RFC 9745 §4
        raise ContractUnclear(f"{name} ends before it is deprecated.")
    link = when.get("link")
    if link is not None and not _URI_REFERENCE.fullmatch(link):
        raise ContractUnclear(f"{name} has an x-deprecation.link that is no URI reference.")
    return Deprecation(since, sunset, link)
