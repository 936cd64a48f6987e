"""The platform's own components as clients: no register holds them, the deployment names them."""

from datetime import UTC, datetime
from uuid import UUID

from services.identity.domain.clients import (
    ApplicationType,
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

_EVER = datetime(2026, 1, 1, tzinfo=UTC)


def gateway(secret: str) -> tuple[Client, ClientSecret]:
    """The control plane, which looks API keys up and does nothing else."""
    client = Client(
        id=GATEWAY,
        organisation_id=GATEWAY,
        path="",
        name="gateway",
        purpose="",
        application_type=ApplicationType.WEB,
        auth_method=AuthMethod.BASIC,
        redirect_uris=(),
        post_logout_redirect_uris=(),
        jwks=None,
        terms=Terms(frozenset({"gateway.introspect"}), frozenset({GrantType.CLIENT_CREDENTIALS})),
        state=ClientState.APPROVED,
        requested_by="",
        version=1,
        created_at=_EVER,
        updated_at=_EVER,
    )
    return client, ClientSecret(GATEWAY, fingerprint(secret), _EVER, None)
