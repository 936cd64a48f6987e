"""Every page leads through the gateway: only its policy routes what no contract describes."""

from fastapi.routing import iter_route_contexts
from pydantic import SecretStr

from gateway.compiler.policy import PageRule, Policy
from services.identity.app import PROGRAM

UNPREFIXED = frozenset({"/healthz", "/readyz", "/metrics"})
"""What is for operators, and for nobody outside."""


def leads_to(page: PageRule, path: str) -> bool:
    below = any(path == each or path.startswith(f"{each}/") for each in page.prefixes)
    return page.service == PROGRAM.name and (path in page.paths or below)


def test_every_page_has_an_entry_in_the_policy_with_its_methods() -> None:
    settings = PROGRAM.load_settings()
    app = PROGRAM.create_app(settings.model_copy(update={"master_keys": SecretStr("00" * 32)}))
    shown = [
        (str(each.path), (each.methods or set()) - {"HEAD"})
        for each in iter_route_contexts(app.routes)
        if not each.include_in_schema and each.path not in UNPREFIXED
    ]
    assert "/identity/consent" in {path for path, _ in shown}
    pages = Policy.read().page
    missing = [
        f"{method} {path}"
        for path, methods in shown
        for method in sorted(methods)
        if not any(leads_to(page, path) and method in page.methods for page in pages)
    ]
    assert missing == [], "add them to a [[page]] of gateway/policy.toml"
