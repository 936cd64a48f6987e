"""Token, revocation and introspection (RFC 6749 §3.2, RFC 7009, RFC 7662)."""

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response

from services.identity.application.client_authentication import ClientAuthentication
from services.identity.application.devices import Devices
from services.identity.application.tokens import Tokens
from services.identity.domain.authorization import OAuthError
from services.identity.domain.clients import AuthMethod, Client, GrantType
from services.identity.domain.tokens import TokenSet
from services.identity.routes.protocol import (
    REFUSALS,
    ProtocolRoute,
    answer,
    credentials_of,
    form_body,
    form_of,
    required,
)
from services.identity.schemas.oidc import Introspection, TokenAnswer

_CLIENT_FIELDS = {
    "client_id": "Of a client that does not use Basic.",
    "client_secret": "Of a client registered for client_secret_post.",
    "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    "client_assertion": "A JWT of a client registered for private_key_jwt.",
}
_TOKEN_FIELDS = {
    "grant_type": "authorization_code, refresh_token, client_credentials or"
    " urn:ietf:params:oauth:grant-type:device_code",
    "code": "The authorization code.",
    "redirect_uri": "The one of the authorization request.",
    "code_verifier": "RFC 7636.",
    "refresh_token": "The newest one.",
    "device_code": "RFC 8628.",
    "scope": "Less than what was granted; separated by spaces.",
    **_CLIENT_FIELDS,
}
_TOKEN_EXAMPLES = [
    {"grant_type": "client_credentials", "scope": "catalog.read"},
    {
        "grant_type": "authorization_code",
        "code": "SplxlOBeZQQYbYS6WxSbIA",
        "redirect_uri": "https://tingshu.example/callback",
        "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    },
    {"grant_type": "refresh_token", "refresh_token": "tGzv3JOkF0XG5Qx2TlKWIA"},
    {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": "GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS",
    },
]
_ONE_TOKEN = {"token": "An access or refresh token.", "token_type_hint": "Is not needed."}
_ONE_TOKEN_EXAMPLES = [{"token": "tGzv3JOkF0XG5Qx2TlKWIA"}]


def tokens_router(
    tokens: Tokens, devices: Devices, authentication: ClientAuthentication
) -> APIRouter:
    router = APIRouter(prefix="/identity", tags=["openid"], route_class=ProtocolRoute)

    async def _client(request: Request) -> tuple[Client, Mapping[str, str]]:
        given = (await form_of(request)).single()
        return await authentication.identify(credentials_of(request, given)), given

    @router.post(
        "/token",
        summary="令牌端点",
        responses={200: {"model": TokenAnswer}, **REFUSALS},
        **form_body(_TOKEN_FIELDS, "grant_type", examples=_TOKEN_EXAMPLES),
    )
    async def issue_token(request: Request) -> Response:
        """Tokens for a code, a refresh token, a device code, or for the client itself."""
        client, given = await _client(request)
        match required(given, "grant_type"):
            case GrantType.CLIENT_CREDENTIALS:
                issued = tokens.for_client(client, given.get("scope"))
            case GrantType.AUTHORIZATION_CODE:
                code, address = required(given, "code"), required(given, "redirect_uri")
                issued = await tokens.exchange(client, code, address, given.get("code_verifier"))
            case GrantType.REFRESH_TOKEN:
                token = required(given, "refresh_token")
                issued = await tokens.refresh(client, token, given.get("scope"))
            case GrantType.DEVICE_CODE:
                issued = await devices.exchange(client, required(given, "device_code"))
            case _:
                raise OAuthError("unsupported_grant_type", "see grant_types_supported")
        return answer(_wire(issued))

    @router.post(
        "/revoke",
        summary="撤销令牌",
        responses={200: {"description": "The token is void, or always was"}, **REFUSALS},
        **form_body({**_ONE_TOKEN, **_CLIENT_FIELDS}, "token", examples=_ONE_TOKEN_EXAMPLES),
    )
    async def revoke_token(request: Request) -> Response:
        """End a token of the client: a refresh token with everything that came of it."""
        client, given = await _client(request)
        await tokens.revoke(client, required(given, "token"))
        return Response(status_code=200)

    @router.post(
        "/introspect",
        summary="查验令牌",
        responses={200: {"model": Introspection}, **REFUSALS},
        **form_body({**_ONE_TOKEN, **_CLIENT_FIELDS}, "token", examples=_ONE_TOKEN_EXAMPLES),
    )
    async def introspect_token(request: Request) -> Response:
        """What a token is good for, told to a confidential client that it was issued to, and to
        the gateway."""
        client, given = await _client(request)
        if client.auth_method is AuthMethod.NONE:
            raise OAuthError("invalid_client", "a public client may not look into tokens")
        return answer(await tokens.introspect(client, required(given, "token")))

    return router


def _wire(tokens: TokenSet) -> dict[str, str | int]:
    """RFC 6749 §5.1."""
    body: dict[str, str | int] = {
        "access_token": tokens.access_token,
        "token_type": "Bearer",
        "expires_in": int(tokens.life.total_seconds()),
        "scope": " ".join(sorted(tokens.scopes)),
    }
    if tokens.refresh_token is not None:
        body["refresh_token"] = tokens.refresh_token
    if tokens.id_token is not None:
        body["id_token"] = tokens.id_token
    return body
