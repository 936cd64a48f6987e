"""Jinja templates to responses, with everything around them: language, tokens, headers."""

import gzip
import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from gateway.portal.cookies import Cookie, Cookies
from gateway.portal.forms import Forms
from shared.civil import civil_time
from shared.context import Language, current, worded
from shared.edge import language_of
from shared.errors import DomainError, NotFound
from shared.problems import COMMON, ProblemTable

HERE = Path(__file__).parent
EXAMPLES = HERE / "examples"
STATIC = "/docs/static/"
FOREVER = "public, max-age=31536000, immutable"
YEAR_SECONDS = 365 * 24 * 3600
SMALLEST_COMPRESSED = 4096
PLATFORM: Mapping[Language, str] = {"zh": "书院", "en": "Shuyuan"}

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
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
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
)
_WITH_SCRIPT = ("script-src 'self'", "connect-src 'self'")


class Pages:
    """``table`` tells domain errors to people as `shared.problems` tells them to programs."""

    def __init__(
        self, cookies: Cookies, forms: Forms, table: ProblemTable, public_origin: str
    ) -> None:
        self.cookies = cookies
        self.forms = forms
        self._table = {**COMMON, **table}
        self._origin = public_origin
        places = (HERE / "static", HERE / "vendor" / "swagger-ui")
        self._static = {
            each.name: each.read_bytes()
            for place in places
            for each in place.iterdir()
            if each.suffix in _TYPES
        }
        self._versions = {
            name: hashlib.sha256(content).hexdigest()[:12] for name, content in self._static.items()
        }
        self._compressed = cache(lambda name: gzip.compress(self._static[name]))
        self._environment = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals["static"] = self._address
        self._environment.globals["example"] = lambda name: (EXAMPLES / name).read_text().rstrip()
        self._environment.filters["local"] = _local_time

    def render(
        self,
        request: Request,
        template: str,
        status: int = 200,
        *,
        session: str | None = None,
        script: bool = False,
        headers: Mapping[str, str] | None = None,
        **context: Any,
    ) -> Response:
        """A page. ``session`` is the secret of who is signed in, to whose forms it gives ``csrf``;
        ``script`` allows scripts of our own origin."""
        language = current().language
        response = HTMLResponse(
            self._environment.get_template(template).render(
                {
                    "errors": (),
                    "here": "",
                    "account": "",
                    **context,
                    "lang": language,
                    "t": _wording(language),
                    "platform": PLATFORM[language],
                    "origin": self._origin,
                    "csrf": self.forms.token(session) if session else "",
                    "other_language": _in_other_language(request, language),
                }
            ),
            status,
            {
                **_HEADERS,
                "content-language": "zh-CN" if language == "zh" else "en",
                "content-security-policy": "; ".join((*_POLICY, *(_WITH_SCRIPT if script else ()))),
                "vary": "accept-language, cookie",
                **(headers or {}),
            },
        )
        if _asked(request.query_params.get("lang")):
            self.cookies.keep(response, Cookie.LANGUAGE, language, YEAR_SECONDS)
        return response

    def redirect(self, address: str) -> Response:
        """Go on with a GET (RFC 9110 §15.4.4)."""
        headers = {name: _HEADERS[name] for name in ("cache-control", "referrer-policy")}
        return RedirectResponse(address, 303, headers)

    def refusal(self, request: Request, error: DomainError) -> Response:
        """The page that tells of a domain error."""
        problem = self._table[type(error)]
        retry_after = error.retry_after
        return self.render(
            request,
            "error.html",
            problem.status,
            headers={"retry-after": str(retry_after)} if retry_after else None,
            heading=error.members.get("title") or worded(problem.title, problem.title_zh),
            detail=worded(error.detail, error.detail_zh),
            defects=error.members.get("errors", ()),
            request_id=current().request_id,
        )

    def file(self, request: Request) -> Response:
        """A style sheet, script or picture. Pages name it with a digest, so it never changes.
        Raises `NotFound`."""
        name = request.path_params["name"]
        if name not in self._static:
            raise NotFound
        headers = {"cache-control": FOREVER, "vary": "accept-encoding"}
        content = self._static[name]
        accepted = request.headers.get("accept-encoding", "")
        if len(content) >= SMALLEST_COMPRESSED and "gzip" in accepted:
            content = self._compressed(name)
            headers["content-encoding"] = "gzip"
        return Response(content, headers=headers, media_type=_TYPES[Path(name).suffix])

    def settle_language(self, request: Request) -> None:
        """What was chosen here, then what the browser says."""
        current().language = (
            _asked(request.query_params.get("lang"))
            or _asked(self.cookies.read(request, Cookie.LANGUAGE))
            or current().language
        )

    def _address(self, name: str) -> str:
        return f"{STATIC}{name}?v={self._versions[name]}"


def _wording(language: Language) -> Callable[[str, str], str]:
    """A function of two texts, to that which is in `language`."""
    return (lambda zh, _en: zh) if language == "zh" else (lambda _zh, en: en)


def _asked(tag: str | None) -> Language | None:
    return language_of(tag) if tag in ("zh", "en") else None


def _in_other_language(request: Request, language: Language) -> str:
    """This page in the other language."""
    query = [pair for pair in request.query_params.multi_items() if pair[0] != "lang"]
    other = "en" if language == "zh" else "zh"
    return f"{request.url.path}?{urlencode([*query, ('lang', other)])}"


def _local_time(at: datetime) -> str:
    """In China's time, to the minute."""
    return civil_time(at)
