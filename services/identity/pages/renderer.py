"""Jinja templates to responses, with everything around them: language, tokens, headers."""

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from services.identity.pages.cookies import YEAR_SECONDS, Cookie, Cookies
from services.identity.pages.forms import Forms
from shared.civil import civil_time
from shared.context import Language, current
from shared.edge import language_of
from shared.errors import DomainError
from shared.problems import COMMON, ProblemTable

HERE = Path(__file__).parent
STATIC = "/identity/static/"
STATIC_TYPES: Mapping[str, str] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_HOST = re.compile(r"[a-z0-9.-]{1,253}")
_HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_POLICY = (
    "default-src 'none'",
    "style-src 'self'",
    "img-src 'self' data:",
    "frame-ancestors 'none'",
    "base-uri 'none'",
)


@dataclass(frozen=True, slots=True)
class FormError:
    """What is wrong with a field of a form, in both languages."""

    field: str
    zh: str
    en: str


class Pages:
    """``table`` tells domain errors to people as `shared.problems` tells them to programs."""

    def __init__(
        self,
        cookies: Cookies,
        forms: Forms,
        table: ProblemTable,
        names: Mapping[Language, str],
    ) -> None:
        self.cookies = cookies
        self.forms = forms
        self._table = {**COMMON, **table}
        self._names = names
        self.static = {
            each.name: each.read_bytes()
            for each in (HERE / "static").iterdir()
            if each.suffix in STATIC_TYPES
        }
        self._versions = {
            name: hashlib.sha256(content).hexdigest()[:12] for name, content in self.static.items()
        }
        self._environment = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals["static"] = self._static
        self._environment.filters["local"] = _local_time

    def render(
        self,
        request: Request,
        template: str,
        status: int = 200,
        *,
        form_action: Sequence[str] = (),
        script: bool = False,
        headers: Mapping[str, str] | None = None,
        address: str | None = None,
        **context: Any,
    ) -> Response:
        """A page. ``form_action`` are sources (CSP Level 3 §6.4.2) that a form of the page may lead
        to by redirection, which Chromium holds against ``form-action``; `redirect_source` makes
        one. ``script`` allows scripts of our own origin. ``address`` is where a GET shows the page,
        if that is not where it was asked for.

        Every template has ``t(zh, en)``, ``lang``, ``csrf``, ``visit_csrf`` and ``errors``.
        """
        language = current().language
        visit = self.visit(request)
        session = self.cookies.read(request, Cookie.SESSION) or ""
        context = {
            "errors": (),
            "script": script,
            **context,
            "lang": language,
            "t": (lambda zh, _en: zh) if language == "zh" else (lambda _zh, en: en),
            "platform": self._names[language],
            "csrf": self.forms.token(visit, session),
            "visit_csrf": self.forms.token(visit),
            "other_language": _in_other_language(address or str(request.url), language),
        }
        policy = [*_POLICY, " ".join(("form-action 'self'", *form_action))]
        if script:
            policy.append("script-src 'self'")
        response = HTMLResponse(
            self._environment.get_template(template).render(context),
            status,
            {
                **_HEADERS,
                "content-language": "zh-CN" if language == "zh" else "en",
                "content-security-policy": "; ".join(policy),
                **(headers or {}),
            },
        )
        if self.cookies.read(request, Cookie.VISIT) is None:
            self.cookies.keep(response, Cookie.VISIT, visit)
        if _asked(request.query_params.get("lang")):
            self.cookies.keep(response, Cookie.LANGUAGE, language, YEAR_SECONDS)
        return response

    def visit(self, request: Request) -> str:
        """The cookie of the browser's visit; the first page gives it one."""
        if not hasattr(request.state, "visit"):
            known = self.cookies.read(request, Cookie.VISIT)
            request.state.visit = known or secrets.token_urlsafe(32)
        visit: str = request.state.visit
        return visit

    def redirect(self, address: str) -> Response:
        """Go on with a GET (RFC 9110 §15.4.4)."""
        headers = {name: _HEADERS[name] for name in ("cache-control", "referrer-policy")}
        return RedirectResponse(address, 303, headers)

    def refusal(self, request: Request, error: DomainError) -> Response:
        """The page that tells of a domain error."""
        problem = self._table[type(error)]
        retry_after = getattr(error, "retry_after", None)
        return self.render(
            request,
            "error.html",
            problem.status,
            headers={"retry-after": str(retry_after)} if retry_after else None,
            heading=problem.title_zh if current().language == "zh" else problem.title,
            detail=error.detail if current().language == "en" else error.detail_zh,
            retry_after=retry_after,
            request_id=current().request_id,
        )

    def settle_language(self, request: Request) -> None:
        """What was chosen here, then what the application asks for, then what the browser says."""
        current().language = (
            _asked(request.query_params.get("lang"))
            or _asked(self.cookies.read(request, Cookie.LANGUAGE))
            or _asked(_ui_locales(request))
            or current().language
        )

    def _static(self, name: str) -> str:
        return f"{STATIC}{name}?v={self._versions[name]}"


def redirect_source(address: str) -> str | None:
    """The source for `address`: its origin, or the scheme alone of what CSP cannot name closer (a
    native application's own scheme, an IPv6 address). None for what is no address."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", f":{parts.port}" if parts.port else ""
    except ValueError:
        return None
    if not parts.scheme:
        return None
    if parts.scheme not in ("http", "https") or ":" in host:
        return f"{parts.scheme}:"
    return f"{parts.scheme}://{host}{port}" if _HOST.fullmatch(host) else None


def _asked(tags: str | None) -> Language | None:
    """The first of `tags` that we speak."""
    for tag in (tags or "").replace(" ", ",").split(","):
        if tag[:2].lower() in ("zh", "en"):
            return language_of(tag)
    return None


def _ui_locales(request: Request) -> str | None:
    """Of the authorization request to which signing in will lead back (Core §3.1.2.1)."""
    query = request.query_params
    inner = parse_qs(urlsplit(query.get("return_to", "")[:8192]).query)
    return query.get("ui_locales") or inner.get("ui_locales", [None])[0]


def _in_other_language(address: str, language: Language) -> str:
    """The page at `address` in the other language."""
    parts = urlsplit(address)
    query = [pair for pair in parse_qsl(parts.query) if pair[0] != "lang"]
    other = "en" if language == "zh" else "zh"
    return f"{parts.path}?{urlencode([*query, ('lang', other)])}"


def _local_time(at: datetime) -> str:
    """In China's time, to the minute."""
    return civil_time(at)
