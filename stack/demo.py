"""`./shuyuan demo`: the main job from end to end, on a throw-away stack, through the gateway."""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx2

from shared.services import SERVICES
from stack import CHECKOUT

HEARING = 20.0
"""Seconds in which every service must have heard of every other."""

Facts = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """One step's result; `facts` is what it saw, or `problem`, why it failed."""

    name: str
    ok: bool
    seconds: float
    facts: Facts


class Failed(Exception):
    """A step did not do what it should."""


def demo(*, keep: bool, as_json: bool) -> int:
    """Runs every step until one fails; returns 0 when all did what they should."""
    data = Path(tempfile.mkdtemp(prefix="shuyuan-demo-"))
    data.chmod(0o711)
    steps: list[Step] = []
    try:
        for step in _steps(data):
            _say(step)
            steps.append(step)
    finally:
        if not keep:
            steps.append(
                _timed("stop the stack 停止", partial(_command, "down", "--data", str(data)))
            )
            _say(steps[-1])
    ok = all(step.ok for step in steps)
    if as_json:
        print(json.dumps({"ok": ok, "steps": [asdict(step) for step in steps]}, ensure_ascii=False))
    else:
        print("演示成功: every step passed." if ok else "演示失败: a step failed.")
    if keep:
        print(f"It still runs. Stop it with ./shuyuan down --data {data}", file=sys.stderr)
    elif ok:
        shutil.rmtree(data)
    else:
        print(f"Its logs are kept in {data / 'logs'}", file=sys.stderr)
    return 0 if ok else 1


def _steps(data: Path) -> Iterator[Step]:
    """What is shown, in order; a failure ends it, as later steps build on earlier ones."""
    step = _timed("start the stack 启动", partial(_up, data))
    yield step
    if not step.ok:
        return
    with httpx2.Client(base_url=step.facts["gateway"], timeout=10, trust_env=False) as http:
        for name, act in (
            ("every service answers 服务应答", about_everyone),
            ("every service heard the others start 事件传递", hear_everyone),
            ("every component is healthy 健康", health),
        ):
            step = _timed(name, partial(act, http))
            yield step
            if not step.ok:
                return


def about_everyone(http: httpx2.Client) -> Facts:
    return {service: _get(http, f"/{service}/v1/about")["version"] for service in SERVICES}


def hear_everyone(http: httpx2.Client) -> Facts:
    """Each start travels as an event: outbox, NATS, inbox, to every other but the gateway's."""
    deadline = time.monotonic() + HEARING
    while deaf := [service for service in SERVICES if not _has_heard_all(http, service)]:
        if time.monotonic() > deadline:
            raise Failed(f"{', '.join(deaf)} did not hear every other within {HEARING:g} s")
        time.sleep(0.1)
    return {"events": (len(SERVICES) - 1) ** 2}


def health(http: httpx2.Client) -> Facts:
    return _get(http, "/health")


def _has_heard_all(http: httpx2.Client, service: str) -> bool:
    heard = {each["service"] for each in _get(http, f"/{service}/v1/about")["heard_from"]}
    return heard >= set(SERVICES) - {service, "gateway"}


def _get(http: httpx2.Client, path: str) -> Facts:
    try:
        answer = http.get(path)
    except httpx2.HTTPError as error:
        raise Failed(f"GET {path}: {error}") from error
    if answer.status_code != 200:
        raise Failed(f"GET {path} answered {answer.status_code}: {answer.text[:200]}")
    facts: Facts = answer.json()
    return facts


def _up(data: Path) -> Facts:
    return _command("up", "--data", str(data), "--port", "0", "--detach", "--json")


def _command(*arguments: str) -> Facts:
    """A command of ours; what it says goes to the terminal, its JSON comes back."""
    run = subprocess.run(
        [sys.executable, "-m", "stack", *arguments],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        check=False,
    )
    if run.returncode:
        raise Failed(f"./shuyuan {arguments[0]} exited with {run.returncode}")
    facts: Facts = json.loads(run.stdout or b"{}")
    return facts


def _timed(name: str, act: Callable[[], Facts]) -> Step:
    began = time.monotonic()
    try:
        facts, ok = act(), True
    except Failed as problem:
        facts, ok = {"problem": str(problem)}, False
    return Step(name, ok, round(time.monotonic() - began, 3), facts)


def _say(step: Step) -> None:
    mark = "✓" if step.ok else "✗"
    facts = json.dumps(step.facts, ensure_ascii=False)
    print(f"{mark} {step.seconds:6.2f} s  {step.name}\n            {facts}", file=sys.stderr)
