"""One xAPI request and its answer: version, credentials, parameters, errors, headers.

What 1.0.3 part 3 §1 and §3, and IEEE 9274.1.1 §4.1 ask of every resource is done here, once.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from services.learning.application.applications import NOBODY, Access, Registry
from services.learning.domain.xapi import exact, objects
from services.learning.domain.xapi.queries import BadQuery
from services.learning.domain.xapi.records import MalformedStatement, Overloaded
from services.learning.domain.xapi.rules import Defect, Json, Report
from services.learning.domain.xapi.values import IRI, UUID_TEXT, Version, instant
from services.learning.problems import PROBLEMS
from shared import errors, problems
from shared.context import current, worded

VERSION_HEADER = "x-experience-api-version"
CORS = {
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "ETag, Last-Modified, Retry-After, X-Request-ID,"
    " X-Experience-API-Version, X-Experience-API-Consistent-Through",
}
_KNOWN = {**problems.COMMON, **PROBLEMS}
_FORM_HEADERS = frozenset(
    {
        *("authorization", VERSION_HEADER, "content-type", "content-length"),
        *("if-match", "if-none-match"),
    }
)
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request as its resource sees it, whichever syntax it came in."""

    version: Version
    method: str
    parameters: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    access: Access

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "")

    def only(self, *names: str) -> None:
        """Refuse other parameters; upper and lower case differ. Raises `BadQuery`."""
        if unknown := sorted(self.parameters.keys() - set(names)):
            raise BadQuery([Defect(name, "There is no such parameter here.") for name in unknown])

    def text(self, name: str) -> str | None:
        return self.parameters.get(name)

    def required(self, name: str) -> str:
        """Raises `BadQuery` when it is missing or empty."""
        found = self.parameters.get(name)
        if not found:
            raise BadQuery([Defect(name, "This parameter is missing.")])
        return found

    def flag(self, name: str) -> bool:
        found = self.parameters.get(name, "false")
        if found not in ("true", "false"):
            raise BadQuery([Defect(name, "This is true or false.")])
        return found == "true"

    def uuid(self, name: str) -> UUID | None:
        return self.required_uuid(name) if name in self.parameters else None

    def required_uuid(self, name: str) -> UUID:
        found = self.required(name)
        if UUID_TEXT.fullmatch(found) is None:
            raise BadQuery([Defect(name, "This is not a UUID in its standard form.")])
        return UUID(found)

    def iri(self, name: str) -> str | None:
        found = self.parameters.get(name)
        if found is not None and IRI.fullmatch(found) is None:
            raise BadQuery([Defect(name, "This is not an IRI with its scheme.")])
        return found

    def instant(self, name: str) -> datetime | None:
        found = self.parameters.get(name)
        if found is None:
            return None
        try:
            # A plus sign that was not escaped has become a space.
            return instant(found.replace(" ", "+"), Version.V1)
        except ValueError as error:
            raise BadQuery([Defect(name, str(error))]) from None

    def agent(self, name: str = "agent") -> Json | None:
        """An agent or identified group, as JSON."""
        found = self.parameters.get(name)
        if found is None:
            return None
        report = Report(self.version)
        try:
            agent = exact.loads_once(found.encode())
        except ValueError:
            raise BadQuery([Defect(name, "This is no JSON.")]) from None
        objects.actor(agent, "", report)
        if report.defects:
            raise BadQuery([Defect(name, f"{d.pointer}: {d.detail}") for d in report.defects])
        if not any(each in agent for each in objects.IFIS):
            raise BadQuery([Defect(name, "An anonymous group cannot be asked for.")])
        kept: Json = agent
        return kept

    def json(self, body: bytes | None = None) -> Any:
        """The body as JSON. Raises `MalformedStatement`."""
        try:
            return exact.loads_once(self.body if body is None else body)
        except ValueError as error:
            raise MalformedStatement([Defect("", f"The body is not JSON: {error}.")]) from None


Handler = Callable[[Exchange], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


def endpoint(
    handlers: Mapping[str, Handler], version: Version, registry: Registry, *, public: bool = False
) -> Endpoint:
    """What answers the requests to one resource, by method.

    A `public` resource asks for no credentials and for no version.
    """

    common = [
        (name.encode(), text.encode()) for name, text in {VERSION_HEADER: version, **CORS}.items()
    ]

    async def answer(request: Request) -> Response:
        try:
            exchange = await _read(request, version, registry, public=public)
            handler = handlers.get("GET" if exchange.method == "HEAD" else exchange.method)
            if handler is None:
                raise BadQuery([Defect("method", "This resource does not have that method.")])
            response = await handler(exchange)
        except errors.DomainError as error:
            response = told_error(error)
        response.raw_headers.extend(common)
        return response

    return answer


def told_error(error: errors.DomainError) -> Response:
    """Problem details for `error`."""
    problem = next(_KNOWN[kind] for kind in type(error).__mro__ if kind in _KNOWN)
    headers = {}
    if isinstance(error, errors.Unavailable | Overloaded):
        headers["retry-after"] = str(error.retry_after)
    if problem.status == 401:
        headers["www-authenticate"] = 'Basic realm="shuyuan", charset="UTF-8"'
    return problems.render(problem, worded(error.detail, error.detail_zh), error.members, headers)


async def preflight(_request: Request) -> Response:
    """Any origin may ask: no cookie is ever looked at (1.0.3 part 3 §1.7)."""
    return Response(
        status_code=204,
        headers={
            **CORS,
            "access-control-allow-methods": "GET, HEAD, PUT, POST, DELETE, OPTIONS",
            "access-control-allow-headers": "Authorization, Content-Type, If-Match, If-None-Match,"
            " Accept-Language, X-Experience-API-Version",
            "access-control-max-age": "86400",
        },
    )


async def _read(
    request: Request, version: Version, registry: Registry, *, public: bool
) -> Exchange:
    method = request.method
    headers: Mapping[str, str] = request.headers
    query = request.scope["query_string"]
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True) if query else []
    parameters: Mapping[str, str] = _once(pairs)
    body = await request.body()
    if "method" in parameters:
        method, parameters, headers, body = _alternate(version, method, parameters, headers, body)
    access = NOBODY
    if not public:
        _check_version(headers.get(VERSION_HEADER), version)
        access = await registry.identify(headers.get("authorization", ""))
        current().client = access.application.username
        current().actor = access.person or access.application.username
    return Exchange(version, method, parameters, headers, body, access)


def _alternate(
    version: Version,
    method: str,
    parameters: Mapping[str, str],
    headers: Mapping[str, str],
    body: bytes,
) -> tuple[str, Mapping[str, str], Mapping[str, str], bytes]:
    """A request wrapped in a form (1.0.3 part 3 §1.3): its method stands in the query, the rest in
    the form. 2.0.0 gave it up."""
    if version is Version.V2 or method != "POST":
        raise BadQuery([Defect("method", "Send the request with its own method.")])
    if len(parameters) > 1:
        raise BadQuery([Defect("method", "Beside it, everything stands in the form.")])
    if headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise BadQuery([Defect("method", f"Its body is {_FORM}.")])
    form = _once(parse_qsl(body.decode("latin-1"), keep_blank_values=True, encoding="utf-8"))
    method = parameters["method"].upper()
    given = {name.lower(): text for name, text in form.items() if name.lower() in _FORM_HEADERS}
    rest = {name: text for name, text in form.items() if name.lower() not in _FORM_HEADERS}
    content = rest.pop("content", None)
    if method in ("PUT", "POST"):
        if content is None:
            raise BadQuery([Defect("content", "The form has no content.")])
        given.setdefault("content-type", "application/json")
    return method, rest, {**headers, **given}, (content or "").encode()


def _once(pairs: list[tuple[str, str]]) -> dict[str, str]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadQuery([Defect("", "A parameter is repeated.")])
    if spoilt := [
        name for name, text in pairs if "\0" in name or ("\0" in text and name != "content")
    ]:
        raise BadQuery([Defect(name, "This holds the character NUL.") for name in spoilt])
    return found


def _check_version(given: str | None, version: Version) -> None:
    if given is None:
        raise BadQuery([Defect(VERSION_HEADER, f"Send {VERSION_HEADER}: {version}.")])
    major = "1.0" if version is Version.V1 else "2.0"
    if given != major and not (given.startswith(f"{major}.") and given[len(major) + 1 :].isdigit()):
        raise BadQuery([Defect(VERSION_HEADER, f"At this path it is {version}.")])


def as_json(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(exact.dumps(content), status, headers, media_type="application/json")


def http_date(moment: datetime) -> str:
    """RFC 9110 §5.6.7."""
    return moment.astimezone(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
