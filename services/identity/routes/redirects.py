"""Where pages and endpoints lead a browser on to."""

from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from services.identity.application.client_authentication import KnownClients
from services.identity.domain.authorization import UnreadableRequest
from services.identity.pages import Pages, redirect_source

AUTHORIZE = "/identity/authorize"
LONGEST_REQUEST = 6000


async def as_get(pages: Pages, request: Request, path: str) -> Response:
    """A form goes on as a GET of `path`, on which the session cookie comes along even from another
    site."""
    encoded = (await request.body()).decode("ascii", "replace")
    if len(encoded) > LONGEST_REQUEST:
        return pages.refusal(request, UnreadableRequest())
    return pages.redirect(f"{path}?{encoded}")


def sources(address: str | None) -> Sequence[str]:
    """`address` as sources of a content security policy; none where there is none to name."""
    source = redirect_source(address) if address else None
    return (source,) if source else ()


class RedirectSources:
    """Where a page of ours may lead a browser on to, as sources of a content security policy.

    Chromium holds ``form-action`` against every redirection that follows a form: signing in leads
    to the authorization endpoint, and that to the application.
    """

    def __init__(self, clients: KnownClients) -> None:
        self._clients = clients

    async def of(self, return_to: str) -> Sequence[str]:
        """The source of the application's address, if it is registered."""
        parts = urlsplit(return_to)
        if parts.path != AUTHORIZE:
            return ()
        query = parse_qs(parts.query)
        address = query.get("redirect_uri", [""])[0]
        found = await self._clients.live(query.get("client_id", [""])[0])
        if found is None or not found[0].redirects_to(address):
            return ()
        return sources(address)
