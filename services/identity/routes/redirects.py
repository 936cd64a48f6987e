from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

from services.identity.application.client_authentication import KnownClients
from services.identity.pages import redirect_source

AUTHORIZE = "/identity/authorize"


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
        source = redirect_source(address)
        return (source,) if source else ()
