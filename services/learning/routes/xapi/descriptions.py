"""About, Activities and Agents (1.0.3 part 3 §2.4-2.5, §2.8; IEEE 9274.1.1 §4.1.6)."""

from collections.abc import Mapping

from starlette.responses import Response

from services.learning.application.statements import Statements
from services.learning.domain.applications import Scope
from services.learning.domain.xapi.objects import IFIS
from services.learning.domain.xapi.values import Version
from services.learning.routes.xapi.exchange import Exchange, Handler, as_json


async def about(_exchange: Exchange) -> Response:
    """The versions that are spoken, each at its base path."""
    return as_json({"version": [version.value for version in Version]})


ABOUT: Mapping[str, Handler] = {"GET": about}


class DescriptionResources:
    def __init__(self, statements: Statements) -> None:
        self._statements = statements
        self.activities: Mapping[str, Handler] = {"GET": self.activity}
        self.agents: Mapping[str, Handler] = {"GET": self.person}

    async def activity(self, exchange: Exchange) -> Response:
        """What is known of an activity."""
        exchange.only("activityId")
        exchange.required("activityId")
        exchange.access.application.admit(Scope.READ_MINE)
        return as_json(await self._statements.activity(exchange.iri("activityId") or ""))

    async def person(self, exchange: Exchange) -> Response:
        """The person that an agent is: the identifier asked for. That two identifiers are one
        person's is not told here."""
        exchange.only("agent")
        exchange.required("agent")
        exchange.access.application.admit(Scope.READ_MINE)
        agent = exchange.agent() or {}
        told = {name: [agent[name]] for name in ("name", *IFIS) if name in agent}
        return as_json({"objectType": "Person", **told})
