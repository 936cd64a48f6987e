"""From a request to its operation, by the first segments of the path.

Trying one route after the other is a third of a request where a service has a hundred of them.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from urllib.parse import unquote_to_bytes

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

_SEGMENTS = 3
"""That decide on the shelf: service, version, noun."""
_OURS = re.compile(r"/[a-z]+/v[0-9]+/")


class Shelves:
    """Goes before a router, and leaves to it what it has no operation for (404, 405, mounts).

    A query parameter that an operation of ours does not have is refused and named, never passed
    over in silence: `RequestValidationError`. Endpoints of a standard keep that standard's rule
    (RFC 6749 §3.1 has unknown ones ignored).
    """

    def __init__(self, routes: Sequence[object], otherwise: ASGIApp) -> None:
        self._otherwise = otherwise
        self._shelves: dict[str, list[_Operation]] = {}
        for route in routes:
            if isinstance(route, APIRoute) and "{" not in (shelf := _shelf(route.path)):
                self._shelves.setdefault(shelf, []).append(_Operation(route))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            for operation in self._shelves.get(_shelf(scope["path"]), ()):
                match, found = operation.route.matches(scope)
                if match is Match.FULL:
                    scope.update(found)
                    if (query := scope["query_string"]) and operation.known is not None:
                        _check(query, operation.known)
                    await operation.route.handle(scope, receive, send)
                    return
        await self._otherwise(scope, receive, send)


def shelve(app: FastAPI) -> None:
    """Put shelves before the router of `app`, once it has all its routes."""
    app.router.middleware_stack = Shelves(app.router.routes, app.router.middleware_stack)


def _shelf(path: str) -> str:
    return "/".join(path.split("/", _SEGMENTS + 1)[: _SEGMENTS + 1])


class _Operation:
    def __init__(self, route: APIRoute) -> None:
        self.route = route

    @cached_property
    def known(self) -> frozenset[bytes] | None:
        """The query parameters of an operation of ours; None where any is taken."""
        ours = _OURS.match(self.route.path)
        return frozenset(_parameters(self.route.dependant)) if ours else None


def _parameters(dependant: Dependant) -> Iterator[bytes]:
    yield from (each.alias.encode() for each in dependant.query_params)
    for each in dependant.dependencies:
        yield from _parameters(each)


def _check(query: bytes, known: frozenset[bytes]) -> None:
    if all(pair.partition(b"=")[0] in known for pair in query.split(b"&")):
        return
    given = (unquote_to_bytes(pair.partition(b"=")[0]) for pair in query.split(b"&") if pair)
    strange = [name.decode(errors="replace") for name in dict.fromkeys(given) if name not in known]
    if strange:
        raise RequestValidationError(
            [
                {"type": "extra_forbidden", "loc": ("query", name), "msg": "No such parameter"}
                for name in strange
            ]
        )
