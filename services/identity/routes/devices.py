"""The device grant: codes for a device, and the page on which a person lets it in (RFC 8628)."""

from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Request, Response

from services.identity.application.authorization import Introductions
from services.identity.application.client_authentication import ClientAuthentication
from services.identity.application.devices import Devices
from services.identity.application.sessions import Session, Sessions
from services.identity.domain.authorization import (
    DEVICE_CODE_LIFE,
    DEVICE_POLL_SECONDS,
    ToldOtherwise,
)
from services.identity.domain.throttle import TooManyAttempts
from services.identity.pages import Cookie, Form, FormError, PageRoutes, Pages
from services.identity.pages.faults import waiting
from services.identity.routes.oidc import described
from services.identity.routes.protocol import (
    REFUSALS,
    ProtocolRoute,
    answer,
    credentials_of,
    form_body,
    form_of,
)
from services.identity.schemas.oidc import DeviceAnswer

_UNKNOWN = FormError(
    "user_code",
    "没有设备在等待这个代码。请核对后重新输入，或在设备上重新开始。",
    "No device waits with this code. Compare it, or start over on the device.",
)


def devices_router(
    devices: Devices,
    introductions: Introductions,
    authentication: ClientAuthentication,
    sessions: Sessions,
    pages: Pages,
    issuer: str,
) -> APIRouter:
    router = APIRouter(prefix="/identity", tags=["openid"], route_class=ProtocolRoute)
    here = urlsplit(issuer).path
    page = f"{here}/device"

    @router.post(
        "/device_authorization",
        summary="设备授权",
        responses={200: {"model": DeviceAnswer}, **REFUSALS},
        **form_body(
            {
                "client_id": "Of a client that does not use Basic.",
                "client_secret": "Of a client registered for client_secret_post.",
                "scope": "Separated by spaces.",
            },
            examples=[{"scope": "openid profile"}],
        ),
    )
    async def authorize_device(request: Request) -> Response:
        """A code for the device, and one for the person to type at the address given."""
        given = (await form_of(request)).single()
        client = await authentication.identify(credentials_of(request, given))
        started = await devices.start(client, given.get("scope"))
        address = f"{issuer}/device"
        body = {
            "device_code": started.device_code,
            "user_code": started.user_code,
            "verification_uri": address,
            "verification_uri_complete": f"{address}?{urlencode({'user_code': started.user_code})}",
            "expires_in": int(DEVICE_CODE_LIFE.total_seconds()),
            "interval": DEVICE_POLL_SECONDS,
        }
        return answer(body)

    async def show(request: Request) -> Response:
        """Ask for the code that the device shows."""
        typed = request.query_params.get("user_code", "")
        if await _session(request) is None:
            return _to_login(typed)
        return _ask(request, typed)

    async def take(request: Request, form: Form) -> Response:
        """First the code; then, once the page has told who asks for what, the ``decision``."""
        typed = form.get("user_code", "")
        session = await _session(request)
        if session is None:
            return _to_login(typed)
        try:
            return await _taken(request, form, typed, session)
        except TooManyAttempts as error:
            headers = {"retry-after": str(error.retry_after)}
            return _ask(request, typed, waiting(error, "user_code"), status=429, headers=headers)

    async def _taken(request: Request, form: Form, typed: str, session: Session) -> Response:
        changed = False
        if "decision" in form:
            allowed, told = form["decision"] == "allow", form.get("shown", "")
            try:
                if await devices.answer(typed, session, told, approved=allowed):
                    return pages.render(request, "device_done.html", allowed=allowed)
                return _ask(request, typed, _UNKNOWN)
            except ToldOtherwise:
                changed = True
        found = await devices.find(typed, session)
        if found is None:
            return _ask(request, typed, _UNKNOWN)
        owner, account, withheld = await introductions.of(found.client, session, found.scopes)
        return pages.render(
            request,
            "consent.html",
            409 if changed else 200,
            changed=changed,
            client_name=found.client.name,
            owner=owner,
            purpose=found.client.purpose,
            scopes=described(found.scopes - withheld),
            withheld=described(withheld),
            account=account,
            action=page,
            hidden={
                "user_code": found.user_code,
                "shown": found.client.introduced(found.scopes),
            },
        )

    async def _session(request: Request) -> Session | None:
        return await sessions.current(pages.cookies.read(request, Cookie.SESSION))

    def _to_login(typed: str) -> Response:
        back = f"{page}?{urlencode({'user_code': typed})}" if typed else page
        return pages.redirect(f"{here}/login?{urlencode({'return_to': back})}")

    def _ask(
        request: Request,
        typed: str,
        *errors: FormError,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        return pages.render(
            request,
            "device.html",
            status,
            headers=headers,
            action=page,
            user_code=typed,
            hidden={},
            errors=errors,
        )

    shown = PageRoutes(pages)
    shown.get("/device", show)
    shown.post("/device", take)
    router.include_router(shown.router)
    return router
