"""What is shown is made of steps; each has a result, facts and a time."""

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Facts = Mapping[str, Any]
Act = Callable[[], Facts]


class Failed(Exception):
    """A step did not do what it should."""


@dataclass(frozen=True)
class Step:
    """One step's result; `facts` is what it saw, or `problem`, why it failed."""

    name: str
    ok: bool
    seconds: float
    facts: Facts


def timed(name: str, act: Act) -> Step:
    """Do it, and say how it went on standard error."""
    began = time.monotonic()
    try:
        facts, ok = act(), True
    except (Failed, LookupError, ValueError) as problem:  # an answer that lacks what it should have
        facts, ok = {"problem": f"{type(problem).__name__}: {problem}"}, False
    step = Step(name, ok, round(time.monotonic() - began, 3), facts)
    mark = "✓" if step.ok else "✗"
    told = json.dumps(step.facts, ensure_ascii=False)
    print(f"{mark} {step.seconds:6.2f} s  {step.name}\n            {told}", file=sys.stderr)
    return step


def check(holds: object, otherwise: str) -> None:
    """Raises `Failed`."""
    if not holds:
        raise Failed(otherwise)


def until(found: Callable[[], Any], what: str, seconds: float = 20.0) -> Any:
    """The first answer that is not empty. Raises `Failed` after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (told := found()):
        check(time.monotonic() < deadline, f"not within {seconds:g} s: {what}")
        time.sleep(0.05)
    return told
