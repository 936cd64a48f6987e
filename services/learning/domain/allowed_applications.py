"""Applications that an organisation allows in its spaces, as the record of educational mobile
applications (教育移动互联网应用程序备案) knows them. What is allowed holds for all below, and so
does that it is suspended or withdrawn, whatever those below say.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from shared.errors import DomainError


class State(StrEnum):
    ALLOWED = "ALLOWED"
    SUSPENDED = "SUSPENDED"
    WITHDRAWN = "WITHDRAWN"


class Action(StrEnum):
    SUSPEND = "suspend"
    RESUME = "resume"
    WITHDRAW = "withdraw"


TRANSITIONS: Mapping[tuple[State, Action], State] = {
    (State.ALLOWED, Action.SUSPEND): State.SUSPENDED,
    (State.ALLOWED, Action.WITHDRAW): State.WITHDRAWN,
    (State.SUSPENDED, Action.RESUME): State.ALLOWED,
    (State.SUSPENDED, Action.WITHDRAW): State.WITHDRAWN,
}


class Level(StrEnum):
    """For whom: 学前、小学、初中、高中、中职."""

    PRESCHOOL = "preschool"
    PRIMARY = "primary"
    JUNIOR = "junior"
    SENIOR = "senior"
    VOCATIONAL = "vocational"


class Category(StrEnum):
    """What for: 教学、作业、阅读、管理、家校沟通、其他."""

    TEACHING = "teaching"
    HOMEWORK = "homework"
    READING = "reading"
    MANAGEMENT = "management"
    COMMUNICATION = "communication"
    OTHER = "other"


class ActionRefused(DomainError):
    """The application's state knows no such action."""


class AlreadyAllowed(DomainError):
    """The organisation has an application with that record number."""


class HeldAbove(DomainError):
    """An organisation above suspended or withdrew the application with that record number."""


def held_above() -> HeldAbove:
    return HeldAbove(
        "Ask the organisation above that suspended or withdrew it.",
        zh="上级机构已暂停或取消准入，请与其联系。",
    )


NUMBER_PATTERN = "^教APP备[0-9]{7}号$"


def record_number(text: str) -> str:
    """The number of a record however it was typed: wide or small letters, spaces. Raises
    ValueError."""
    number = "".join(unicodedata.normalize("NFKC", text).split()).upper()
    if not re.fullmatch(NUMBER_PATTERN, number):
        raise ValueError("Write it like 教APP备3300088号.", "备案号形如“教APP备3300088号”。")
    return number


@dataclass(frozen=True, slots=True)
class AllowedApplication:
    """``record_number`` is that of the official record (备案号). ``held`` says whether there is
    another with that number, at or above the space where it is looked at, that is not allowed."""

    id: UUID
    organisation_path: str
    record_number: str
    name: str
    developer: str
    url: str
    levels: tuple[Level, ...]
    categories: tuple[Category, ...]
    state: State
    version: int
    created_at: datetime
    updated_at: datetime
    held: bool = False

    @property
    def allowed(self) -> bool:
        """Whether it may be used in the space."""
        return self.state is State.ALLOWED and not self.held

    @property
    def actions(self) -> list[Action]:
        """What may be done to it now."""
        return [action for state, action in TRANSITIONS if state is self.state]

    @property
    def record(self) -> dict[str, Any]:
        """What it says, for the audit."""
        names = ("record_number", "name", "developer", "url", "levels", "categories", "state")
        return {name: getattr(self, name) for name in names}

    def changed(self, now: datetime, **fields: Any) -> Self:
        return replace(self, version=self.version + 1, updated_at=now, **fields)

    def after(self, action: Action, now: datetime) -> Self:
        """Raises `ActionRefused`, and `HeldAbove` where it would not be allowed after all."""
        if action is Action.RESUME and self.held:
            raise held_above()
        state = TRANSITIONS.get((self.state, action))
        if state is None:
            raise ActionRefused(
                f"It is {self.state}. What applies: {', '.join(self.actions) or 'nothing'}.",
                zh=f"当前为 {self.state}，可进行的操作：{'、'.join(self.actions) or '无'}。",
                state=self.state,
            )
        return self.changed(now, state=state)
