"""One file as somebody would upload it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Case:
    """``code`` is the finding that must be told of a hostile file; None for an honest one."""

    name: str
    filename: str
    make: Callable[[], bytes]
    code: str | None = None
    declared: str = ""
