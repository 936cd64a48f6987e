"""The Statements resource (1.0.3 part 3 §2.1; IEEE 9274.1.1 §4.1.6.1)."""

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import quote
from uuid import UUID

from starlette.responses import Response

from services.learning.application.statements import Manner, Statements, Told
from services.learning.domain.xapi import exact
from services.learning.domain.xapi.attachments import Part
from services.learning.domain.xapi.contents import key_of
from services.learning.domain.xapi.queries import BadQuery, Format, Position, StatementQuery
from services.learning.domain.xapi.records import MalformedStatement
from services.learning.domain.xapi.rules import Defect
from services.learning.domain.xapi.telling import preferred
from services.learning.domain.xapi.values import told as told_instant
from services.learning.routes.xapi import multipart
from services.learning.routes.xapi.exchange import Exchange, Handler, as_json, http_date, told_error
from shared.errors import DomainError
from shared.pages import BadCursor, Cursors

MOST = 500
_CONSISTENT = "x-experience-api-consistent-through"
_FILTERS = (
    *("agent", "verb", "activity", "registration", "related_activities", "related_agents"),
    *("since", "until", "limit", "ascending"),
)
_MANNER = ("format", "attachments")
_ONE = ("statementId", "voidedStatementId")


class StatementResource:
    """`path` is that of the resource, at which more can be asked for."""

    def __init__(self, statements: Statements, cursors: Cursors, path: str) -> None:
        self._statements = statements
        self._cursors = cursors
        self._path = path
        self.handlers: Mapping[str, Handler] = {
            "POST": self.post,  # routes are tried in order, and this one is asked most
            "PUT": self.put,
            "GET": self.get,
        }

    async def put(self, exchange: Exchange) -> Response:
        """Store one statement under the id that the parameter names."""
        exchange.only("statementId")
        statement_id = str(exchange.required_uuid("statementId"))
        found, parts = _body(exchange)
        if type(found) is dict:
            given = found.setdefault("id", statement_id)
            if type(given) is str and given.lower() != statement_id:
                raise MalformedStatement([Defect("/id", "The parameter names another id.")])
        else:
            raise MalformedStatement([Defect("", "PUT takes one statement.")])
        await self._statements.store(exchange.access, found, parts, exchange.version)
        return Response(status_code=204)

    async def post(self, exchange: Exchange) -> Response:
        """Store one statement or several; all of them, or none.

        What is sent of pupils is kept whether a guardian consents to the learning space or not;
        consent bounds to whom it is told.
        """
        exchange.only()
        found, parts = _body(exchange)
        ids = await self._statements.store(exchange.access, found, parts, exchange.version)
        return as_json(ids)

    async def get(self, exchange: Exchange) -> Response:
        """One statement, or a page of those that fit.

        An application reads what it sent itself, or, with the scope ``statements/read``, what the
        applications of its organisation and of those below sent. A statement that names a pupil of
        the platform is told to an application that acts for itself only while a guardian consents
        to the learning space: it is left out of pages, which may then hold fewer than ``limit``,
        and by its id there is none. With a person's token, that person's own statements are told.
        """
        try:
            answer = await self._get(exchange)
        except DomainError as error:
            answer = told_error(error)
        if _CONSISTENT not in answer.headers:
            answer.headers[_CONSISTENT] = told_instant(self._statements.consistent_through())
        return answer

    async def _get(self, exchange: Exchange) -> Response:
        if "more" in exchange.parameters:
            return await self._more(exchange)
        manner = _manner(exchange)
        ids = [name for name in _ONE if name in exchange.parameters]
        if not ids:
            exchange.only(*_FILTERS, *_MANNER)
            return await self._page(exchange, manner, None)
        exchange.only(*ids, *_MANNER)
        if len(ids) > 1:
            raise BadQuery([Defect(ids[1], "Ask for one statement.")])
        found = await self._statements.find(
            exchange.access,
            exchange.required_uuid(ids[0]),
            manner,
            voided=ids[0] == "voidedStatementId",
        )
        return self._answer(found, exact.dumps(found.statements[0]), manner)

    async def _more(self, exchange: Exchange) -> Response:
        """Go on where a page ended; its cursor holds what was asked."""
        exchange.only("more")
        try:
            stored, last, *asked = self._cursors.decode(
                exchange.required("more"), {"list": "statements"}
            )
        except BadCursor:
            raise BadQuery([Defect("more", "Take it from more of the page before.")]) from None
        names = [str(each) for each in asked]
        parameters = dict(zip(names[::2], names[1::2], strict=True))
        before = Exchange(
            exchange.version, "GET", parameters, exchange.headers, b"", exchange.access
        )
        position = Position(datetime.fromisoformat(str(stored)), UUID(str(last)))
        return await self._page(before, _manner(before), position)

    async def _page(self, exchange: Exchange, manner: Manner, after: Position | None) -> Response:
        page = await self._statements.select(
            exchange.access, await self._query(exchange, after), manner
        )
        more = ""
        if page.after is not None:
            asked = [text for pair in exchange.parameters.items() for text in pair]
            position = [page.after.stored.isoformat(), str(page.after.id), *asked]
            cursor = self._cursors.encode(position, {"list": "statements"})
            more = f"{self._path}?more={quote(cursor)}"
        content = exact.dumps({"statements": page.statements, "more": more})
        return self._answer(page, content, manner)

    def _answer(self, page: Told, content: bytes, manner: Manner) -> Response:
        through = self._statements.consistent_through()
        headers = {_CONSISTENT: told_instant(max(through, page.last_stored or through))}
        if page.last_stored is not None:
            headers["last-modified"] = http_date(page.last_stored)
        if not manner.attachments:
            return Response(content, 200, headers, media_type="application/json")
        body, content_type = multipart.render(content, page.parts)
        return Response(body, 200, {**headers, "content-type": content_type})

    async def _query(self, exchange: Exchange, after: Position | None) -> StatementQuery:
        verb, activity = exchange.iri("verb"), exchange.iri("activity")
        agent = exchange.agent()
        related = exchange.flag("related_agents")
        return StatementQuery(
            agent=None if agent is None else await self._statements.who(exchange.access, agent),
            verb=None if verb is None else key_of(verb),
            activity=None if activity is None else key_of(activity),
            registration=exchange.uuid("registration"),
            related_agents=related,
            related_activities=exchange.flag("related_activities"),
            since=exchange.instant("since"),
            until=exchange.instant("until"),
            ascending=exchange.flag("ascending"),
            limit=_limit(exchange),
            after=after,
            authority=(await self._statements.authority_named(agent) if agent and related else ()),
        )


def _limit(exchange: Exchange) -> int:
    given = exchange.text("limit") or "0"
    if not (given.isascii() and given.isdigit()):
        raise BadQuery([Defect("limit", "This is a whole number, not negative.")])
    return min(int(given[:9]) or 100, MOST)


def _manner(exchange: Exchange) -> Manner:
    try:
        form = Format(exchange.text("format") or Format.EXACT)
    except ValueError:
        raise BadQuery([Defect("format", f"This is {', '.join(Format)}.")]) from None
    languages = preferred(exchange.headers.get("accept-language", ""))
    return Manner(form, languages, exchange.flag("attachments"))


def _body(exchange: Exchange) -> tuple[object, list[Part]]:
    """The JSON of a request that stores statements, and the attachments that came along."""
    kind = exchange.content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        return exchange.json(), []
    if kind == "multipart/mixed":
        content, parts = multipart.parse(exchange.content_type, exchange.body)
        return exchange.json(content), parts
    raise MalformedStatement([Defect("", "Send application/json or multipart/mixed.")])
