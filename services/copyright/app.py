"""Composition root: builds the parts, in the order in which they rest on one another."""

from fastapi import FastAPI

from services.copyright.adapters.duplicates import DuplicateRepository
from services.copyright.application.log_halting import Halt
from services.copyright.consumers import hears
from services.copyright.domain import duplicates_events, events
from services.copyright.parts import duplicates, log, registrations
from services.copyright.parts.freezing_commands import continue_log, freeze_log
from services.copyright.parts.keys_command import rotate_keys
from services.copyright.parts.recovery_command import recover
from services.copyright.problems import PROBLEMS
from services.copyright.settings import Settings
from shared.command import Program
from shared.service import Runtime, application


def create_app(settings: Settings) -> FastAPI:
    halt = Halt()
    heard = hears(registrations.intake(settings, halt=halt), DuplicateRepository)
    runtime = Runtime("copyright", settings, heard)
    written = log.build(runtime, settings, halt)
    return application(
        runtime,
        title="Shuyuan copyright 版权存证",
        description="Registrations, licences, the transparency log and its evidence.",
        parts=[
            registrations.build(runtime, settings, log=written, halt=halt),
            duplicates.build(runtime, settings),
            written,
        ],
        table=PROBLEMS,
    )


EVENTS = {**events.EVENTS, **duplicates_events.EVENTS}
COMMANDS = {
    "recover": recover,
    "rotate-keys": rotate_keys,
    "freeze-log": freeze_log,
    "continue-log": continue_log,
}
PROGRAM = Program("copyright", Settings.load, create_app, EVENTS, COMMANDS)
