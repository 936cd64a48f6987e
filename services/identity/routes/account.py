"""``/identity/account``: the pages where people look after their own account."""

from collections.abc import Sequence
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.identity.application.accounts import CredentialReader, NamesOfPeople
from services.identity.application.passkeys import Passkeys
from services.identity.application.passwords import Passwords
from services.identity.application.second_factors import SecondFactors
from services.identity.application.sessions import Session, Sessions
from services.identity.domain.passwords import PasswordRefused, Profile
from services.identity.domain.second_factors import LastSecondFactor, WrongCode
from services.identity.domain.sign_in import HOME
from services.identity.pages import Form, FormError, PageRoutes, Pages
from services.identity.pages.faults import LAST_FACTOR, WRONG_CODE
from services.identity.pages.passwords import differing, faults, rules
from services.identity.routes.second_steps import qr_code
from services.identity.routes.visitors import Visitors
from shared.errors import NotFound

PASSWORD = f"{HOME}/password"
FACTORS = f"{HOME}/second-factors"
AUTHENTICATOR = f"{HOME}/authenticator"


class AccountPages:
    def __init__(
        self,
        pages: Pages,
        visitors: Visitors,
        passwords: Passwords,
        second_factors: SecondFactors,
        passkeys: Passkeys,
        sessions: Sessions,
        credentials: CredentialReader,
        names: NamesOfPeople,
        profile: Profile,
    ) -> None:
        self._pages = pages
        self._visitors = visitors
        self._passwords = passwords
        self._second_factors = second_factors
        self._passkeys = passkeys
        self._sessions = sessions
        self._credentials = credentials
        self._names = names
        self._profile = profile

    def router(self) -> APIRouter:
        routes = PageRoutes(self._pages)
        own, recent = self._visitors.own, self._visitors.recently
        routes.get("/identity", self.enter)
        routes.get("/identity/", self.enter)
        routes.get(HOME, own(self.show))
        routes.get(PASSWORD, recent(self.show_password, PASSWORD))
        routes.post(PASSWORD, recent(self.take_password, PASSWORD))
        routes.get(FACTORS, own(self.show_factors))
        routes.post(FACTORS, recent(self.change_factors, FACTORS))
        routes.get(AUTHENTICATOR, recent(self.show_authenticator, AUTHENTICATOR))
        routes.post(AUTHENTICATOR, recent(self.take_authenticator, AUTHENTICATOR))
        return routes.router

    async def enter(self, _request: Request) -> Response:
        return self._pages.redirect(HOME)

    async def show(self, request: Request, session: Session) -> Response:
        credentials = await self._credentials.credentials(session.person_id)
        return self._pages.render(
            request,
            "account.html",
            here="account",
            names=await self._names.of(session.person_id),
            password_changed_at=credentials.changed_at,
            factors=await self._second_factors.of(session.person_id),
            sessions=len(await self._sessions.list(session.person_id)),
        )

    async def show_password(self, request: Request, session: Session) -> Response:
        return await self._password_page(request, session)

    async def take_password(self, request: Request, session: Session, form: Form) -> Response:
        if errors := differing(form):
            return await self._password_page(request, session, errors)
        try:
            await self._passwords.change(session, form.get("password", ""))
        except PasswordRefused as refused:
            return await self._password_page(request, session, faults(refused))
        return self._pages.redirect(f"{PASSWORD}?done=1")

    async def _password_page(
        self, request: Request, session: Session, errors: Sequence[FormError] = ()
    ) -> Response:
        credentials = await self._credentials.credentials(session.person_id)
        shortest = self._profile.shortest(with_factor=credentials.has_factor)
        return self._pages.render(
            request,
            "account_password.html",
            422 if errors else 200,
            here="password",
            errors=errors,
            names=await self._names.of(session.person_id),
            shortest=shortest,
            rules=rules(self._profile, shortest),
            done="done" in request.query_params,
        )

    async def show_factors(self, request: Request, session: Session) -> Response:
        return await self._factors_page(request, session)

    async def change_factors(self, request: Request, session: Session, form: Form) -> Response:
        """``change`` says what: remove the authenticator, or a ``passkey``, or make new codes."""
        person_id = session.person_id
        try:
            match form.get("change"):
                case "remove_authenticator":
                    await self._second_factors.remove_authenticator(person_id)
                case "remove_passkey":
                    await self._passkeys.remove(person_id, _id(form.get("passkey", "")))
                case "renew_recovery_codes":
                    codes = await self._second_factors.renew_recovery_codes(person_id)
                    return self.codes_page(request, codes)
        except LastSecondFactor:
            return await self._factors_page(request, session, (LAST_FACTOR,))
        return self._pages.redirect(FACTORS)

    async def _factors_page(
        self, request: Request, session: Session, errors: Sequence[FormError] = ()
    ) -> Response:
        return self._pages.render(
            request,
            "account_factors.html",
            409 if errors else 200,
            here="factors",
            errors=errors,
            factors=await self._second_factors.of(session.person_id),
            passkeys_work=self._passkeys.available,
        )

    async def show_authenticator(self, request: Request, session: Session) -> Response:
        return await self._authenticator_page(request, session)

    async def take_authenticator(self, request: Request, session: Session, form: Form) -> Response:
        try:
            codes = await self._second_factors.set_up(session.person_id, form.get("code", ""))
        except WrongCode:
            return await self._authenticator_page(request, session, (WRONG_CODE,))
        if not codes:
            return self._pages.redirect(FACTORS)
        return self.codes_page(request, codes)

    async def _authenticator_page(
        self, request: Request, session: Session, errors: Sequence[FormError] = ()
    ) -> Response:
        enrolment = await self._second_factors.enrol(session.person_id)
        return self._pages.render(
            request,
            "account_authenticator.html",
            422 if errors else 200,
            here="factors",
            errors=errors,
            enrolment=enrolment,
            qr=qr_code(enrolment),
        )

    def codes_page(self, request: Request, codes: Sequence[str]) -> Response:
        """Recovery codes, shown this once."""
        return self._pages.render(request, "recovery_codes.html", codes=codes, onward=FACTORS)


def _id(text: str) -> UUID:
    """Raises `NotFound`."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None
