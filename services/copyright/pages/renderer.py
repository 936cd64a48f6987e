"""The page of a registration."""

from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from services.copyright.application.views import Shown
from services.copyright.domain.licences import TEMPLATES
from services.copyright.domain.names import KINDS, STANDINGS
from services.copyright.verify.leaf import Leaf
from shared.civil import civil_time
from shared.context import current

_HEADERS = {
    "cache-control": "no-cache",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}
STATIC: Mapping[str, str] = {
    "check.js": "text/javascript; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
}
_STATES: Mapping[str, tuple[str, str]] = {
    "queued": ("排队中", "queued"),
    "logged": ("已入链", "logged"),
    "witnessed": ("已见证", "witnessed"),
    "timestamped": ("已加盖时间戳", "time-stamped"),
}


class Page:
    """Renders in the language of the request in hand. ``ours``: whether every witness is ours."""

    def __init__(self, *, ours: bool) -> None:
        self._ours = ours
        self._environment = Environment(
            loader=FunctionLoader(lambda name: asset(f"templates/{name}").decode()),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def registration(self, shown: Shown) -> Response:
        """The page of one registration."""
        folded, named = shown.folded, str(shown.record.details.get("licence"))
        return self._page(
            "registration.html",
            200,
            shown=shown,
            licence=TEMPLATES.get(named),
            withdrawn=folded.declared is not None and folded.declared not in folded.open_offers,
            ours=self._ours,
        )

    def missing(self) -> Response:
        """The page for a code that nobody has."""
        return self._page("missing.html", 404)

    def _page(self, template: str, status: int, **context: Any) -> Response:
        chinese = current().language == "zh"

        def named(names: Mapping[str, tuple[str, str]], key: str) -> str:
            return names[key][0 if chinese else 1]

        body = self._environment.get_template(template).render(
            t=lambda zh, en: zh if chinese else en,
            lang="zh-CN" if chinese else "en",
            kind=lambda leaf: named(KINDS, leaf.type),
            state=lambda state: named(_STATES, state),
            standing=lambda standing: named(STANDINGS, standing),
            claimed=_claimed,
            **context,
        )
        return HTMLResponse(body, status, {**_HEADERS, "vary": "accept-language"})


def asset(name: str) -> bytes:
    """A file of this package."""
    return files("services.copyright.pages").joinpath(name).read_bytes()


def _claimed(leaf: Leaf) -> str:
    return civil_time(datetime.fromisoformat(leaf.claimed_at))
