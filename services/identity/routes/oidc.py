"""The authorization endpoint, the consent that may come before the code, and userinfo (OpenID
Connect Core §3.1.2, §5.3)."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from services.identity.application.authorization import Ask, Authorizations, FormSeal
from services.identity.application.sessions import Session, Sessions
from services.identity.application.tokens import Tokens
from services.identity.domain.authorization import (
    AuthorizationRequest,
    OAuthError,
    UnusableRequest,
)
from services.identity.domain.clients import SCOPES, Client
from services.identity.routes.protocol import (
    REFUSALS,
    Pages,
    Parameters,
    ProtocolRoute,
    answer,
    form_body,
    form_of,
    query_of,
    query_parameters,
    required,
)
from services.identity.schemas.oidc import UserInfo
from shared.clock import Clock
from shared.context import current
from shared.errors import Unauthenticated
from shared.principal import TokenVerifier

LONGEST_REQUEST = 6000

_FIELDS = {
    "client_id": "The client.",
    "redirect_uri": "One of its registered addresses, to the letter.",
    "response_type": "`code`",
    "scope": "Separated by spaces; `openid` asks for an ID token.",
    "state": "Comes back as it is.",
    "nonce": "Comes back in the ID token.",
    "code_challenge": "RFC 7636.",
    "code_challenge_method": "`S256`",
    "prompt": "`none`, `login`, `consent`, `select_account`",
    "max_age": "Seconds since the person signed in, at the most.",
    "login_hint": "A login to fill in.",
    "id_token_hint": "An ID token of the person expected.",
    "acr_values": "Preferred, see acr_values_supported.",
    "claims": "OpenID Connect Core §5.5.",
    "ui_locales": "Preferred languages.",
    "display": "`page` or `popup`",
}
_PAGES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The consent page", "content": {"text/html": {}}},
    303: {"description": "To the client with a code or an error, or to the login page"},
    400: {"description": "An error page: the client is unknown", "content": {"text/html": {}}},
    503: REFUSALS[503],
}
_FORGED = "The form was not shown in this session: go back to the application and start over."


def oidc_router(
    authorizations: Authorizations,
    tokens: Tokens,
    sessions: Sessions,
    verifier: TokenVerifier,
    pages: Pages,
    seal: FormSeal,
    issuer: str,
    clock: Clock,
) -> APIRouter:
    router = APIRouter(prefix="/identity", tags=["openid"], route_class=ProtocolRoute)
    here = urlsplit(issuer).path

    @router.get(
        "/authorize",
        summary="授权端点",
        response_class=Response,
        responses=_PAGES,
        **query_parameters(_FIELDS),
    )
    async def authorize(request: Request) -> Response:
        """Send the person back with a code, after sign-in and consent where these are due."""
        return await _authorized(request)

    @router.post(
        "/authorize",
        summary="授权端点（表单）",
        response_class=Response,
        responses=_PAGES,
        **form_body(_FIELDS, "client_id", "redirect_uri", "response_type"),
    )
    async def authorize_by_form(request: Request) -> Response:
        """The same for a form. It goes on as a GET, on which the session cookie comes along even
        from another site."""
        encoded = (await request.body()).decode("ascii", "replace")
        if len(encoded) > LONGEST_REQUEST:
            return _unusable(request, "too_long")
        return RedirectResponse(f"{here}/authorize?{encoded}", 303)

    async def _authorized(request: Request) -> Response:
        try:
            parameters, client, address = await _destination(request.url.query)
        except UnusableRequest as error:
            return _unusable(request, error.reason)
        session = await sessions.current(request.cookies.get(sessions.cookie_name))
        try:
            asked = AuthorizationRequest.read(parameters.single(), client, address)
            outcome = await authorizations.decide(asked, session)
        except OAuthError as error:
            return _back(address, parameters.values, error=error)
        if outcome is Ask.SIGN_IN:
            return _to_login(parameters.values)
        if outcome is Ask.CONSENT and session is not None:
            return _consent_page(request, asked, session)
        return _back(address, parameters.values, code=str(outcome))

    async def _destination(query: str) -> tuple[Parameters, Client, str]:
        """The parameters, and where their answer goes. Raises `UnusableRequest`."""
        try:
            parameters = Parameters.parse(query)
        except OAuthError as error:
            raise UnusableRequest("malformed") from error
        given = parameters.values
        if "client_id" not in given or "client_id" in parameters.repeated:
            raise UnusableRequest("client")
        if "redirect_uri" not in given or "redirect_uri" in parameters.repeated:
            raise UnusableRequest("redirect_uri")
        address = given["redirect_uri"]
        return parameters, await authorizations.destination(given["client_id"], address), address

    def _to_login(given: Mapping[str, str]) -> Response:
        since = {"authenticated_since": str(int(clock().timestamp()))}
        back = f"{here}/authorize?{urlencode({**given, **since})}"
        hint = {"login_hint": given["login_hint"]} if "login_hint" in given else {}
        return RedirectResponse(f"{here}/login?{urlencode({'return_to': back, **hint})}", 303)

    def _consent_page(
        request: Request, asked: AuthorizationRequest, session: Session
    ) -> Response:
        query = request.url.query
        return pages.render(
            request,
            "consent.html",
            client=asked.client.name,
            purpose=asked.client.purpose,
            scopes=described(asked.wanted),
            action=f"{here}/consent",
            request=query,
            csrf=seal.seal(session, f"consent {query}"),
            form_targets=[_origin(asked.redirect_uri)],
        )

    @router.post(
        "/consent",
        summary="同意授权",
        response_class=Response,
        responses=_PAGES,
        **form_body(
            {
                "request": "The query of the authorization request.",
                "csrf": "As the page had it.",
                "decision": "`allow` or `deny`",
            },
            "request",
            "csrf",
            "decision",
        ),
    )
    async def answer_consent_page(request: Request) -> Response:
        """The person's answer on the consent page."""
        form = (await form_of(request)).single()
        query = required(form, "request")
        session = await sessions.current(request.cookies.get(sessions.cookie_name))
        if session is None or not seal.fits(
            session, f"consent {query}", required(form, "csrf")
        ):
            return _unusable(request, "form")
        try:
            parameters, client, address = await _destination(query)
        except UnusableRequest as error:
            return _unusable(request, error.reason)
        given = parameters.values
        try:
            if form.get("decision") != "allow":
                raise OAuthError("access_denied", "the person refused")
            asked = AuthorizationRequest.read(parameters.single(), client, address)
            return _back(address, given, code=await authorizations.consent(asked, session))
        except OAuthError as error:
            return _back(address, given, error=error)

    def _back(
        address: str,
        given: Mapping[str, str],
        *,
        code: str | None = None,
        error: OAuthError | None = None,
    ) -> Response:
        """To the client, with ``iss`` (RFC 9207)."""
        told = {"code": code} if code else {}
        if error is not None:
            told = {"error": error.code, "error_description": error.description}
        state = {"state": given["state"]} if "state" in given else {}
        joint = "&" if "?" in address else "?"
        return RedirectResponse(
            f"{address}{joint}{urlencode({**told, **state, 'iss': issuer})}",
            303,
            {"cache-control": "no-store", "referrer-policy": "no-referrer"},
        )

    def _unusable(request: Request, reason: str) -> Response:
        return pages.render(request, "error.html", status=400, reason=reason)

    async def _userinfo(token: str | None) -> Response:
        if token is None:
            return Response(
                status_code=401, headers={"www-authenticate": 'Bearer realm="shuyuan"'}
            )
        try:
            principal = verifier.verify(token)
        except Unauthenticated as error:
            raise OAuthError("invalid_token", error.detail) from error
        context = current()
        context.actor, context.client = principal.subject, principal.client
        return answer(await tokens.userinfo(principal))

    @router.get(
        "/userinfo",
        summary="用户信息",
        responses={200: {"model": UserInfo}, 403: REFUSALS[400], **REFUSALS},
        openapi_extra={"x-access": {"public": True}, "security": [{"access_token": []}]},
    )
    async def read_userinfo(request: Request) -> Response:
        """The claims that the access token opens."""
        return await _userinfo(_bearer(request))

    @router.post(
        "/userinfo",
        summary="用户信息（表单）",
        responses={200: {"model": UserInfo}, 403: REFUSALS[400], **REFUSALS},
        openapi_extra={
            "x-access": {"public": True},
            "security": [{"access_token": []}],
            "requestBody": form_body({"access_token": "Instead of the header."})["openapi_extra"][
                "requestBody"
            ]
            | {"required": False},
        },
    )
    async def read_userinfo_by_form(request: Request) -> Response:
        """The same; the token may stand in the form (RFC 6750 §2.2), in one place only."""
        in_header = _bearer(request)
        in_form = None
        if await request.body():
            in_form = (await form_of(request)).single().get("access_token")
        if in_header and in_form:
            raise OAuthError("invalid_request", "send the token in one place only")
        return await _userinfo(in_header or in_form)

    return router


def described(scopes: frozenset[str]) -> list[dict[str, str]]:
    """Scopes as pages show them, in the order of the table."""
    return [
        {"name": name, "zh": zh, "en": en} for name, (zh, en) in SCOPES.items() if name in scopes
    ]


def _bearer(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
