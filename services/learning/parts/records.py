import asyncio
import gc
from dataclasses import dataclass

from services.learning.adapters.actors import ActorDirectory
from services.learning.adapters.applications import ApplicationRepository
from services.learning.adapters.consents import ConsentReader
from services.learning.adapters.days import Days
from services.learning.adapters.documents import DocumentRepository
from services.learning.adapters.erasure import Erasure
from services.learning.adapters.pool import Pool
from services.learning.adapters.progress import People
from services.learning.adapters.reading import StatementReader
from services.learning.adapters.statements import StatementWriter
from services.learning.application.applications import Registry
from services.learning.application.consents import Bounds
from services.learning.application.documents import Documents
from services.learning.application.intake import Intake
from services.learning.application.recorder import Recorder
from services.learning.application.statements import Statements
from services.learning.consumers import Forget
from services.learning.domain.xapi.values import Version
from services.learning.problems.activity import PROBLEMS
from services.learning.routes.events import events_router
from services.learning.routes.xapi.router import xapi_router
from services.learning.settings import Settings
from shared.encryption import KeyRing
from shared.pages import Cursors
from shared.service import Part, Runtime


async def _settle() -> None:
    """Keep what was imported out of the garbage collector's sight: every batch makes thousands of
    objects, and each look at the whole heap takes longer than the batch."""
    gc.collect()
    gc.freeze()
    await asyncio.Event().wait()


@dataclass(frozen=True, kw_only=True)
class RecordsPart(Part):
    registry: Registry
    statements: Statements
    pool: Pool
    forget: Forget
    """Takes the records of a person away."""


def build(runtime: Runtime, settings: Settings) -> RecordsPart:
    """The record store: xAPI in two versions, and the compact events of our own clients."""
    keys = KeyRing.parse(settings.master_keys.get_secret_value())
    pool = Pool(settings)
    days = Days(pool, runtime.clock, settings.statement_days)
    actors = ActorDirectory(pool, keys, runtime.clock, settings.issuer)
    applications = ApplicationRepository(runtime.reader, runtime.clock)
    registry = Registry(runtime.new_uow, applications, runtime.verifier.verify, settings.issuer)
    intake = Intake(actors)
    recorder = Recorder(StatementWriter(pool, days, keys), runtime.clock, settings.statement_queue)
    bounds = Bounds(ConsentReader(runtime.reader), settings.issuer)
    home = f"{settings.public_origin}/learning"
    reader = StatementReader(runtime.reader, keys)
    statements = Statements(intake, recorder, reader, actors, applications, registry, bounds, home)
    documents = Documents(DocumentRepository(pool, keys), actors, registry, bounds, runtime.clock)
    people = People(runtime.reader, keys, settings.issuer)
    cursors = Cursors(keys.derive("cursors"))
    return RecordsPart(
        routers=[
            *(
                xapi_router(each, registry, statements, documents, cursors)
                for each in (Version.V2, Version.V1)
            ),
            events_router(registry, statements, settings.issuer),
        ],
        table=PROBLEMS,
        tasks={"statement-days": days.run, "settle": _settle},
        registry=registry,
        statements=statements,
        pool=pool,
        forget=Erasure(pool, people, actors, runtime.clock).forget,
    )
