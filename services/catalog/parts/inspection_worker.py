"""The worker, put together. It runs in a process of its own: see `inspection_command`."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from services.catalog.adapters.files import FileRepository
from services.catalog.adapters.inspection_clamd import Clamd
from services.catalog.adapters.inspection_process import ExaminingProcess
from services.catalog.adapters.inspections import InspectionQueue, InspectionRepository
from services.catalog.adapters.uploads import QuotaRepository, UploadRepository
from services.catalog.application.inspection_pulse import Pulse
from services.catalog.application.inspection_work import Worker
from services.catalog.application.uploads import Limits, Uploads
from services.catalog.application.uploads_quotas import Quotas
from services.catalog.settings import Settings
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.storage import ObjectStore

_STORE_SECONDS = 60.0


def build(
    new_uow: Callable[[], UnitOfWork],
    settings: Settings,
    objects: ObjectStore,
    clock: Clock,
    pulse: Pulse,
) -> Worker:
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
    seconds = settings.inspection_seconds
    examine = ExaminingProcess(memory=settings.inspection_memory_bytes, seconds=seconds)
    clamd = settings.clamd_address
    return Worker(
        new_uow,
        InspectionRepository,
        FileRepository,
        UploadRepository,
        uploads.settle,
        objects,
        examine,
        Clamd(clamd, seconds=seconds) if clamd else None,
        clock,
        pulse,
        directory=Path(settings.inspection_directory) if settings.inspection_directory else None,
        hands=settings.inspection_hands or len(os.sched_getaffinity(0)),
        # A file waits for one examination before its own.
        step_seconds=2 * examine.longest + _STORE_SECONDS,
    )
