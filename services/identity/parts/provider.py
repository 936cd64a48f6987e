from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from services.identity.adapters.clients import ApiKeyRows, AssertionRows, ClientRows
from services.identity.adapters.expiry import ExpirySweeper
from services.identity.adapters.keys import SigningKeyRows
from services.identity.adapters.organisations import OrganisationRepository
from services.identity.adapters.revocations import RevocationReads, RevocationRows
from services.identity.adapters.tokens import AuthorizationRows, DeviceRows, TokenReads, TokenRows
from services.identity.application.api_keys import ApiKeys
from services.identity.application.authorization import Authorizations, Introductions
from services.identity.application.client_authentication import ClientAuthentication, KnownClients
from services.identity.application.clients import Clients
from services.identity.application.devices import Devices
from services.identity.application.keys import SigningKeys
from services.identity.application.revocations import Revocations
from services.identity.application.sessions import Sessions
from services.identity.application.stores import OnErase
from services.identity.application.tokens import Tokens
from services.identity.application.tokens_ports import People
from services.identity.domain import components
from services.identity.domain.events_provider import EVENTS
from services.identity.domain.passwords import Profile
from services.identity.pages import Pages
from services.identity.parts.throttling import build_throttle
from services.identity.problems.provider import PROBLEMS
from services.identity.routes.api_keys import api_keys_router
from services.identity.routes.clients import clients_router
from services.identity.routes.devices import devices_router
from services.identity.routes.discovery import discovery_router
from services.identity.routes.end_session import end_session_router
from services.identity.routes.oidc import oidc_router
from services.identity.routes.revocations import revocations_router
from services.identity.routes.step_up import StepUp
from services.identity.routes.tokens import tokens_router
from services.identity.settings import Settings
from shared.encryption import KeyRing
from shared.pages import Cursors
from shared.service import Part, Runtime


@dataclass(frozen=True)
class Provider(Part):
    """The part, with what commands and other parts use beside it. ``rotate_keys`` makes the next
    signing keys the active ones; `erase` ends what an erased person gave to clients."""

    clients: Clients = field(kw_only=True)
    keys: SigningKeys = field(kw_only=True)
    rotate_keys: Callable[[], Awaitable[None]] = field(kw_only=True)
    erase: OnErase = field(kw_only=True)


def build_revocations(runtime: Runtime) -> Revocations:
    """What every part revokes tokens with."""
    return Revocations(RevocationRows, RevocationReads(runtime.reader), runtime.clock)


def build(
    runtime: Runtime,
    settings: Settings,
    *,
    people: People,
    sessions: Sessions,
    pages: Pages,
    revocations: Revocations,
    profile: Profile,
) -> Provider:
    """The OpenID provider and its registered applications."""
    ring = KeyRing.parse(settings.master_keys.get_secret_value())
    cursors = Cursors(ring.derive("cursors"))
    new_uow, clock, issuer = runtime.new_uow, runtime.clock, settings.issuer
    runtime.verifier.use_revocations(revocations.in_force)
    keys = SigningKeys(new_uow, SigningKeyRows, ring, clock, runtime.verifier.load)
    secret = settings.gateway_secret.get_secret_value()
    of_catalog = settings.catalog_secret.get_secret_value()
    own = [components.console()]
    if of_catalog:
        own.append(components.catalog(of_catalog))
    if secret:
        own += [components.gateway(secret), components.portal(secret, settings.public_origin)]
    known = KnownClients(new_uow, ClientRows, clock, own)
    clients = Clients(new_uow, ClientRows, OrganisationRepository, revocations, clock, known.forget)
    authentication = ClientAuthentication(
        known, new_uow, AssertionRows, (issuer, f"{issuer}/token"), clock
    )
    life = timedelta(seconds=settings.access_token_seconds)
    tokens = Tokens(
        new_uow,
        TokenRows,
        TokenReads(runtime.reader),
        people,
        keys,
        revocations,
        runtime.verifier,
        issuer,
        life,
        profile,
        clock,
    )
    api_keys = ApiKeys(new_uow, ApiKeyRows, ClientRows, tokens.acting, clock)
    introductions = Introductions(new_uow, OrganisationRepository, people)
    authorizations = Authorizations(
        new_uow, AuthorizationRows, known, keys, people, profile, issuer, clock
    )
    throttle = build_throttle(runtime, settings)
    devices = Devices(
        new_uow,
        DeviceRows,
        known,
        AuthorizationRows,
        tokens,
        people,
        throttle,
        clock,
    )
    return Provider(
        routers=[
            tokens_router(tokens, devices, authentication),
            oidc_router(
                authorizations,
                introductions,
                tokens,
                sessions,
                runtime.verifier,
                pages,
                issuer,
                StepUp(ring.derive("step-up"), clock),
            ),
            discovery_router(issuer, keys),
            devices_router(devices, introductions, authentication, sessions, pages, issuer),
            end_session_router(sessions, introductions, known, keys, pages, issuer),
            clients_router(clients, cursors),
            api_keys_router(api_keys, cursors),
            revocations_router(revocations),
        ],
        table=PROBLEMS,
        tasks={
            "signing-keys": keys.run,
            "revocations": revocations.run,
            "expiry": ExpirySweeper(runtime.engine, clock).run,
        },
        events=EVENTS,
        clients=clients,
        keys=keys,
        rotate_keys=partial(keys.tend, rotate=True),
        erase=authorizations.erase,
    )
