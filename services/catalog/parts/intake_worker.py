"""The worker that carries intakes out. It runs in the process that inspects: hashing archives and
sending their files would take the serving process away from its callers."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from services.catalog.adapters.inspections import InspectionQueue
from services.catalog.adapters.intake import IntakeRepository
from services.catalog.adapters.intake_archives import open_archive
from services.catalog.adapters.intake_sending import sending
from services.catalog.adapters.intake_tables import read_table
from services.catalog.adapters.knowledge import KnowledgeRepository
from services.catalog.adapters.objects import object_store
from services.catalog.adapters.organisations import OrganisationRepository
from services.catalog.adapters.resources import ResourceRepository
from services.catalog.adapters.textbooks import TextbookRepository
from services.catalog.adapters.uploads import QuotaRepository, UploadRepository
from services.catalog.adapters.vocabularies import DictionaryRepository
from services.catalog.application.intake_applying import Applying
from services.catalog.application.intake_extraction import Extraction
from services.catalog.application.intake_work import IntakeWorker, Stores
from services.catalog.application.resources import Resources
from services.catalog.application.uploads import Uploads
from services.catalog.application.uploads_arrivals import Limits
from services.catalog.application.uploads_quotas import Quotas
from services.catalog.application.vocabularies import Vocabulary
from services.catalog.settings import Settings
from shared.clock import Clock
from shared.database import UnitOfWork


def build(new_uow: Callable[[], UnitOfWork], settings: Settings, clock: Clock) -> IntakeWorker:
    # What is signed here is followed by this process: it goes where the service itself connects.
    inside = {"object_store_origin": settings.object_store_endpoint}
    objects = object_store(settings.model_copy(update=inside))
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
    uploads = Uploads(new_uow, UploadRepository, quotas, objects, InspectionQueue(), limits, clock)
    resources = Resources(new_uow, ResourceRepository, OrganisationRepository, clock)
    directory = settings.inspection_directory
    return IntakeWorker(
        new_uow,
        Stores(IntakeRepository, UploadRepository, TextbookRepository, KnowledgeRepository),
        Vocabulary(DictionaryRepository),
        Extraction(new_uow, IntakeRepository, UploadRepository, uploads, objects, limits, clock),
        Applying(IntakeRepository, resources, ResourceRepository, clock),
        objects,
        read_table,
        open_archive,
        sending,
        clock,
        Path(directory) if directory else None,
    )
