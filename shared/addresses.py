"""Where a request came from, behind proxies of our own, and by which name it came."""

from starlette.datastructures import URL
from starlette.requests import Request
from starlette.responses import RedirectResponse

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def client_address(forwarded_for: str, peer: str, proxies: int) -> str:
    """The address that the outermost of our `proxies` saw; what X-Forwarded-For holds before it is
    hearsay. `peer`, who opened the connection, where there is no such entry."""
    told = [each.strip() for each in forwarded_for.split(",")]
    if proxies and len(told) >= proxies and told[-proxies]:
        return told[-proxies]
    return peer


def to_our_name(request: Request, origin: str) -> RedirectResponse | None:
    """To the same page at `origin`, where a browser on this machine came by another of the names of
    loopback: cookies and forms of one name are worth nothing under the other."""
    asked, ours = request.url, URL(origin)
    if asked.hostname == ours.hostname or not {asked.hostname, ours.hostname} <= _LOOPBACK:
        return None
    return RedirectResponse(
        str(asked.replace(scheme=ours.scheme, netloc=ours.netloc)),
        302,
        {"cache-control": "no-store"},
    )
