"""The transparency log: what writes it and what serves it."""

from dataclasses import dataclass
from datetime import timedelta

from services.copyright.adapters.log import LogRepository
from services.copyright.adapters.objects import public_files
from services.copyright.adapters.public_files import S3PublicFiles
from services.copyright.adapters.signing import SignerClient
from services.copyright.adapters.stamps import StampRepository
from services.copyright.adapters.timestamps import LONGEST_TOKEN, PATIENCE, authorities
from services.copyright.adapters.witnesses import WitnessClient
from services.copyright.application.log_halting import Halt
from services.copyright.application.log_publishing import Publisher
from services.copyright.application.log_sequencing import Sequencer
from services.copyright.application.log_stamping import Stamper
from services.copyright.application.log_worker import LogWorker
from services.copyright.routes.log import log_router
from services.copyright.settings import Settings
from shared.egress import Egress, EgressPolicy, parse_networks
from shared.health import Check
from shared.service import Part, Runtime


@dataclass(frozen=True, kw_only=True)
class LogPart(Part):
    worker: LogWorker
    sequencer: Sequencer
    publisher: Publisher
    stamper: Stamper
    signer: SignerClient
    files: S3PublicFiles


def build(runtime: Runtime, settings: Settings, halt: Halt | None = None) -> LogPart:
    """Phases 2 to 4 of writing in the background, and the static files."""
    halt = halt or Halt()
    files, frozen = public_files(settings), settings.frozen_log_origins
    signer = SignerClient(settings.signer_url, settings.signer_token.get_secret_value())
    witnesses = [WitnessClient(at) for at in settings.witnesses]
    sequencer = Sequencer(runtime.new_uow, LogRepository)
    publisher = Publisher(
        runtime.new_uow,
        LogRepository,
        files,
        signer,
        witnesses,
        runtime.clock,
        origin=settings.log_origin,
        quorum=settings.witness_quorum,
        refresh=timedelta(minutes=settings.refresh_minutes),
    )
    stamper = Stamper(
        runtime.new_uow,
        StampRepository,
        authorities(settings.timestamp_authorities, Egress(outwards(settings))),
        settings.log_origin,
        settings.timestamp_seconds,
    )
    worker = LogWorker(sequencer, publisher, settings.checkpoint_seconds, halt)
    # Without a signer nothing is sequenced either: it would grow beyond what can be published.
    tasks = {"log": worker.run, "time-stamps": stamper.run} if settings.signer_url else {}
    checks = {
        "log": _goes_on(halt),
        "object-store": _answers(files),
        "signer": _signs(signer),
        **{f"witness-{each.name}": _sees(each, settings.log_origin) for each in witnesses},
    }
    return LogPart(
        checks=checks if tasks else {},
        routers=[log_router(files, [public_files(settings, o) for o in frozen])],
        tasks=tasks,
        worker=worker,
        sequencer=sequencer,
        publisher=publisher,
        stamper=stamper,
        signer=signer,
        files=files,
    )


def outwards(settings: Settings) -> EgressPolicy:
    """What may be reached beyond our own network."""
    return EgressPolicy(
        networks=parse_networks(settings.egress_networks),
        ports=settings.egress_ports,
        max_bytes=LONGEST_TOKEN,
        seconds=PATIENCE,
    )


def _goes_on(halt: Halt) -> Check:
    async def check() -> bool:
        return halt.reason is None

    return check


def _answers(files: S3PublicFiles) -> Check:
    async def check() -> bool:
        await files.read("readiness")
        return True

    return check


def _signs(signer: SignerClient) -> Check:
    async def check() -> bool:
        return bool(await signer.keys())

    return check


def _sees(witness: WitnessClient, origin: str) -> Check:
    async def check() -> bool:
        await witness.seen(origin)
        return True

    return check
