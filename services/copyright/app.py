"""Composition root: builds the parts, in the order in which they rest on one another."""

from fastapi import FastAPI

from services.copyright.consumers import hears
from services.copyright.domain.events import EVENTS
from services.copyright.parts import log, registrations
from services.copyright.parts.keys_command import rotate_keys
from services.copyright.parts.recovery_command import recover
from services.copyright.problems import PROBLEMS
from services.copyright.settings import Settings
from shared.command import Program
from shared.service import Runtime, application


def create_app(settings: Settings) -> FastAPI:
    runtime = Runtime("copyright", settings, hears(registrations.intake(settings)))
    written = log.build(runtime, settings)
    return application(
        runtime,
        title="Shuyuan copyright 版权存证",
        description="Registrations, licences, the transparency log and its evidence.",
        parts=[registrations.build(runtime, settings, log=written), written],
        table=PROBLEMS,
    )


COMMANDS = {"recover": recover, "rotate-keys": rotate_keys}
PROGRAM = Program("copyright", Settings.load, create_app, EVENTS, COMMANDS)
