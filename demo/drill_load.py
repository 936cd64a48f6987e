"""Clients that keep writing through the loss of the database, and compare afterwards."""

import base64
import hashlib
import json
import secrets
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2

from demo.steps import Facts, Failed
from stack import CHECKOUT

UPLOADERS, SENDERS = 3, 2
BATCH = 5
_UPLOADS = "/catalog/v1/uploads"
_STATEMENTS = "/learning/xapi/2.0.0/statements"
_TEACHER = "teacher01"
_UNSETTLED = frozenset({409, 429, 500, 502, 503, 504})
_PATIENCE_SECONDS = 40.0
Json = dict[str, Any]


class Load:
    """`journal` lies outside of what is lost; a line is written when an answer has come."""

    def __init__(self, data: Path, gateway: str, journal: Path) -> None:
        accounts = json.loads((data / "demo-accounts.json").read_text())
        [pair, *_] = accounts["xapi"]
        basic = base64.b64encode(f"{pair['username']}:{pair['password']}".encode()).decode()
        self._sender = _client(
            gateway, authorization=f"Basic {basic}", **{"x-experience-api-version": "2.0.0"}
        )
        token = _token(data)
        self._uploader = _client(gateway, authorization=f"Bearer {token}")
        claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        self._actor = {"homePage": f"{gateway}/identity", "name": claims["sub"]}
        self._store = httpx2.Client(timeout=10, trust_env=False)
        self._activity = f"{gateway}/drill/{uuid4()}"
        self._journal = journal.open("a")
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._asked: dict[str, Json] = {}
        self._begun: dict[str, str] = {}
        self._complete: dict[str, str] = {}
        self._statements: set[str] = set()
        self._unanswered: list[list[Json]] = []
        self._problems: list[Failed] = []

    @contextmanager
    def at_work(self) -> Iterator[None]:
        works = [self._upload] * UPLOADERS + [self._send] * SENDERS
        threads = [threading.Thread(target=self._repeat, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()
            self._journal.close()
        if self._problems:
            raise self._problems[0]

    def told(self) -> Facts:
        """What the clients were told, before all was lost."""
        return {
            "uploads begun": len(self._begun),
            "files complete": len(self._complete),
            "learning records": len(self._statements),
            "not answered": len(self._asked) - len(self._begun) + len(self._unanswered),
        }

    def compared(self) -> Facts:
        """Every answer with what is there now. Raises `Failed` when nobody answers."""
        for key, body in self._asked.items():
            if key not in self._begun:
                again = self._insist(partial(self._announce, key, body))
                self._begun[key] = again.json()["id"]
        for batch in self._unanswered:
            self._insist(partial(self._sender.post, _STATEMENTS, json=batch))
            self._statements |= {each["id"] for each in batch}
        uploads, statements = Counter(self._all_uploads()), Counter(self._all_statements())
        rows = [*self._begun.values(), *self._statements]
        found = uploads + statements
        deadline = time.monotonic() + _PATIENCE_SECONDS
        lost = [each for each in self._complete if not self._is_whole(each, deadline)]
        return {
            "rows": len(rows),
            "rows lost": sum(found[each] == 0 for each in rows),
            "rows doubled": sum(found[each] > 1 for each in rows) + len(found.keys() - {*rows}),
            "files": len(self._complete),
            "files lost": len(lost),
        }

    def _repeat(self, work: Callable[[], None]) -> None:
        while not self._over.is_set():
            try:
                work()
            except _GivenUp:
                return
            except Failed as problem:
                self._problems.append(problem)
                return

    def _upload(self) -> None:
        content, key = secrets.token_hex(2000).encode(), secrets.token_hex(16)
        digest = hashlib.sha256(content).hexdigest()
        body = {"filename": "记录.txt", "size": len(content), "sha256": digest}
        body |= {"media_type": "text/plain"}
        with self._lock:
            self._asked[key] = body
        begun = self._until_over(partial(self._announce, key, body)).json()
        self._note(self._begun, key, str(begun["id"]))
        [part] = begun["parts"]
        self._until_over(partial(self._store.put, part["url"], content=content))
        self._until_over(partial(self._uploader.post, f"{_UPLOADS}/{begun['id']}/complete"))
        self._note(self._complete, str(begun["id"]), digest)

    def _send(self) -> None:
        batch = [self._statement() for _ in range(BATCH)]
        try:
            self._until_over(partial(self._sender.post, _STATEMENTS, json=batch))
        except _GivenUp:
            with self._lock:
                self._unanswered.append(batch)
            raise
        with self._lock:
            self._statements |= {each["id"] for each in batch}
            self._journal.write(json.dumps([each["id"] for each in batch]) + "\n")

    def _statement(self) -> Json:
        return {
            "id": str(uuid4()),
            "actor": {"account": self._actor},
            "verb": {"id": "http://adlnet.gov/expapi/verbs/experienced"},
            "object": {"id": self._activity},
            "timestamp": datetime.now(UTC).isoformat(),
        }

    def _note(self, where: dict[str, str], key: str, value: str) -> None:
        with self._lock:
            where[key] = value
            self._journal.write(json.dumps([key, value]) + "\n")

    def _announce(self, key: str, body: Json) -> httpx2.Response:
        return self._uploader.post(_UPLOADS, json=body, headers={"idempotency-key": key})

    def _until_over(self, ask: Callable[[], httpx2.Response]) -> httpx2.Response:
        """The answer that settles it; `_GivenUp` when all is over without one."""
        while True:
            with suppress(httpx2.TransportError):
                answer = ask()
                if answer.is_success:
                    return answer
                if answer.status_code not in _UNSETTLED:
                    raise Failed(f"answered {answer.status_code}: {answer.text[:200]}")
            if self._over.wait(0.1):
                raise _GivenUp

    def _insist(self, ask: Callable[[], httpx2.Response]) -> httpx2.Response:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            with suppress(httpx2.TransportError):
                answer = ask()
                if answer.status_code < 400:
                    return answer
                if answer.status_code not in _UNSETTLED:
                    raise Failed(f"{answer.url} answered {answer.status_code}: {answer.text[:200]}")
            if time.monotonic() > deadline:
                raise Failed("what was restored does not answer")
            time.sleep(0.1)

    def _all_uploads(self) -> Iterator[str]:
        first = path = f"{_UPLOADS}?limit=100"
        while path:
            page = self._insist(partial(self._uploader.get, path)).json()
            yield from (each["id"] for each in page["items"])
            path = f"{first}&cursor={page['next']}" if page["next"] else ""

    def _all_statements(self) -> Iterator[str]:
        path = f"{_STATEMENTS}?activity={self._activity}&limit=500"
        while path:
            page = self._insist(partial(self._sender.get, path)).json()
            yield from (each["id"] for each in page["statements"])
            path = page.get("more", "")

    def _is_whole(self, upload: str, deadline: float) -> bool:
        """While inspection moves the bytes, they are looked for again."""
        while True:
            found = self._insist(partial(self._uploader.get, f"{_UPLOADS}/{upload}/content"))
            with suppress(httpx2.TransportError):
                stored = self._store.get(found.headers["location"])
                if hashlib.sha256(stored.content).hexdigest() == self._complete[upload]:
                    return True
            if time.monotonic() > deadline:
                return False
            time.sleep(0.2)


class _GivenUp(Exception):
    """All is over."""


def _client(gateway: str, **headers: str) -> httpx2.Client:
    return httpx2.Client(base_url=gateway, headers=headers, timeout=10, trust_env=False)


def _token(data: Path) -> str:
    command = [sys.executable, "-m", "stack", "token", _TEACHER, "--data", str(data)]
    run = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if run.returncode:
        raise Failed(run.stderr)
    return run.stdout.strip()
