"""Uploads, their quotas, and what keeps the object store in order."""

from dataclasses import dataclass
from datetime import timedelta

from services.catalog.adapters.files import FileRepository
from services.catalog.adapters.sweeping import sweeping_alone
from services.catalog.adapters.uploads import QuotaRepository, UploadRepository
from services.catalog.adapters.uploads_completions import CompletionStatement
from services.catalog.adapters.uploads_reads import UploadReads
from services.catalog.application.sweeping import Sweeper
from services.catalog.application.uploads import Queue, Uploads
from services.catalog.application.uploads_arrivals import Limits
from services.catalog.application.uploads_completions import Completions
from services.catalog.application.uploads_quotas import Quotas
from services.catalog.application.uploads_views import UploadViews
from services.catalog.domain.uploads_events import EVENTS
from services.catalog.problems.uploads import PROBLEMS
from services.catalog.routes.uploads import limits_router, uploads_router
from services.catalog.settings import Settings
from shared.encryption import KeyRing
from shared.health import object_store_check
from shared.pages import Cursors
from shared.service import Part, Runtime
from shared.storage import ObjectStore


@dataclass(frozen=True, kw_only=True)
class UploadsPart(Part):
    uploads: Uploads
    sweeper: Sweeper


def build(
    runtime: Runtime, settings: Settings, *, objects: ObjectStore, queue: Queue
) -> UploadsPart:
    keys = KeyRing.parse(settings.master_keys.get_secret_value())
    quotas = Quotas(
        QuotaRepository,
        person=settings.person_quota_bytes,
        organisation=settings.organisation_quota_bytes,
    )
    limits = Limits(
        largest=settings.largest_upload_bytes,
        upload_life=timedelta(hours=settings.upload_life_hours),
        address_life=timedelta(minutes=settings.upload_address_minutes),
    )
    uploads = Uploads(
        runtime.new_uow,
        UploadRepository,
        quotas,
        objects,
        queue,
        limits,
        runtime.clock,
    )
    reads = UploadReads(runtime.reader)
    completions = Completions(uploads, reads, CompletionStatement(runtime), runtime.clock)
    views = UploadViews(runtime.new_uow, reads, quotas, objects, limits, runtime.clock)
    sweeper = Sweeper(
        runtime.new_uow,
        UploadRepository,
        FileRepository,
        quotas,
        objects,
        runtime.clock,
        sweeping_alone(runtime.engine),
    )
    return UploadsPart(
        checks={"object-store": object_store_check(objects)},
        routers=[
            limits_router(views),
            uploads_router(uploads, completions, views, Cursors(keys.derive("cursors"))),
        ],
        table=PROBLEMS,
        tasks={"upload-sweeper": sweeper.run},
        events=EVENTS,
        uploads=uploads,
        sweeper=sweeper,
    )
