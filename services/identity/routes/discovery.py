"""What clients find out by themselves (OpenID Connect Discovery 1.0, RFC 8414)."""

from typing import Any

from fastapi import APIRouter, Response

from services.identity.application.client_authentication import ASSERTION_ALGORITHMS
from services.identity.application.keys import SigningKeys
from services.identity.application.sessions import ONE_FACTOR, TWO_FACTORS
from services.identity.domain.authorization import SCOPE_CLAIMS
from services.identity.domain.clients import SCOPES, AuthMethod, GrantType
from services.identity.domain.keys import Ring
from services.identity.routes.protocol import REFUSALS, ProtocolRoute
from services.identity.schemas.oidc import KeySetView, Metadata
from shared.access import public

CACHE_SECONDS = 300
_CACHED = {"cache-control": f"public, max-age={CACHE_SECONDS}"}


def metadata(issuer: str) -> dict[str, Any]:
    """Both documents in one: RFC 8414 takes the members of the other."""
    confidential = [method for method in AuthMethod if method is not AuthMethod.NONE]
    claims = frozenset().union(*SCOPE_CLAIMS.values())
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "jwks_uri": f"{issuer}/jwks.json",
        "end_session_endpoint": f"{issuer}/end_session",
        "revocation_endpoint": f"{issuer}/revoke",
        "introspection_endpoint": f"{issuer}/introspect",
        "device_authorization_endpoint": f"{issuer}/device_authorization",
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GrantType),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [Ring.ID.algorithm],
        "token_endpoint_auth_methods_supported": list(AuthMethod),
        "token_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
        "revocation_endpoint_auth_methods_supported": list(AuthMethod),
        "revocation_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
        "introspection_endpoint_auth_methods_supported": confidential,
        "introspection_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "acr_values_supported": [ONE_FACTOR, TWO_FACTORS],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "display_values_supported": ["page", "popup"],
        "claim_types_supported": ["normal"],
        "claims_supported": [
            *("sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "at_hash"),
            *("sid", *sorted(claims)),
        ],
        "claims_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "require_request_uri_registration": False,
        "ui_locales_supported": ["zh-CN", "en"],
    }


def discovery_router(issuer: str, keys: SigningKeys) -> APIRouter:
    router = APIRouter(tags=["openid"], route_class=ProtocolRoute)
    document = metadata(issuer)

    @router.get(
        "/identity/.well-known/openid-configuration",
        summary="OpenID 提供方元数据",
        response_model=Metadata,
        **public(),
    )
    async def read_openid_configuration(response: Response) -> dict[str, Any]:
        """OpenID Connect Discovery 1.0 §4."""
        response.headers.update(_CACHED)
        return document

    @router.get(
        "/.well-known/oauth-authorization-server/identity",
        summary="授权服务器元数据",
        response_model=Metadata,
        **public(),
    )
    async def read_metadata_of_issuer(response: Response) -> dict[str, Any]:
        """RFC 8414 §3.1: the well-known part stands between the host and the issuer's path."""
        response.headers.update(_CACHED)
        return document

    @router.get(
        "/identity/.well-known/oauth-authorization-server",
        summary="授权服务器元数据",
        response_model=Metadata,
        **public(),
    )
    async def read_authorization_server_metadata(response: Response) -> dict[str, Any]:
        """RFC 8414 §5: the same at the address that keeps the issuer's path in front."""
        response.headers.update(_CACHED)
        return document

    @router.get(
        "/identity/jwks.json",
        summary="验签公钥",
        response_model=KeySetView,
        responses={503: REFUSALS[503]},
        **public(),
    )
    async def read_signing_keys(response: Response) -> Any:
        """The keys that tokens are verified with, the next ones included. Cache them for as long
        as the answer says: a key is published well before it signs."""
        response.headers.update(_CACHED)
        return keys.published()

    return router
