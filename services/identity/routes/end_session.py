"""Signing out at the request of an application (OpenID Connect RP-Initiated Logout 1.0).

With an ID token of the person who is signed in, the session ends at once; else the person is asked
first, since any site can send a browser here.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Request, Response

from services.identity.application.authorization import Introductions
from services.identity.application.client_authentication import KnownClients
from services.identity.application.keys import SigningKeys
from services.identity.application.sessions import Session, Sessions
from services.identity.domain.authorization import (
    UNREADABLE_ZH,
    OAuthError,
    UnknownAddress,
    UnknownHint,
    UnreadableRequest,
)
from services.identity.pages import Cookie, Form, PageRoutes, Pages
from services.identity.routes.protocol import (
    REFUSALS,
    Parameters,
    ProtocolRoute,
    form_body,
    query_parameters,
)
from services.identity.routes.redirects import as_get, sources

_FIELDS = {
    "id_token_hint": "An ID token of the person, however old.",
    "client_id": "The client; needed without a hint.",
    "post_logout_redirect_uri": "One of its registered addresses, to the letter.",
    "state": "Comes back as it is.",
    "logout_hint": "Is not needed.",
    "ui_locales": "Preferred languages.",
}
_EXAMPLE = {
    "id_token_hint": "eyJhbGciOiJFUzI1NiJ9.e30.c2lnbmF0dXJl",
    "client_id": "019aa1d6-5d10-7c82-b4e7-903f6a1d8c25",
    "post_logout_redirect_uri": "https://tingshu.example/",
    "state": "af0ifjsldkj",
}
_PAGES: dict[int | str, dict[str, Any]] = {
    200: {"description": "A page that asks, or says that it is done", "content": {"text/html": {}}},
    303: {"description": "Back to the client"},
    400: {"description": "An error page", "content": {"text/html": {}}},
    503: REFUSALS[503],
}


def end_session_router(
    sessions: Sessions,
    introductions: Introductions,
    clients: KnownClients,
    keys: SigningKeys,
    pages: Pages,
    issuer: str,
) -> APIRouter:
    router = APIRouter(prefix="/identity", tags=["openid"], route_class=ProtocolRoute)
    here = urlsplit(issuer).path

    @router.get(
        "/end_session",
        summary="退出登录",
        response_class=Response,
        responses=_PAGES,
        **query_parameters(_FIELDS, _EXAMPLE),
    )
    async def end_session(request: Request) -> Response:
        """Sign out, and go back to the application."""
        return await _answered(request)

    @router.post(
        "/end_session",
        summary="退出登录（表单）",
        response_class=Response,
        responses=_PAGES,
        **form_body(_FIELDS, examples=[_EXAMPLE]),
    )
    async def end_session_by_form(request: Request) -> Response:
        """The same for a form."""
        return await as_get(pages, request, f"{here}/end_session")

    async def _answered(request: Request) -> Response:
        pages.settle_language(request)
        session = await sessions.current(pages.cookies.read(request, Cookie.SESSION))
        try:
            given = _parameters(request.url.query)
            hint = _hint(given)
            back = await _destination(given, hint)
        except (UnreadableRequest, UnknownAddress, UnknownHint) as error:
            return pages.refusal(request, error)
        if session is None or (hint is not None and hint["sub"] == str(session.person_id)):
            return await _signed_out(request, session, back)
        return pages.render(
            request,
            "sign_out.html",
            form_action=sources(back),
            account=await introductions.account(session),
            action=f"{here}/end_session/confirm",
            hidden={"request": request.url.query},
        )

    async def answer_sign_out_page(request: Request, form: Form) -> Response:
        """The person wants it: ``request`` is the query that the page was shown for."""
        given = _parameters(form.get("request", ""))
        back = await _destination(given, _hint(given))
        session = await sessions.current(pages.cookies.read(request, Cookie.SESSION))
        return await _signed_out(request, session, back)

    async def _signed_out(request: Request, session: Session | None, back: str | None) -> Response:
        response = pages.redirect(back) if back else pages.render(request, "signed_out.html")
        if session is not None:
            await sessions.sign_out(session)
        pages.cookies.drop(response, Cookie.SESSION)
        return response

    def _hint(given: Mapping[str, str]) -> Mapping[str, Any] | None:
        """The claims of the ID token that came along. Raises `UnknownHint`."""
        if "id_token_hint" not in given:
            return None
        claims = keys.read_hint(given["id_token_hint"], issuer)
        if claims is None or given.get("client_id", claims["aud"]) != claims["aud"]:
            raise UnknownHint
        return claims

    async def _destination(given: Mapping[str, str], hint: Mapping[str, Any] | None) -> str | None:
        """Where the person goes afterwards: nowhere, unless it is known for whom. Raises
        `UnknownAddress` for one that is not registered for the client."""
        address = given.get("post_logout_redirect_uri")
        client_id = hint["aud"] if hint else given.get("client_id")
        if address is None or client_id is None:
            return None
        found = await clients.live(client_id)
        if found is None or not found[0].returns_to(address):
            raise UnknownAddress
        if "state" not in given:
            return address
        return f"{address}{'&' if '?' in address else '?'}{urlencode({'state': given['state']})}"

    shown = PageRoutes(pages)
    shown.post("/end_session/confirm", answer_sign_out_page)
    router.include_router(shown.router)
    return router


def _parameters(query: str) -> Mapping[str, str]:
    """Raises `UnreadableRequest`."""
    try:
        return Parameters.parse(query).single()
    except OAuthError as error:
        raise UnreadableRequest(error.description, zh=UNREADABLE_ZH) from error
