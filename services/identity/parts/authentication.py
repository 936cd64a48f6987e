"""Passwords, second factors, sessions, invitations, and the pages on which they are used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from services.identity.adapters.allowances import AllowanceRows
from services.identity.adapters.authentication import (
    AuthenticationReads,
    InvitationRows,
    PasswordRows,
    SignInRows,
    common_passwords,
)
from services.identity.adapters.clients import ClientRows
from services.identity.adapters.personal_data import PersonalData
from services.identity.adapters.second_factors import FactorRows, PasskeyRows
from services.identity.adapters.session_opening import SessionStatement
from services.identity.adapters.sessions import SessionReads, SessionRows
from services.identity.adapters.sweeping import AuthenticationSweeper
from services.identity.application.accounts import Directory, NamesOfPeople
from services.identity.application.allowances import Allowances
from services.identity.application.client_authentication import KnownClients
from services.identity.application.hashing import PasswordHashing
from services.identity.application.invitations import Activate, Activations, Invitations
from services.identity.application.passkeys import Passkeys
from services.identity.application.passwords import Passwords
from services.identity.application.second_factors import SecondFactors
from services.identity.application.sessions import Revocations, Sessions
from services.identity.application.sign_in import SignIn
from services.identity.application.stores import OnErase, OpenStores
from services.identity.domain.passwords import PROFILES, Profile
from services.identity.pages import Cookie, Cookies, Pages
from services.identity.pages.forms import Forms
from services.identity.parts.throttling import build_throttle
from services.identity.problems.authentication import PROBLEMS
from services.identity.routes.account import AccountPages
from services.identity.routes.allowances import AllowancePages
from services.identity.routes.invitations import InvitationPages, invitations_router
from services.identity.routes.passkeys import PasskeyPages
from services.identity.routes.redirects import RedirectSources
from services.identity.routes.second_steps import SecondStepPages
from services.identity.routes.sessions import SessionPages, sessions_router
from services.identity.routes.sign_in import SignInPages
from services.identity.routes.static import static_router
from services.identity.routes.visitors import Visitors
from services.identity.settings import Settings
from shared.context import Language
from shared.database import UnitOfWork
from shared.encryption import KeyRing
from shared.problems import ProblemTable
from shared.service import Part, Runtime


@dataclass(frozen=True, kw_only=True)
class AuthenticationPart(Part):
    """``profile`` is the deployment's, lifetimes of sessions set as its settings say."""

    sessions: Sessions
    activations: Activations
    hashing: PasswordHashing
    profile: Profile
    erase_steps: Sequence[OnErase]

    async def erase(self, uow: UnitOfWork, person_id: UUID) -> None:
        """Delete whatever a person who is erased could sign in with."""
        for step in self.erase_steps:
            await step(uow, person_id)

    async def disable(self, uow: UnitOfWork, person_id: UUID) -> None:
        """End whatever a person was signed in to."""
        await self.sessions.revoke_all(uow, person_id)


def build_pages(settings: Settings, table: ProblemTable) -> Pages:
    """The pages of the whole service; `table` is that of all its parts."""
    ring = KeyRing.parse(settings.master_keys.get_secret_value())
    cookies = Cookies(settings.public_origin)
    forms = Forms(cookies, settings.public_origin, ring.derive("forms"))
    names: Mapping[Language, str] = {
        "zh": settings.platform_name,
        "en": settings.platform_name_en,
    }
    return Pages(cookies, forms, table, names)


def build_invitations(runtime: Runtime, settings: Settings) -> Invitations:
    """What accounts are created with."""
    return Invitations(InvitationRows, timedelta(days=settings.invitation_days), runtime.clock)


def build(
    runtime: Runtime,
    settings: Settings,
    *,
    directory: Directory,
    people: OpenStores,
    activate: Activate,
    revocations: Revocations,
    invitations: Invitations,
    pages: Pages,
) -> AuthenticationPart:
    new_uow, clock, engine = runtime.new_uow, runtime.clock, runtime.engine
    ring = KeyRing.parse(settings.master_keys.get_secret_value())
    reads = AuthenticationReads(runtime.reader, PersonalData(ring))
    profile = _profile(settings)
    platform = settings.platform_name
    names = NamesOfPeople(new_uow, people)
    hashing = PasswordHashing(
        workers=settings.hashing_workers,
        queue=settings.hashing_queue,
        memory_kib=settings.argon2_memory_kib,
        iterations=settings.argon2_iterations,
    )
    throttle = build_throttle(runtime, settings)
    sessions = Sessions(
        new_uow,
        SessionRows,
        SessionStatement(runtime),
        SessionReads(runtime.reader),
        revocations,
        clock,
        idle=profile.session_idle,
        life=profile.session_life,
        cookie_name=pages.cookies.name(Cookie.SESSION),
    )
    passwords = Passwords(
        new_uow,
        PasswordRows,
        reads,
        hashing,
        names,
        sessions,
        profile,
        common_passwords(),
        {platform, settings.platform_name_en},
        clock,
    )
    second_factors = SecondFactors(
        new_uow, FactorRows, reads, directory, names, profile, ring, platform, clock
    )
    passkeys = Passkeys(
        new_uow,
        PasskeyRows,
        reads,
        names,
        second_factors,
        settings.public_origin,
        platform,
        clock,
    )
    sign_in = SignIn(
        new_uow,
        SignInRows,
        reads,
        directory,
        hashing,
        throttle,
        passwords,
        second_factors,
        passkeys,
        sessions,
        profile,
        clock,
    )
    activations = Activations(
        new_uow,
        InvitationRows,
        reads,
        invitations,
        people,
        activate,
        hashing,
        passwords,
        second_factors,
        sessions,
        clock,
    )
    visitors = Visitors(sessions, pages, settings.trusted_proxies, clock)
    sources = RedirectSources(KnownClients(new_uow, ClientRows, clock))
    account = AccountPages(
        pages, visitors, passwords, second_factors, passkeys, sessions, reads, names, profile
    )
    allowances = Allowances(new_uow, AllowanceRows, revocations, clock)
    return AuthenticationPart(
        routers=[
            SignInPages(pages, visitors, sign_in, passkeys, sessions, names, sources).router(),
            static_router(pages),
            SecondStepPages(
                pages, visitors, sign_in, second_factors, passkeys, names, profile, sources
            ).router(),
            account.router(),
            PasskeyPages(pages, visitors, passkeys, account).router(),
            SessionPages(pages, visitors, sessions).router(),
            AllowancePages(pages, visitors, allowances).router(),
            InvitationPages(pages, activations, names, profile).router(),
            sessions_router(sessions),
            invitations_router(activations, settings.issuer),
        ],
        table=PROBLEMS,
        tasks={"authentication-sweeper": AuthenticationSweeper(engine, clock).run},
        sessions=sessions,
        activations=activations,
        hashing=hashing,
        profile=profile,
        erase_steps=(
            sign_in.erase,
            passwords.erase,
            second_factors.erase,
            invitations.erase,
            sessions.erase,
        ),
    )


def _profile(settings: Settings) -> Profile:
    profile = PROFILES[settings.password_profile]
    idle, life = settings.session_idle_minutes, settings.session_life_hours
    return replace(
        profile,
        session_idle=timedelta(minutes=idle) if idle else profile.session_idle,
        session_life=timedelta(hours=life) if life else profile.session_life,
    )
