"""Registrations, their evidence, and the pages about them."""

from collections.abc import Callable
from datetime import timedelta
from functools import cache

from sqlalchemy.ext.asyncio import AsyncConnection

from services.copyright.adapters.categories import CategoryRepository
from services.copyright.adapters.certificate import TypstPrinter
from services.copyright.adapters.log import LogRepository
from services.copyright.adapters.log_reads import LogReadRepository, RegistrationLists
from services.copyright.adapters.registrations import RegistrationRepository
from services.copyright.application.acts import Acts
from services.copyright.application.categories import Categories
from services.copyright.application.evidence import Evidences, Trusts
from services.copyright.application.intake import Intake
from services.copyright.application.registrations import Registrations
from services.copyright.application.views import Views
from services.copyright.bundle import documents
from services.copyright.domain.events import EVENTS
from services.copyright.pages.renderer import Page
from services.copyright.parts.log import LogPart
from services.copyright.routes.evidence import categories_router, evidence_router
from services.copyright.routes.pages import pages_router
from services.copyright.routes.registrations import registrations_router
from services.copyright.settings import Settings
from shared.clock import Clock, utc_now
from shared.encryption import KeyRing
from shared.pages import Cursors
from shared.service import Part, Runtime

_Repositories = Callable[[AsyncConnection], RegistrationRepository]


def repositories(settings: Settings) -> _Repositories:
    """Makes repositories that open what is encrypted."""

    @cache
    def keys() -> KeyRing:
        return KeyRing.parse(settings.master_keys.get_secret_value())

    return lambda connection: RegistrationRepository(connection, keys())


def intake(settings: Settings, clock: Clock = utc_now) -> Intake:
    """What registers, also on hearing from the catalogue."""
    return Intake(repositories(settings), LogRepository, clock, settings.issuer)


def build(runtime: Runtime, settings: Settings, *, log: LogPart) -> Part:
    keys = KeyRing.parse(settings.master_keys.get_secret_value())
    store = repositories(settings)
    notice = timedelta(days=settings.notice_days)
    new_uow = runtime.new_uow
    taken_in = intake(settings, runtime.clock)
    views = Views(new_uow, store, LogReadRepository, settings.log_origin, notice)
    witnessing = log.publisher.witnessing
    trusts = Trusts(new_uow, LogReadRepository, witnessing, log.stamper.authorities)
    evidences = Evidences(
        new_uow,
        store,
        LogRepository,
        LogReadRepository,
        LogReadRepository,
        trusts,
        TypstPrinter(),
        documents(),
        origin=settings.log_origin,
        public_origin=settings.public_origin,
    )
    ours = all(each.ours for each in settings.witnesses)
    return Part(
        routers=[
            registrations_router(
                Registrations(new_uow, taken_in),
                Acts(new_uow, taken_in, notice),
                views,
                RegistrationLists(runtime.reader),
                Cursors(keys.derive("cursors")),
            ),
            evidence_router(evidences, trusts),
            categories_router(Categories(new_uow, CategoryRepository)),
            pages_router(views, Page(ours=ours)),
        ],
        events=EVENTS,
    )
