"""What applications are told of pupils is bounded by their guardians' consent.

Personal Information Protection Law, art. 28, 29 and 31. What is sent is kept all the same: it is
the school's record, shown to the pupil, the guardians and the teachers. Of a pupil whose guardians
do not consent to the learning space, an application that acts for itself is told nothing: by no
statement that names the pupil, and by no document about the pupil. Who reads what is their own is
not bounded here: identity asks for consent before it gives a minor's token the scope.
"""

from collections.abc import Iterable, Sequence, Set
from typing import Protocol

from services.learning.application.applications import Access
from services.learning.domain.xapi.contents import canonical
from services.learning.domain.xapi.rules import Json


class Consents(Protocol):
    async def unconsented(self, people: Sequence[str]) -> Set[str]:
        """Those of `people` who are or were pupils, are no staff, and for whom no consent of a
        guardian to the learning space stands, in one statement. Age is not told here: every pupil
        counts as a minor."""
        ...


class Bounds:
    """Accounts of `issuer` are the people of the platform; of others nothing is known."""

    def __init__(self, consents: Consents, issuer: str) -> None:
        self._consents = consents
        self._issuer = issuer

    async def withheld(self, access: Access, agents: Iterable[Json]) -> Set[str]:
        """The people among `agents`, by id, of whom the caller is told nothing."""
        if access.person is not None:
            return frozenset()
        people = {person for each in agents if (person := self.person_of(each)) is not None}
        return await self._consents.unconsented(sorted(people)) if people else people

    def person_of(self, agent: Json) -> str | None:
        """The id of the person of this platform that an agent is."""
        account: Json = canonical(agent, self._issuer).get("account", {})
        return account["name"] if account.get("homePage") == self._issuer else None
