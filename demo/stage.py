"""The throw-away stack, who acts on it, and what befalls it."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx2

from demo.people import PATIENCE_SECONDS, Caller, Person
from demo.receiver import Receiver
from demo.steps import Facts, Failed
from services.identity.demonstration.sign_in import SignInFailed, access_token
from stack import CHECKOUT

RECEIVER_NETWORK = "127.0.0.1/32"
VICTIMS: Mapping[str, tuple[str, ...]] = {
    "upload": ("catalog", "catalog-inspector", "object-store", "postgres"),
    "review": ("catalog", "nats", "postgres"),
    "study": ("learning", "postgres"),
}
"""What may be killed in the middle of a step."""
_LATEST_QUESTION = 12


@dataclass
class Lesson:
    """What the steps pass on: the files by name, and ids that the platform gave."""

    files: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, str] = field(default_factory=dict)
    id: str = ""
    code: str = ""
    title: str = ""
    review: str = ""
    registration: str = ""


class Stage:
    """``chance`` decides what is killed when; the same seed decides the same."""

    def __init__(self, data: Path, seed: int, receiver: Receiver) -> None:
        self.data = data
        self.lesson = Lesson()
        self.receiver = receiver
        self.kills: list[str] = []
        self.statements: list[str] = []
        self.origin = self.cursor = self.course = self.submission = ""
        self._chance = random.Random(seed)  # noqa: S311 - of accidents
        self._victim = ""
        self._questions = 0
        self._people: dict[str, Person] = {}

    def up(self) -> Facts:
        told = self._command(
            "up", "--demo", "--data", str(self.data), "--port", "0", "--detach", "--json"
        )
        self.origin = told["gateway"]
        return {"gateway": self.origin, "accounts": len(self.told["accounts"])}

    def down(self) -> Facts:
        return self._command("down", "--data", str(self.data))

    @cached_property
    def told(self) -> dict[str, Any]:
        """The accounts file."""
        told: dict[str, Any] = json.loads((self.data / "demo-accounts.json").read_text())
        return told

    @cached_property
    def anybody(self) -> Caller:
        return self.somebody({})

    def somebody(self, headers: Mapping[str, str]) -> Caller:
        return Caller(self.origin, self._asked, headers)

    def person(self, username: str) -> Person:
        """Signed in through OpenID Connect with PKCE, once."""
        if username not in self._people:
            account = self.account(username)
            client = next(each for each in self.told["clients"] if each["redirect_uris"])
            signing = access_token(f"{self.origin}/identity", client, username, account["password"])
            try:
                token = asyncio.run(signing)
            except SignInFailed as problem:
                raise Failed(f"{username} could not sign in: {problem}") from problem
            self._people[username] = Person(self.origin, self._asked, token)
        return self._people[username]

    def sign_in(self, username: str) -> Person:
        """Once more: what may be done may have changed."""
        self._people.pop(username, None)
        return self.person(username)

    def store(self, method: str, url: str, content: bytes = b"") -> bytes:
        """Ask the object store at a presigned address."""
        self._asked()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            with suppress(httpx2.TransportError):
                answer = httpx2.request(method, url, content=content, trust_env=False, timeout=20)
                if answer.status_code < 500:
                    break
            if time.monotonic() > deadline:
                raise Failed("the object store does not answer")
            time.sleep(0.2)
        if not answer.is_success:
            raise Failed(f"the object store answered {answer.status_code}: {answer.text[:200]}")
        return answer.content

    def account(self, username: str) -> dict[str, Any]:
        found: dict[str, Any] = next(
            each for each in self.told["accounts"] if each["username"] == username
        )
        return found

    def client(self, *scopes: str) -> dict[str, Any]:
        """The application that may ask for these scopes by itself."""
        found: dict[str, Any] = next(
            each
            for each in self.told["clients"]
            if each["client_secret"] and set(scopes) <= set(each["scopes"])
        )
        return found

    def doom(self, step: str) -> None:
        """Something will be killed soon, between two questions."""
        self._victim = self._chance.choice(VICTIMS[step])
        self._questions = self._chance.randint(2, _LATEST_QUESTION)

    def spare(self) -> str:
        """The step is over: what was killed in it."""
        if self._victim:
            self._kill()
        return self.kills[-1]

    def _asked(self) -> None:
        if not self._victim:
            return
        if self._questions:
            self._questions -= 1
        else:
            self._kill()

    def _kill(self) -> None:
        state = json.loads((self.data / "run" / "state.json").read_text())
        [pid] = [each["pid"] for each in state["components"] if each["name"] == self._victim]
        os.kill(pid, signal.SIGKILL)
        self.kills.append(self._victim)
        self._victim = ""

    def _command(self, *arguments: str) -> dict[str, Any]:
        """A command of ours; what it says goes to the terminal, its JSON comes back."""
        port = str(self.receiver.port)
        run = subprocess.run(
            [sys.executable, "-m", "stack", *arguments],
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            check=False,
            env={
                **os.environ,
                "SHUYUAN_GATEWAY_WEBHOOK_NETWORKS": RECEIVER_NETWORK,
                "SHUYUAN_GATEWAY_WEBHOOK_PORTS": port,
                "SHUYUAN_GATEWAY_WEBHOOK_PLAIN_HTTP": "true",
            },
        )
        if run.returncode:
            raise Failed(f"./shuyuan {arguments[0]} exited with {run.returncode}")
        told: dict[str, Any] = json.loads(run.stdout or b"{}")
        return told
