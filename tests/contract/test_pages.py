"""What a contract leaves out is reached through the gateway only where its policy says so."""

import importlib
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute
from pydantic import SecretStr
from starlette.routing import Route

from gateway.compiler.policy import Policy
from shared.services import PACKAGES, SERVICES

OPERATIONAL = {"/healthz", "/readyz", "/metrics"}
"""For whoever runs a service: no gateway leads to them."""


def pages(service: str) -> Iterator[tuple[str, str]]:
    """Method and path of each route of a service that its contract leaves out."""
    program = importlib.import_module(f"{PACKAGES[service]}.app").PROGRAM
    settings = program.load_settings()
    app = program.create_app(settings.model_copy(update={"master_keys": SecretStr("00" * 32)}))
    for route in _routes(app.routes):
        if not route.include_in_schema and route.path not in OPERATIONAL:
            for method in (route.methods or set()) - {"HEAD"}:
                yield method, route.path


def _routes(routes: Any) -> Iterator[Route | APIRoute]:
    for each in routes:
        if isinstance(each, Route):
            yield each
        else:
            yield from _routes(getattr(each, "routes", ()))


@pytest.mark.parametrize("service", SERVICES)
def test_every_page_of_a_service_is_reached_through_the_gateway(service: str) -> None:
    rules = [each for each in Policy.read().page if each.service == service]
    unreached = [
        f"{method} {path}"
        for method, path in pages(service)
        if not any(
            method in rule.methods
            and (path in rule.paths or any(f"{path}/".startswith(f"{p}/") for p in rule.prefixes))
            for rule in rules
        )
    ]
    assert not unreached, "name them under [[page]] in gateway/policy.toml"
