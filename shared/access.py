"""Who may do what where: roles held at organisations, carried compactly by access tokens.

A grant is ``role@path`` or ``role@path#subject``. ``path`` leads from the province down, one label
an organisation (its code without hyphens, whose first letter is its kind), joined by dots as in
ltree; a grant holds for the organisation it names and for everything below it. ``subject`` limits
it to one school subject.

An operation is guarded by a `Rule`. What the rule asks is published with the operation in OpenAPI
as ``x-access``, from which the authorization matrix is generated.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from fastapi import Depends

from shared.errors import Forbidden
from shared.principal import Caller, Principal


class Role(StrEnum):
    """What a person may be somewhere. The level of a reviewer or an administrator is the kind of
    the organisation at which the role is held."""

    STUDENT = "student"
    TEACHER = "teacher"
    GUARDIAN = "guardian"
    REVIEWER = "reviewer"
    SUBJECT_EXPERT = "subject_expert"
    ADMINISTRATOR = "administrator"
    SECURITY_ADMINISTRATOR = "security_administrator"
    AUDITOR = "auditor"
    INTEGRATOR = "integrator"


@dataclass(frozen=True, slots=True)
class Grant:
    """One role at one organisation, as a token carries it."""

    role: Role
    path: str
    subject: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``role@path#subject``. Raises ValueError."""
        role, at, place = text.partition("@")
        path, _, subject = place.partition("#")
        if not at or not path:
            raise ValueError(f"{text!r} is no grant")
        return cls(Role(role), path, subject or None)

    def __str__(self) -> str:
        return f"{self.role}@{self.path}" + (f"#{self.subject}" if self.subject else "")

    @property
    def organisation(self) -> str:
        """The label of the organisation at which the role is held."""
        return self.path.rpartition(".")[2]

    def covers(self, path: str) -> bool:
        """Whether the organisation at `path` is the grant's own or below it."""
        return path == self.path or path.startswith(self.path + ".")


def grants_of(principal: Principal) -> tuple[Grant, ...]:
    """The grants in the caller's token; malformed ones are no grants."""
    found = []
    for text in principal.claims.get("grants", ()):
        try:
            found.append(Grant.parse(str(text)))
        except ValueError:
            continue
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Rule:
    """What an operation asks of its caller: a scope of the token and, unless every signed-in
    caller may, one of the roles at an organisation that covers the one acted on."""

    scope: str
    roles: frozenset[Role] = frozenset()
    own: bool = False
    """Whether a person may also do it to themselves, whatever their roles."""

    def holds(self, principal: Principal, path: str | None) -> bool:
        """Whether the caller may act on the organisation at `path` (None: on no organisation)."""
        if not self.roles:
            return True
        return any(
            grant.role in self.roles and (path is None or grant.covers(path))
            for grant in grants_of(principal)
        )

    def admit(self, principal: Principal, path: str | None, *, owner: str | None = None) -> None:
        """Raises `Forbidden` unless the rule holds, or the caller is `owner` and may be."""
        if self.own and owner is not None and owner == principal.subject:
            return
        if not self.holds(principal, path):
            raise Forbidden(
                "None of your roles reaches that organisation.",
                zh="您的角色均不涵盖该机构。",
            )

    def admitted_paths(self, principal: Principal) -> tuple[str, ...]:
        """The paths below which the caller may do it; a list is limited to them."""
        return tuple(grant.path for grant in grants_of(principal) if grant.role in self.roles)


def guarded(rule: Rule) -> dict[str, Any]:
    """Keyword arguments of a route that is open to tokens with the rule's scope alone.

    The use case asks `Rule.admit` once it knows which organisation is acted on.
    """

    async def scoped(caller: Caller) -> None:
        if rule.scope not in caller.scopes:
            raise Forbidden(
                f"The token lacks the scope {rule.scope}.", zh=f"令牌缺少权限范围 {rule.scope}。"
            )

    access: Mapping[str, Any] = {
        "scope": rule.scope,
        "roles": sorted(rule.roles),
        "own": rule.own,
    }
    return {
        "dependencies": [Depends(scoped)],
        "openapi_extra": {"x-access": access},
    }


def public() -> dict[str, Any]:
    """Keyword arguments of a route that anyone may call."""
    return {"openapi_extra": {"x-access": {"public": True}, "security": []}}
