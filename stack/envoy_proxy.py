"""Envoy: the one door. The gateway's compiler writes what it is told; here it is started."""

import importlib.util
from pathlib import Path

from stack.component import Component
from stack.data import DataDirectory
from stack.errors import CannotStart


def directory(data: DataDirectory) -> Path:
    """Where its configuration lies."""
    return data.config / "envoy"


def component(data: DataDirectory, ports: dict[str, int], depends_on: frozenset[str]) -> Component:
    return Component(
        name="envoy",
        argv=(
            *(str(binary()), "-c", str(directory(data) / "bootstrap.json")),
            *("--concurrency", "2", "--disable-hot-restart", "-l", "warning"),
            # Unknown fields in the watched files are refused, and the file before them stays.
            "--reject-unknown-dynamic-fields",
        ),
        address=f"http://127.0.0.1:{ports['gateway']}",
        health=f"http://127.0.0.1:{ports['envoy_admin']}/ready",
        depends_on=depends_on,
    )


def binary() -> Path:
    spec = importlib.util.find_spec("envoy")
    if spec is None or not spec.submodule_search_locations:
        raise CannotStart(
            "The Envoy package is missing from .venv. Delete .venv, then start again."
        )
    return Path(spec.submodule_search_locations[0]) / "_bin" / "envoy"
