"""People and applications at the gateway. What a kill took away they ask again, under the same
Idempotency-Key, as every client should."""

import base64
import json
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx2

from demo.steps import Failed

PATIENCE_SECONDS = 40.0
_PASSING = frozenset({502, 503, 504})
_REPEATABLE = frozenset({"POST", "PATCH"})

Json = Any


class Caller:
    """Somebody, or anybody, who asks at `origin`. ``before`` is told of each question."""

    def __init__(
        self, origin: str, before: Callable[[], None], headers: Mapping[str, str] | None = None
    ) -> None:
        self.http = httpx2.Client(
            base_url=origin, headers=dict(headers or {}), timeout=20, trust_env=False
        )
        self._before = before

    def ask(self, method: str, path: str, **sent: Any) -> httpx2.Response:
        """The answer, whatever it is, once somebody is there to give it."""
        self._before()
        headers = dict(sent.pop("headers", {}))
        if method in _REPEATABLE:
            headers.setdefault("idempotency-key", secrets.token_hex(16))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                answer = self.http.request(method, path, headers=headers, **sent)
            except httpx2.TransportError as error:
                told = str(error) or type(error).__name__
            else:
                if answer.status_code not in _PASSING:
                    return answer
                told = f"{answer.status_code} {answer.text[:200]}"
            if time.monotonic() > deadline:
                raise Failed(f"{method} {path}: {told}")
            time.sleep(0.2)

    def told(self, method: str, path: str, status: int | None = None, **sent: Any) -> Json:
        """The body of an answer with `status`, or of any success. Raises `Failed`."""
        answer = self.ask(method, path, **sent)
        right = answer.is_success if status is None else answer.status_code == status
        if not right:
            raise Failed(f"{method} {path} answered {answer.status_code}: {answer.text[:300]}")
        is_json = "json" in answer.headers.get("content-type", "")
        return answer.json() if is_json else answer.content

    def get(self, path: str, **params: Any) -> Json:
        return self.told("GET", path, params=params)

    def post(self, path: str, body: Json = None, status: int | None = None) -> Json:
        return self.told("POST", path, status, json=body)

    def act(self, path: str, action: str, body: Json = None) -> Json:
        """POST to what is below `path`, on what `path` is now."""
        return self.told("POST", f"{path}/{action}", headers=self._unchanged(path), json=body)

    def patch(self, path: str, body: Json) -> Json:
        return self.told("PATCH", path, headers=self._unchanged(path), json=body)

    def put(self, path: str, body: Json) -> Json:
        return self.told("PUT", path, headers=self._unchanged(path), json=body)

    def _unchanged(self, path: str) -> dict[str, str]:
        return {"if-match": self.ask("GET", path).headers["etag"]}


class Person(Caller):
    """Somebody who signed in."""

    def __init__(self, origin: str, before: Callable[[], None], token: str) -> None:
        super().__init__(origin, before, {"authorization": f"Bearer {token}"})
        self.claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))

    @property
    def id(self) -> str:
        return str(self.claims["sub"])

    @property
    def place(self) -> str:
        """The path of the organisation where the one role is held."""
        [grant] = self.claims["grants"]
        return str(grant.partition("@")[2].partition("#")[0])
