"""Registrations, their evidence, and the pages about them."""

from collections.abc import Callable
from datetime import timedelta
from functools import cache

from sqlalchemy.ext.asyncio import AsyncConnection

from services.copyright.adapters.audit_heads import AuditHeadRepository
from services.copyright.adapters.categories import CategoryRepository
from services.copyright.adapters.certificate import TypstPrinter
from services.copyright.adapters.consequences import AgreementRepository, DeadlineRepository
from services.copyright.adapters.deposits import DepositRepository
from services.copyright.adapters.erasure import ErasedTables
from services.copyright.adapters.evidence_platforms import platforms
from services.copyright.adapters.log import LogRepository
from services.copyright.adapters.log_reads import LogReadRepository, RegistrationLists
from services.copyright.adapters.registrations import RegistrationRepository
from services.copyright.application.acts import Acts
from services.copyright.application.announcements import Announcements
from services.copyright.application.categories import Categories
from services.copyright.application.consequences import Consequences, Periods
from services.copyright.application.deadlines import Deadlines
from services.copyright.application.deposits import Deposits
from services.copyright.application.disclosing import Disclosing
from services.copyright.application.disputes import Disputes
from services.copyright.application.erasure import Erasure
from services.copyright.application.evidence import Evidences, Trusts
from services.copyright.application.held_versions import HeldVersions
from services.copyright.application.intake import Intake
from services.copyright.application.log_halting import Halt
from services.copyright.application.permissions import Permissions
from services.copyright.application.registrations import Registrations
from services.copyright.application.views import Views
from services.copyright.bundle import documents, legal_text
from services.copyright.domain.events import EVENTS
from services.copyright.pages.renderer import Page
from services.copyright.parts.log import LogPart, outwards
from services.copyright.routes.deposits import deposits_router
from services.copyright.routes.disclosing import disclosing_router
from services.copyright.routes.disputes import disputes_router
from services.copyright.routes.evidence import categories_router, evidence_router
from services.copyright.routes.licences import licences_router
from services.copyright.routes.pages import pages_router
from services.copyright.routes.registrations import registrations_router
from services.copyright.settings import Settings
from shared.clock import Clock, utc_now
from shared.database import UnitOfWork
from shared.egress import Egress
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


def periods(settings: Settings) -> Periods:
    """How long disputes have."""
    return Periods(timedelta(days=settings.notice_days), timedelta(days=settings.decision_days))


def consequences(settings: Settings) -> Callable[[UnitOfWork], Consequences]:
    """What follows events, in the transaction at hand."""
    store, due = repositories(settings), periods(settings)
    return lambda uow: Consequences(
        uow,
        store(uow.connection),
        AgreementRepository(uow.connection),
        DeadlineRepository(uow.connection),
        due,
    )


def intake(settings: Settings, clock: Clock = utc_now, halt: Halt | None = None) -> Intake:
    """What registers, also on hearing from the catalogue; nothing while its log is halted."""
    store, following = repositories(settings), consequences(settings)
    return Intake(store, LogRepository, following, clock, settings.issuer, halt or Halt())


def deadlines(runtime: Runtime, settings: Settings) -> Deadlines:
    """What tells of deadlines that passed."""
    store, following = repositories(settings), consequences(settings)
    return Deadlines(runtime.new_uow, DeadlineRepository, store, following, runtime.clock)


def deposits(runtime: Runtime, settings: Settings) -> Deposits:
    """What deposits with evidence platforms of others."""
    listed = platforms(settings.evidence_platforms, Egress(outwards(settings)))
    store = repositories(settings)
    return Deposits(runtime.new_uow, DepositRepository, store, listed, runtime.clock)


def announcements(runtime: Runtime, settings: Settings, halt: Halt | None = None) -> Announcements:
    """What the platform says of itself in the log."""
    taken_in = intake(settings, runtime.clock, halt)
    return Announcements(runtime.new_uow, taken_in, AuditHeadRepository, settings.log_origin)


def held_versions(runtime: Runtime, settings: Settings, halt: Halt | None = None) -> HeldVersions:
    """What registers versions that waited for the end of a dispute."""
    return HeldVersions(runtime.new_uow, intake(settings, runtime.clock, halt))


def build(runtime: Runtime, settings: Settings, *, log: LogPart, halt: Halt) -> Part:
    keys = KeyRing.parse(settings.master_keys.get_secret_value())
    store = repositories(settings)
    new_uow = runtime.new_uow
    taken_in = intake(settings, runtime.clock, halt)
    deposited = deposits(runtime, settings)
    due = periods(settings)
    views = Views(new_uow, store, LogReadRepository, settings.log_origin, due, runtime.clock)
    witnessing = log.publisher.witnessing
    trusts = Trusts(new_uow, LogReadRepository, witnessing, log.stamper.authorities)
    evidences = Evidences(
        new_uow,
        store,
        LogRepository,
        LogReadRepository,
        LogReadRepository,
        DepositRepository,
        trusts,
        TypstPrinter(),
        documents(),
        legal_text,
        log.signer.seal,
        origin=settings.log_origin,
        public_origin=settings.public_origin,
    )
    permissions = Permissions(new_uow, store, runtime.clock)
    ours = all(each.ours for each in settings.witnesses)
    return Part(
        routers=[
            registrations_router(
                Registrations(new_uow, taken_in),
                views,
                RegistrationLists(runtime.reader),
                Cursors(keys.derive("cursors")),
            ),
            licences_router(Acts(new_uow, taken_in), permissions, legal_text),
            disputes_router(Disputes(new_uow, taken_in, due)),
            deposits_router(deposited),
            evidence_router(evidences, trusts),
            disclosing_router(Disclosing(new_uow, taken_in, settings.issuer)),
            categories_router(Categories(new_uow, CategoryRepository)),
            pages_router(views, Page(ours=ours)),
        ],
        tasks={
            "deadlines": deadlines(runtime, settings).run,
            "erasure": Erasure(new_uow, ErasedTables).run,
            "held-versions": held_versions(runtime, settings, halt).run,
            **({"announcements": announcements(runtime, settings, halt).run} if log.tasks else {}),
            **({"deposits": deposited.run} if deposited.platforms else {}),
        },
        events=EVENTS,
    )
