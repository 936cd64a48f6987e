"""The parts of the service, each built by one function; `app.py` puts them together."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from fastapi import APIRouter

from shared.problems import ProblemTable


@dataclass(frozen=True)
class Part:
    """What one part adds to the service. ``tasks`` run in the background for its whole life."""

    routers: Sequence[APIRouter] = ()
    table: ProblemTable = field(default_factory=dict)
    tasks: Mapping[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)
    events: Mapping[str, type] = field(default_factory=dict)
