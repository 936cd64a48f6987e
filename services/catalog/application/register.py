"""The register of copyright, as far as the check before submission asks it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from services.catalog.domain.checks import Registered
from services.catalog.domain.codes import Iscc


@dataclass(frozen=True, slots=True)
class Asked:
    """A file that registered works are compared with."""

    position: int
    sha256: bytes
    iscc: Iscc | None
    text: str | None


class Register(Protocol):
    async def like(self, files: Sequence[Asked], apart_from: UUID) -> Sequence[Registered] | None:
        """The registered works that are like `files`, but for those of the resource `apart_from`;
        None where the register does not answer in a few seconds. Raises nothing."""
        ...
