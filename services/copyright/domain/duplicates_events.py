"""What others hear of works that are alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID


@dataclass(frozen=True)
class PossibleMatch:
    """The work registered under ``code`` is like this one, in its file at ``path``. ``tier`` is
    exact, same_code, near, review or containment; ``distance`` is that of their Content-Codes, of
    256 bits, and ``share`` how much of the shorter text is in the longer, 0 to 1."""

    code: str
    path: str
    tier: str
    distance: int | None
    share: float | None


@dataclass(frozen=True)
class RegistrationMatched:
    """Other registered works are like this one, which somebody should look at. Nothing follows
    from it by itself."""

    registration_id: UUID
    code: str
    resource_id: UUID
    resource_version: int | None
    possible_matches: Sequence[PossibleMatch]

    type: ClassVar[str] = "copyright.registration.matched.v1"

    @property
    def aggregate(self) -> str:
        return f"registrations/{self.registration_id}"


EVENTS: Mapping[str, type] = {RegistrationMatched.type: RegistrationMatched}
