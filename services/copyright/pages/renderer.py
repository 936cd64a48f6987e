"""The page of a registration."""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from services.copyright.application.views import Shown
from services.copyright.domain.licences import TEMPLATES
from services.copyright.verify.leaf import Leaf
from shared.context import current

_CHINA = timezone(timedelta(hours=8))
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
_KINDS: Mapping[str, tuple[str, str]] = {
    "register": ("登记", "Registered"),
    "revise": ("修订", "Revised"),
    "licence.offer": ("发出许可", "Licence offered"),
    "licence.agree": ("接受许可", "Licence agreed to"),
    "licence.revoke": ("撤回许可", "Licence withdrawn"),
    "transfer.propose": ("提出转让", "Transfer proposed"),
    "transfer.accept": ("接受转让", "Transfer accepted"),
    "claim.dispute": ("权属争议", "Disputed"),
    "takedown.notice": ("下架通知", "Takedown notice"),
    "takedown.counter": ("反通知", "Counter-notice"),
    "takedown.decision": ("裁决", "Decision"),
    "restore": ("恢复", "Restored"),
    "key.rotate": ("更换公钥", "Key rotated"),
    "policy.publish": ("公布许可配置", "Licences published"),
    "log.continue": ("接续已冻结的日志", "Continues a frozen log"),
    "audit.head": ("审计链首", "Head of the audit chain"),
}
_STATES: Mapping[str, tuple[str, str]] = {
    "queued": ("排队中", "queued"),
    "logged": ("已入链", "logged"),
    "witnessed": ("已见证", "witnessed"),
    "timestamped": ("已加盖时间戳", "time-stamped"),
}
_STANDINGS: Mapping[str, tuple[str, str]] = {
    "active": ("有效", "in force"),
    "disputed": ("有权属争议", "disputed"),
    "noticed": ("收到下架通知", "under a takedown notice"),
    "countered": ("下架通知已答复", "notice answered"),
    "removed": ("已下架", "taken down"),
    "platform": ("平台事件", "events of the platform"),
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
        licence = TEMPLATES.get(str(shown.record.details.get("licence")))
        return self._page("registration.html", 200, shown=shown, licence=licence, ours=self._ours)

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
            kind=lambda leaf: named(_KINDS, leaf.type),
            state=lambda state: named(_STATES, state),
            standing=lambda standing: named(_STANDINGS, standing),
            claimed=_claimed,
            **context,
        )
        return HTMLResponse(body, status, {**_HEADERS, "vary": "accept-language"})


def asset(name: str) -> bytes:
    """A file of this package."""
    return files("services.copyright.pages").joinpath(name).read_bytes()


def _claimed(leaf: Leaf) -> str:
    """In China's time, to the minute."""
    return f"{datetime.fromisoformat(leaf.claimed_at).astimezone(_CHINA):%Y-%m-%d %H:%M}"
