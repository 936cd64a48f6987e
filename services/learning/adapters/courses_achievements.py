"""What somebody did with resources of the catalogue, by the activity records."""

from collections.abc import Collection, Mapping
from uuid import UUID

from services.learning.domain.courses import Achievement
from services.learning.domain.xapi.contents import key_of
from services.learning.ports import Actors
from shared.reader import Reader

_OF = (
    "SELECT activity, completed, passed, progress FROM progress"
    " WHERE actor_id = $1 AND activity = ANY($2::uuid[])"
)


class RecordedAchievements:
    """`services.learning.application.courses_ports.Achievements`: a resource is the activity whose
    IRI is its address in the catalogue of `origin`; people are accounts of `issuer`."""

    def __init__(self, reader: Reader, actors: Actors, issuer: str, origin: str) -> None:
        self._reader = reader
        self._actors = actors
        self._issuer = issuer
        self._origin = origin

    async def of(self, person: str, resources: Collection[UUID]) -> Mapping[UUID, Achievement]:
        agent = {"account": {"homePage": self._issuer, "name": person}}
        actor = await self._actors.known(agent)
        if actor is None:
            return {}
        keys = {key_of(f"{self._origin}/catalog/v1/resources/{each}"): each for each in resources}
        rows = await self._reader.fetch(_OF, actor, list(keys))
        return {
            keys[row["activity"]]: Achievement(row["completed"], row["passed"], row["progress"])
            for row in rows
        }
