"""Commands of the learning service beside those of every service."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from services.learning.adapters.recount import recount
from services.learning.domain.applications import Class, Scope, UsernameTaken
from services.learning.parts import records
from services.learning.parts.records import RecordsPart
from services.learning.settings import Settings
from shared import logs
from shared.context import RequestContext, acting
from shared.service import Runtime

DEMONSTRATION = "learning-space"
PROVINCE = "P"
"""The first letter of a province's code."""


def register_application(argv: Sequence[str]) -> int:
    """register an application that keeps records, and print its user name and password"""
    parser = argparse.ArgumentParser(prog="python -m services.learning register-application")
    parser.add_argument("username")
    parser.add_argument("--name", required=True, help="what people call it")
    parser.add_argument(
        "--organisation", required=True, metavar="PATH", help="labels from the province down"
    )
    parser.add_argument("--scope", action="append", choices=list(Scope), type=Scope)
    parser.add_argument("--class", dest="kind", choices=list(Class), default=Class.ORDINARY)
    asked = parser.parse_args(argv)
    scopes = frozenset(asked.scope or [Scope.ALL])

    async def register(part: RecordsPart) -> int:
        try:
            new = await part.registry.register(
                asked.username, asked.name, asked.organisation, scopes, Class(asked.kind)
            )
        except UsernameTaken as taken:
            sys.stderr.write(f"{taken.detail}\n")
            return 1
        told = {"username": new.application.username, "password": new.secret}
        sys.stdout.write(json.dumps(told) + "\n")
        return 0

    return _run(register)


def seed_demo(argv: Sequence[str]) -> int:
    """register an application of the demonstration, and add it to who can sign in there"""
    parser = argparse.ArgumentParser(prog="python -m services.learning seed-demo")
    parser.add_argument("--accounts", type=Path, required=True, metavar="FILE")
    file: Path = parser.parse_args(argv).accounts

    async def seed(part: RecordsPart) -> int:
        told = json.loads(file.read_text(encoding="utf-8"))
        if "xapi" in told:
            return 0
        new = await part.registry.register(
            DEMONSTRATION,
            "学习空间 Learning space",
            _province(told),
            frozenset({Scope.ALL}),
            Class.HOMEWORK,
        )
        told["xapi"] = [{"username": new.application.username, "password": new.secret}]
        _keep(file, told)
        return 0

    return _run(seed)


def recount_all(_argv: Sequence[str]) -> int:
    """count every aggregate anew from the raw statements, while nothing is stored"""

    async def count(part: RecordsPart) -> int:
        counted = await recount(part.pool)
        sys.stdout.write(f"{counted} statements counted\n")
        return 0

    return _run(count)


def _keep(file: Path, told: Mapping[str, Any]) -> None:
    """Write the file for its owner's eyes, whole or not at all."""
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as output:
        json.dump(told, output, ensure_ascii=False, indent=2)
        output.write("\n")
        output.flush()
        os.fsync(output.fileno())
    beside.replace(file)


def _province(told: Mapping[str, Any]) -> str:
    """The path of the demonstration's province: the code of an account that belongs there."""
    codes = [str(each["organisation"]) for each in told["accounts"]]
    return next(code for code in codes if code.startswith(PROVINCE)).replace("-", "")


def _run(act: Callable[[RecordsPart], Awaitable[int]]) -> int:
    async def run() -> int:
        settings = Settings.load()
        logs.configure("learning", settings.log_level)
        runtime = Runtime("learning", settings, {})
        part = records.build(runtime, settings)
        try:
            with acting(RequestContext(actor="operator")):
                return await act(part)
        finally:
            part.pool.close()
            await runtime.close()

    return asyncio.run(run())


COMMANDS: Mapping[str, Callable[[Sequence[str]], int]] = {
    "register-application": register_application,
    "recount": recount_all,
    "seed-demo": seed_demo,
}
