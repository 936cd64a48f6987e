"""The platform's own components as clients: no register holds them, the deployment names them."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from services.identity.domain.client_addresses import ApplicationType
from services.identity.domain.clients import (
    SCOPES,
    AuthMethod,
    Client,
    ClientSecret,
    ClientState,
    GrantType,
    Terms,
)
from services.identity.domain.tokens import fingerprint

GATEWAY = UUID("00000000-0000-8000-8000-000000000001")
"""The client_id of the gateway's control plane."""
PORTAL = UUID("00000000-0000-8000-8000-000000000002")
"""The client_id of the developer portal, into which the control plane lets people."""
CATALOG = UUID("00000000-0000-8000-8000-000000000003")
"""The client_id of the catalogue, which compares drafts with registered works."""

CONSOLE = UUID("00000000-0000-8000-8000-000000000004")
"""The client_id of a terminal, at which somebody signs in with the browser of any device."""

_EVER = datetime(2026, 1, 1, tzinfo=UTC)
_PORTAL_SCOPES = frozenset({"openid", "profile", "identity.read", "identity.manage", "integrate"})


def gateway(secret: str) -> tuple[Client, ClientSecret]:
    """The control plane, which looks API keys up and does nothing else."""
    terms = Terms(frozenset({"gateway.introspect"}), frozenset({GrantType.CLIENT_CREDENTIALS}))
    return _component(GATEWAY, "gateway", terms, secret)


def catalog(secret: str) -> tuple[Client, ClientSecret]:
    """The catalogue, as far as it asks copyright."""
    terms = Terms(frozenset({"copyright.read"}), frozenset({GrantType.CLIENT_CREDENTIALS}))
    return _component(CATALOG, "catalog", terms, secret)


def portal(secret: str, public_origin: str) -> tuple[Client, ClientSecret]:
    """The developer portal. It is not registered, so its addresses may be plain http."""
    grants = frozenset({GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN})
    terms = Terms(_PORTAL_SCOPES, grants, trusted=True)
    here = f"{public_origin}/docs"
    return _component(PORTAL, "portal", terms, secret, (f"{here}/callback",), (here,))


def console() -> tuple[Client, ClientSecret]:
    """A terminal. It keeps no secret, and is let in by a person each time (RFC 8628)."""
    scopes = SCOPES.keys() - {"gateway.introspect", "scim", "offline_access"}
    terms = Terms(frozenset(scopes), frozenset({GrantType.DEVICE_CODE}))
    client, secret = _component(CONSOLE, "书院命令行 Shuyuan terminal", terms, "")
    told = "在终端中以您的身份操作 Act as you at a terminal"
    return replace(client, auth_method=AuthMethod.NONE, purpose=told), secret


def _component(
    client_id: UUID,
    name: str,
    terms: Terms,
    secret: str,
    redirect_uris: tuple[str, ...] = (),
    post_logout_redirect_uris: tuple[str, ...] = (),
) -> tuple[Client, ClientSecret]:
    client = Client(
        id=client_id,
        organisation_id=client_id,
        path="",
        name=name,
        purpose="",
        application_type=ApplicationType.WEB,
        auth_method=AuthMethod.BASIC,
        redirect_uris=redirect_uris,
        post_logout_redirect_uris=post_logout_redirect_uris,
        jwks=None,
        terms=terms,
        state=ClientState.APPROVED,
        requested_by="",
        version=1,
        created_at=_EVER,
        updated_at=_EVER,
    )
    return client, ClientSecret(client_id, fingerprint(secret), _EVER, None)
