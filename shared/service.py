"""A running service: its parts wired once, the same way in every service.

`Runtime` owns the engine, the background tasks and the verifier; `application` puts the routes,
the problem table and the edge around them. A service's ``app.py`` calls both and nothing else
builds adapters.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from shared import problems
from shared.audit import Sealer
from shared.clock import Clock, utc_now
from shared.database import UnitOfWork, create_engine
from shared.edge import Edge
from shared.encryption import KeyRing
from shared.health import Check, Health, health_router
from shared.inbox import Handlers, Inbox
from shared.presence import ServiceStarted, about_router, hear, started_type
from shared.principal import TokenVerifier
from shared.reader import Reader
from shared.relay import Relay
from shared.retention import Sweeper
from shared.revocation import RevocationFeed, RevokedTokens
from shared.routing import shelve
from shared.settings import ServiceSettings
from shared.tasks import end, keep_running
from shared.version import VERSION

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Part:
    """What one part adds to its service. ``tasks`` run in the background for its whole life."""

    routers: Sequence[APIRouter] = ()
    table: problems.ProblemTable = field(default_factory=dict)
    tasks: Mapping[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)
    events: Mapping[str, type] = field(default_factory=dict)
    checks: Mapping[str, Check] = field(default_factory=dict)
    """Dependencies that `/readyz` names beside those of every service."""


class Runtime:
    """What one service keeps running for as long as its process lives.

    ``tasks`` run in the background, by name. ``hears`` maps a neighbour to the handlers of its
    events; that it started is always heard.
    """

    def __init__(
        self,
        name: str,
        settings: ServiceSettings,
        hears: Mapping[str, Handlers],
        clock: Clock = utc_now,
    ) -> None:
        self.name = name
        self.version = VERSION
        self.settings = settings
        self.clock = clock
        self.started_at = clock()
        self.engine = create_engine(settings, name)
        self.reader = Reader(settings, name)
        self.revoked = RevokedTokens()
        self.verifier = TokenVerifier(settings.issuer, settings.jwks_url, revoked=self.revoked)
        self.relay = Relay(settings, name)
        self.sealer = Sealer(self.engine)
        self.handlers: dict[str, Handlers] = {
            source: {started_type(source): hear, **handlers} for source, handlers in hears.items()
        }
        self._inboxes = [
            Inbox(settings, name, source, self.new_uow, handlers)
            for source, handlers in self.handlers.items()
        ]
        self.tasks: dict[str, Callable[[], Awaitable[None]]] = {
            "announce": self._announce,
            "relay": self.relay.run,
            "audit-sealer": self.sealer.run,
            "retention": Sweeper(self.engine, settings).run,
            "jwks": self.verifier.run,
            "revocations": RevocationFeed(settings, name, self.revoked).run,
            **{f"inbox-{s}": i.run for s, i in zip(hears, self._inboxes, strict=True)},
        }

    def new_uow(self) -> UnitOfWork:
        """A unit of work of this service, not yet entered."""
        source = f"/{self.name}"
        return UnitOfWork(self.engine, source, self.clock, self.relay.wake, self.sealer.wake)

    def bus_connected(self) -> bool:
        """Whether events are leaving and arriving."""
        return self.relay.connected and all(inbox.connected for inbox in self._inboxes)

    def issuer_known(self) -> bool:
        """Whether tokens can be verified."""
        return self.verifier.has_keys

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the background tasks for as long as the block lasts."""
        tasks = [
            asyncio.create_task(keep_running(name, run), name=name)
            for name, run in self.tasks.items()
        ]
        try:
            yield
        finally:
            await end(tasks)
            await self.close()

    async def close(self) -> None:
        """Give every database connection back."""
        self.reader.close()
        await self.engine.dispose()

    async def _announce(self) -> None:
        async with self.new_uow() as uow:
            uow.outbox.append(ServiceStarted(self.name, self.version, self.started_at))
            await uow.commit()
        log.info("serving", version=self.version)
        await asyncio.Event().wait()


def application(
    runtime: Runtime,
    *,
    title: str,
    description: str,
    parts: Sequence[Part],
    table: problems.ProblemTable,
) -> FastAPI:
    """The ASGI application of a service."""

    for part in parts:
        runtime.tasks.update(part.tasks)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with runtime.running():
            yield

    app = FastAPI(
        title=title,
        description=description,
        version=runtime.version,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False},
    )
    app.state.runtime = runtime
    app.state.verifier = runtime.verifier
    master_keys = runtime.settings.master_keys.get_secret_value()
    app.state.keys = KeyRing.parse(master_keys) if master_keys else None
    checks = {name: check for part in parts for name, check in part.checks.items()}
    health = health_router(
        Health(runtime.engine, runtime.bus_connected, runtime.issuer_known, checks)
    )
    routers = [about_router(f"/{runtime.name}/v1"), *(r for p in parts for r in p.routers), health]
    for route in (route for router in routers for route in router.routes):
        if isinstance(route, APIRoute):
            route.operation_id = route.operation_id or route.name
        # Not include_router(), by which each request is matched twice.
        app.router.routes.append(route)
    shelve(app)
    problems.install(app, table)
    app.add_middleware(Edge, service=runtime.name, max_body_bytes=runtime.settings.max_body_bytes)
    return app
