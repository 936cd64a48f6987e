"""Applications that keep records: what each may do, and whose requests wait for whose."""

from dataclasses import dataclass
from enum import StrEnum

from shared.errors import DomainError


class UnknownApplication(DomainError):
    """The credentials are no application's, or it was revoked."""


class ScopeMissing(DomainError):
    """The application lacks the scope that the request needs."""


class UsernameTaken(DomainError):
    pass


class Class(StrEnum):
    """When the store is pressed, the last is shed first."""

    HOMEWORK = "homework"
    ORDINARY = "ordinary"
    ANALYTICS = "analytics"


class Scope(StrEnum):
    """The scopes of xAPI 1.0.3 part 3 §4.2."""

    WRITE = "statements/write"
    READ_MINE = "statements/read/mine"
    READ = "statements/read"
    STATE = "state"
    PROFILE = "profile"
    DEFINE = "define"
    ALL_READ = "all/read"
    ALL = "all"


_HELD_BY = {
    Scope.WRITE: {Scope.WRITE, Scope.ALL},
    Scope.READ_MINE: {Scope.READ_MINE, Scope.READ, Scope.ALL_READ, Scope.ALL},
    Scope.READ: {Scope.READ, Scope.ALL_READ, Scope.ALL},
    Scope.STATE: {Scope.STATE, Scope.ALL},
    Scope.PROFILE: {Scope.PROFILE, Scope.ALL},
    Scope.DEFINE: {Scope.DEFINE, Scope.ALL},
}


@dataclass(frozen=True, slots=True)
class Application:
    """One application. What it keeps is its organisation's, and of those below it may read."""

    id: int
    username: str
    name: str
    path: str
    scopes: frozenset[Scope]
    kind: Class

    def may(self, scope: Scope) -> bool:
        return not _HELD_BY[scope].isdisjoint(self.scopes)

    def admit(self, scope: Scope) -> None:
        """Raises `ScopeMissing`."""
        if not self.may(scope):
            raise ScopeMissing(
                f"The application lacks the scope {scope}.", zh=f"该应用缺少权限范围 {scope}。"
            )
