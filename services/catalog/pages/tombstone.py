"""What a person sees of a resource that was taken down, in Chinese and English."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.resources import files
from uuid import UUID

from jinja2 import Environment, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from services.catalog.domain.lifecycle import State
from services.catalog.domain.notices import WORDINGS, RemovalReason, TakenDown, Tombstone, Wording
from services.catalog.domain.publication import Publication
from shared.civil import civil_time

_DONE: Mapping[State, Wording] = {
    State.SUSPENDED: Wording("This resource was suspended", "该资源已下架"),
    State.RETIRED: Wording("This resource was retired", "该资源已出库"),
}


def wants_page(request: Request) -> bool:
    """Whether whoever asks is a browser: it names HTML among what it accepts (RFC 9110 §12.5.1),
    and not JSON, as programs do."""
    accept = request.headers.get("accept", "")
    return "text/html" in accept and "json" not in accept


class TombstonePage:
    """Server-rendered; without scripts, and with no style but its own."""

    def __init__(self) -> None:
        environment = Environment(
            autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        environment.filters["local"] = _local
        self._template = environment.from_string(_asset("tombstone.html"))
        self._style = _asset("tombstone.css")
        digest = base64.b64encode(hashlib.sha256(self._style.encode()).digest()).decode()
        self._headers = {
            "cache-control": "no-store",
            "vary": "accept",
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
            "content-security-policy": f"default-src 'none'; style-src 'sha256-{digest}';"
            " base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        }

    def gone(self, error: TakenDown) -> Response:
        """In place of the resource: 410, with the way to the evidence."""
        told = error.members
        return self._page(
            410,
            told["resource_id"],
            told["code"],
            State(told["state"]),
            RemovalReason(told["reason_code"]),
            told["notice"],
            datetime.fromisoformat(told["since"]),
            None,
        )

    def tombstone(self, left: Tombstone) -> Response:
        """With the evidence."""
        notice = left.notice
        return self._page(
            200,
            notice.resource_id,
            left.code,
            left.state,
            RemovalReason(notice.reason),
            notice.notice,
            notice.at,
            left.publications,
        )

    def _page(
        self,
        status: int,
        resource_id: UUID | str,
        code: str,
        state: State,
        reason: RemovalReason,
        notice: str,
        since: datetime,
        publications: Sequence[Publication] | None,
    ) -> Response:
        body = self._template.render(
            style=self._style,
            done=_DONE[state],
            code=code,
            reason=WORDINGS[reason],
            notice=notice,
            since=since,
            publications=publications,
            evidence=f"/catalog/v1/resources/{resource_id}/tombstone",
        )
        return HTMLResponse(body, status, self._headers)


def _asset(name: str) -> str:
    return files("services.catalog.pages").joinpath(name).read_text("utf-8")


def _local(at: datetime) -> str:
    """In China's time, to the minute."""
    return civil_time(at)
