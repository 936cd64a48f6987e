"""The authorization matrix: every operation × caller × place, generated from an OpenAPI document.

Each operation says in ``x-access`` who may call it: ``{"public": true}``, or a ``scope`` with
``roles`` (empty: any caller with the scope) and ``own``. From that follow the callers that must be
refused: nobody, a token without the scope, every other role here, and every role below the target's
organisation or elsewhere. A
service's test names a target of each operation that exists, sends each cell's request, and holds
the answer against `Cell.judge`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from shared.access import Grant, Role

METHODS = ("get", "put", "post", "patch", "delete")
REFUSALS = frozenset({401, 403, 404})

Place = Literal["nowhere", "here", "below", "elsewhere"]


@dataclass(frozen=True)
class Operation:
    """One operation of a document; ``access`` is its ``x-access``."""

    id: str
    method: str
    path: str
    access: Mapping[str, Any]


@dataclass(frozen=True)
class Cell:
    """One caller: the scopes of the token (None: no token), and a role at the target's own
    organisation, at one below it, or at another one."""

    operation: Operation
    scopes: str | None
    role: Role | None
    place: Place
    allowed: bool

    def __str__(self) -> str:
        holder = "anonymous" if self.scopes is None else f"{self.role or 'no role'} {self.place}"
        return f"{self.operation.id}: {holder}, scopes {self.scopes or '-'}"

    def grants(self, here: str, elsewhere: str) -> tuple[str, ...]:
        """The grants of the caller's token, given the target's path and another one."""
        if self.role is None:
            return ()
        path = {"here": here, "below": f"{here}.KBELOW", "elsewhere": elsewhere}[self.place]
        return (str(Grant(self.role, path)),)

    def judge(self, status: int) -> str | None:
        """What is wrong with `status` as the answer, or None."""
        if status >= 500:
            return f"{self}: answered {status}"
        if self.allowed:
            return f"{self}: refused with {status}" if status in (401, 403) else None
        return None if status in REFUSALS else f"{self}: LEAK, answered {status}"


def operations(document: Mapping[str, Any]) -> list[Operation]:
    """Every operation of an OpenAPI document. Raises ValueError for one without ``x-access``."""
    found = []
    for path, item in document["paths"].items():
        for method in METHODS:
            if method not in item:
                continue
            operation = item[method]
            if "x-access" not in operation:
                raise ValueError(f"{operation['operationId']} does not say who may call it")
            access = operation["x-access"]
            found.append(Operation(operation["operationId"], method.upper(), path, access))
    return found


def cells(operation: Operation, *, bound: bool = True) -> Iterator[Cell]:
    """Every caller of `operation`. ``bound`` says that its target belongs to an organisation; an
    operation that acts on none treats every holder of a role alike."""
    access = operation.access
    if access.get("public"):
        yield Cell(operation, None, None, "nowhere", allowed=True)
        return
    scope = access["scope"]
    roles = frozenset(access["roles"])
    yield Cell(operation, None, None, "nowhere", allowed=False)
    yield Cell(operation, "openid", Role.ADMINISTRATOR, "here", allowed=False)
    yield Cell(operation, scope, None, "nowhere", allowed=not roles)
    for role in Role:
        yield Cell(operation, scope, role, "here", allowed=not roles or role in roles)
        reached = not roles or (not bound and role in roles)
        yield Cell(operation, scope, role, "below", allowed=reached)
        yield Cell(operation, scope, role, "elsewhere", allowed=reached)
