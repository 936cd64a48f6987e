"""The authorization endpoint, the consent that may come before the code, and userinfo (OpenID
Connect Core §3.1.2, §5.3)."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Request, Response

from services.identity.application.authorization import Ask, Authorizations, Introductions
from services.identity.application.sessions import Session, Sessions
from services.identity.application.tokens import Tokens
from services.identity.domain.authorization import (
    UNREADABLE_ZH,
    AuthorizationRequest,
    OAuthError,
    ToldOtherwise,
    UnknownAddress,
    UnknownClient,
    UnreadableRequest,
)
from services.identity.domain.clients import SCOPES, Client
from services.identity.pages import Cookie, Form, PageRoutes, Pages
from services.identity.routes.protocol import (
    REFUSALS,
    Parameters,
    ProtocolRoute,
    answer,
    form_body,
    form_of,
    query_parameters,
)
from services.identity.routes.redirects import as_get, sources
from services.identity.routes.step_up import StepUp
from services.identity.schemas.oidc import OAuthProblem, UserInfo
from shared.context import current
from shared.errors import Unauthenticated
from shared.principal import TokenVerifier

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
_EXAMPLE = {
    "client_id": "019aa1d6-5d10-7c82-b4e7-903f6a1d8c25",
    "redirect_uri": "https://tingshu.example/callback",
    "response_type": "code",
    "scope": "openid profile",
    "state": "af0ifjsldkj",
    "nonce": "n-0S6_WzA2Mj",
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "code_challenge_method": "S256",
}
_WITH_TOKEN = {
    "x-access": {"scope": "openid", "roles": [], "own": False},
    "security": [{"access_token": []}],
}
_USER_INFO: dict[int | str, dict[str, Any]] = {
    200: {"model": UserInfo},
    400: REFUSALS[400],
    401: {"description": "The token was not accepted; without one, nothing but a challenge"},
    403: {"model": OAuthProblem, "description": "The token does not open this"},
    503: REFUSALS[503],
}
_TOKEN_IN_FORM = {
    **form_body(
        {"access_token": "Instead of the header."},
        examples=[{"access_token": "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.e30.c2lnbmF0dXJl"}],
    )["openapi_extra"]["requestBody"],
    "required": False,
}
_PAGES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The consent page", "content": {"text/html": {}}},
    303: {"description": "To the client with a code or an error, or to the login page"},
    400: {"description": "An error page: the client is unknown", "content": {"text/html": {}}},
    503: REFUSALS[503],
}


def oidc_router(
    authorizations: Authorizations,
    introductions: Introductions,
    tokens: Tokens,
    sessions: Sessions,
    verifier: TokenVerifier,
    pages: Pages,
    issuer: str,
    step_up: StepUp,
) -> APIRouter:
    router = APIRouter(prefix="/identity", tags=["openid"], route_class=ProtocolRoute)
    here = urlsplit(issuer).path

    @router.get(
        "/authorize",
        summary="授权端点",
        response_class=Response,
        responses=_PAGES,
        **query_parameters(_FIELDS, _EXAMPLE),
    )
    async def authorize(request: Request) -> Response:
        """Send the person back with a code, after sign-in and consent where these are due."""
        return await _authorized(request)

    @router.post(
        "/authorize",
        summary="授权端点（表单）",
        response_class=Response,
        responses=_PAGES,
        **form_body(_FIELDS, "client_id", "redirect_uri", "response_type", examples=[_EXAMPLE]),
    )
    async def authorize_by_form(request: Request) -> Response:
        """The same for a form."""
        return await as_get(pages, request, f"{here}/authorize")

    async def _authorized(request: Request) -> Response:
        pages.settle_language(request)
        try:
            parameters, client, address = await _destination(request.url.query)
        except (UnreadableRequest, UnknownClient, UnknownAddress) as error:
            return pages.refusal(request, error)
        session = await sessions.current(pages.cookies.read(request, Cookie.SESSION))
        try:
            asked_at = step_up.asked_at(parameters.values, pages.visit(request))
            asked = AuthorizationRequest.read(parameters.single(), client, address, asked_at)
            outcome = await authorizations.decide(asked, session)
        except OAuthError as error:
            return _back(address, parameters.values, error=error)
        if outcome is Ask.SIGN_IN:
            return _to_login(request, parameters.values)
        if outcome is Ask.CONSENT and session is not None:
            return await _consent_page(request, request.url.query, asked, session)
        return _back(address, parameters.values, code=str(outcome))

    async def _destination(query: str) -> tuple[Parameters, Client, str]:
        """The parameters, and where their answer goes. Raises `UnreadableRequest`,
        `UnknownClient`, `UnknownAddress`."""
        try:
            parameters = Parameters.parse(query)
        except OAuthError as error:
            raise UnreadableRequest(error.description, zh=UNREADABLE_ZH) from error
        given = parameters.values
        if parameters.repeated & {"client_id", "redirect_uri"}:
            raise UnreadableRequest("The client is named twice.", zh="请求中重复指定了应用。")
        if "client_id" not in given:
            raise UnknownClient
        if "redirect_uri" not in given:
            raise UnknownAddress
        address = given["redirect_uri"]
        return parameters, await authorizations.destination(given["client_id"], address), address

    def _to_login(request: Request, given: Mapping[str, str]) -> Response:
        visit = pages.visit(request)
        back = f"{here}/authorize?{urlencode(step_up.marked(given, visit))}"
        hint = {"login_hint": given["login_hint"]} if "login_hint" in given else {}
        response = pages.redirect(f"{here}/login?{urlencode({'return_to': back, **hint})}")
        pages.cookies.keep(response, Cookie.VISIT, visit)
        return response

    async def _consent_page(
        request: Request,
        asking: str,
        asked: AuthorizationRequest,
        session: Session,
        *,
        changed: bool = False,
    ) -> Response:
        owner, account, withheld = await introductions.of(asked.client, session, asked.wanted)
        return pages.render(
            request,
            "consent.html",
            409 if changed else 200,
            changed=changed,
            form_action=sources(asked.redirect_uri),
            client_name=asked.client.name,
            owner=owner,
            purpose=asked.client.purpose,
            scopes=described(asked.wanted - withheld),
            withheld=described(withheld),
            account=account,
            action=f"{here}/consent",
            hidden={"request": asking, "shown": asked.client.introduced(asked.wanted)},
        )

    async def answer_consent_page(request: Request, form: Form) -> Response:
        """The person's answer on the consent page: ``request`` is the query that it was shown for,
        ``shown`` what it told, ``decision`` is ``allow`` or ``deny``."""
        asking = form.get("request", "")
        parameters, client, address = await _destination(asking)
        given = parameters.values
        session = await sessions.current(pages.cookies.read(request, Cookie.SESSION))
        if session is None:
            return _to_login(request, given)
        try:
            if form.get("decision") != "allow":
                raise OAuthError("access_denied", "the person refused")
            asked_at = step_up.asked_at(given, pages.visit(request))
            asked = AuthorizationRequest.read(parameters.single(), client, address, asked_at)
            try:
                outcome = await authorizations.consent(asked, session, form.get("shown", ""))
            except ToldOtherwise:
                _, client, _ = await _destination(asking)
                anew = AuthorizationRequest.read(parameters.single(), client, address, asked_at)
                return await _consent_page(request, asking, anew, session, changed=True)
            if outcome is Ask.SIGN_IN:
                return _to_login(request, given)
            return _back(address, given, code=outcome)
        except OAuthError as error:
            return _back(address, given, error=error)

    shown = PageRoutes(pages)
    shown.post("/consent", answer_consent_page)

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
        return pages.redirect(f"{address}{joint}{urlencode({**told, **state, 'iss': issuer})}")

    async def _userinfo(token: str | None) -> Response:
        if token is None:
            return Response(status_code=401, headers={"www-authenticate": 'Bearer realm="shuyuan"'})
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
        responses=_USER_INFO,
        openapi_extra=_WITH_TOKEN,
    )
    async def read_userinfo(request: Request) -> Response:
        """The claims that the access token opens."""
        return await _userinfo(_bearer(request))

    @router.post(
        "/userinfo",
        summary="用户信息（表单）",
        responses=_USER_INFO,
        openapi_extra={**_WITH_TOKEN, "requestBody": _TOKEN_IN_FORM},
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

    router.include_router(shown.router)
    return router


def described(scopes: frozenset[str]) -> list[tuple[str, str]]:
    """What scopes mean, in Chinese and English, in the order of the table."""
    return [meaning for name, meaning in SCOPES.items() if name in scopes]


def _bearer(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None
