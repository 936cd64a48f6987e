"""The committed contracts are what the code says, and say who may call what."""

import importlib
from typing import Any

import pytest
from pydantic import SecretStr

from shared.command import Program
from shared.contract import (
    FOLDER,
    differing,
    event_documents,
    expected_files,
    openapi_document,
    strays,
)
from shared.presence import ServiceStarted, started_type
from shared.services import PACKAGES, SERVICES
from shared.testing.matrix import operations


def _program(service: str) -> Program:
    program: Program = importlib.import_module(f"{PACKAGES[service]}.app").PROGRAM
    return program


def _app(program: Program) -> Any:
    settings = program.load_settings()
    return program.create_app(settings.model_copy(update={"master_keys": SecretStr("00" * 32)}))


def _events(program: Program) -> dict[str, type]:
    return {started_type(program.name): ServiceStarted, **program.events}


@pytest.mark.parametrize("service", SERVICES)
def test_the_committed_contract_is_what_the_code_says(service: str) -> None:
    program = _program(service)
    app = _app(program)
    files = expected_files(service, app, _events(program).items())
    stale = [*differing(files), *strays(service, files)]
    assert stale == [], "run ./shuyuan openapi, read the difference, and commit it"
    operations(openapi_document(app))  # raises for one that does not say who may call it


@pytest.mark.parametrize("service", SERVICES)
def test_every_event_is_named_after_its_service_and_has_a_schema(service: str) -> None:
    events = _events(_program(service))
    assert all(each.startswith(f"{service}.") for each in events)
    for name in event_documents(events.items()):
        assert (FOLDER / "events" / f"{name}.json").is_file(), f"run ./shuyuan openapi for {name}"


def test_no_schema_is_left_of_an_event_that_nobody_emits() -> None:
    known = {name for service in SERVICES for name in _events(_program(service))}
    assert {each.stem for each in (FOLDER / "events").iterdir()} == known
