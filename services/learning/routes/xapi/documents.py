"""State and profiles (1.0.3 part 3 §2.2-2.3, §2.6-2.7; IEEE 9274.1.1 §4.1.6.2, §4.1.6.5-6)."""

from collections.abc import Mapping
from dataclasses import replace

from starlette.responses import Response

from services.learning.application.documents import Documents
from services.learning.domain.xapi.documents import Kind, Preconditions, Shelf
from services.learning.domain.xapi.queries import BadQuery
from services.learning.domain.xapi.rules import Defect
from services.learning.routes.xapi.exchange import Exchange, Handler, as_json, http_date

LONGEST_NAME = 2000
"""Bytes in UTF-8: what an index of PostgreSQL can hold beside the rest of the key."""
_PLACE: Mapping[Kind, tuple[str, ...]] = {
    Kind.STATE: ("activityId", "agent"),
    Kind.ACTIVITY_PROFILE: ("activityId",),
    Kind.AGENT_PROFILE: ("agent",),
}


class DocumentResource:
    def __init__(self, documents: Documents, kind: Kind) -> None:
        self._documents = documents
        self._kind = kind
        self._name = "stateId" if kind is Kind.STATE else "profileId"
        self._optional = ("registration",) if kind is Kind.STATE else ()
        self.handlers: Mapping[str, Handler] = {
            "GET": self.get,
            "PUT": self.put,
            "POST": self.post,
            "DELETE": self.delete,
        }

    async def get(self, exchange: Exchange) -> Response:
        """One document, or the names of those there are.

        Documents about a pupil of the platform are told to an application that acts for itself only
        while a guardian consents to the learning space; without it there are none. Writing is not
        bounded by it.
        """
        if self._name not in exchange.parameters:
            exchange.only(*_PLACE[self._kind], *self._optional, "since")
            shelf = await self._shelf(exchange, several=True, reading=True)
            names = await self._documents.names(shelf, exchange.instant("since"))
            return as_json(names)
        exchange.only(*_PLACE[self._kind], *self._optional, self._name)
        name = self._named(exchange)
        found = await self._documents.get(await self._shelf(exchange, reading=True), name)
        headers = {"etag": found.etag, "last-modified": http_date(found.updated_at)}
        if exchange.headers.get("if-none-match") in (found.etag, "*"):
            return Response(status_code=304, headers=headers)
        return Response(found.content, 200, {**headers, "content-type": found.content_type})

    async def put(self, exchange: Exchange) -> Response:
        """Write a document."""
        return await self._write(exchange, merge=False)

    async def post(self, exchange: Exchange) -> Response:
        """Write a document; the members of a JSON object are put over those there are."""
        return await self._write(exchange, merge=True)

    async def delete(self, exchange: Exchange) -> Response:
        """Take one document away; of states, all of them when none is named."""
        exchange.only(*_PLACE[self._kind], *self._optional, self._name)
        if self._kind is Kind.STATE and self._name not in exchange.parameters:
            shelf = await self._shelf(exchange, several=True)
            await self._documents.clear(shelf)
            return Response(status_code=204)
        name = self._named(exchange)
        shelf = await self._shelf(exchange)
        await self._documents.delete(shelf, name, _preconditions(exchange))
        return Response(status_code=204)

    async def _write(self, exchange: Exchange, *, merge: bool) -> Response:
        exchange.only(*_PLACE[self._kind], *self._optional, self._name)
        name = self._named(exchange)
        await self._documents.put(
            await self._shelf(exchange),
            name,
            exchange.content_type or "application/octet-stream",
            exchange.body,
            _preconditions(exchange),
            exchange.version,
            merge=merge,
        )
        return Response(status_code=204)

    def _named(self, exchange: Exchange) -> str:
        name = exchange.required(self._name)
        if len(name.encode()) > LONGEST_NAME:
            raise BadQuery([Defect(self._name, f"This has more than {LONGEST_NAME} bytes.")])
        return name

    async def _shelf(
        self, exchange: Exchange, *, several: bool = False, reading: bool = False
    ) -> Shelf:
        for name in _PLACE[self._kind]:
            exchange.required(name)
        iri = exchange.iri("activityId")
        agent = exchange.agent()
        if iri is None and agent is None:
            raise BadQuery([Defect("agent", "This parameter is missing.")])
        shelf = await self._documents.shelf(
            exchange.access, self._kind, iri, agent, reading=reading
        )
        registration = exchange.uuid("registration")
        if registration is not None:
            return replace(shelf, registration=registration)
        return replace(shelf, registration=None) if several else shelf


def _preconditions(exchange: Exchange) -> Preconditions:
    return Preconditions(exchange.headers.get("if-match"), exchange.headers.get("if-none-match"))
