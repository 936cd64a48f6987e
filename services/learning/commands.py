"""Commands of the learning service beside those of every service."""

import argparse
import asyncio
import json
import os
import re
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from services.learning.adapters.recount import recount
from services.learning.application.applications import NewApplication
from services.learning.domain.applications import (
    Class,
    Scope,
    UnknownApplication,
    UsernameTaken,
)
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
    parser.add_argument("username", type=_username)
    parser.add_argument("--name", required=True, help="what people call it")
    parser.add_argument(
        "--organisation",
        required=True,
        metavar="PATH",
        type=_path,
        help="labels from the province down",
    )
    parser.add_argument(
        "--unknown-organisation",
        action="store_true",
        help="even if identity has told nothing of that organisation yet",
    )
    parser.add_argument("--scope", action="append", choices=list(Scope), type=Scope)
    parser.add_argument("--class", dest="kind", choices=list(Class), default=Class.ORDINARY)
    asked = parser.parse_args(argv)
    scopes = frozenset(asked.scope or [Scope.ALL])

    async def register(part: RecordsPart) -> int:
        path = asked.organisation
        if not asked.unknown_organisation and not await part.registry.is_organisation(path):
            sys.stderr.write(
                f"There is no open organisation at {path}. Compare it with the path that identity"
                " shows, or add --unknown-organisation if it is only being set up.\n"
            )
            return 1
        _tell(
            await part.registry.register(
                asked.username, asked.name, path, scopes, Class(asked.kind)
            )
        )
        return 0

    return _run(register)


def rotate_application(argv: Sequence[str]) -> int:
    """give an application a new password, and print it; the old one ends within half a minute"""
    username = _named("rotate-application", argv)

    async def rotate(part: RecordsPart) -> int:
        _tell(await part.registry.rotate(username))
        return 0

    return _run(rotate)


def revoke_application(argv: Sequence[str]) -> int:
    """let an application in no more, from half a minute on; what it stored stays"""
    username = _named("revoke-application", argv)

    async def revoke(part: RecordsPart) -> int:
        await part.registry.revoke(username)
        sys.stdout.write(f"{username} is revoked\n")
        return 0

    return _run(revoke)


def _named(command: str, argv: Sequence[str]) -> str:
    parser = argparse.ArgumentParser(prog=f"python -m services.learning {command}")
    parser.add_argument("username")
    return str(parser.parse_args(argv).username)


def _tell(new: NewApplication) -> None:
    told = {"username": new.application.username, "password": new.secret}
    sys.stdout.write(json.dumps(told) + "\n")


def _username(text: str) -> str:
    """Without what RFC 7617 §2 forbids."""
    if not re.fullmatch(r"[^\x00-\x1F\x7F:]{1,200}", text) or text != text.strip():
        raise argparse.ArgumentTypeError("a user name has no colon and no control character")
    return text


def _path(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]{1,100}(\.[A-Za-z0-9]{1,100})*", text):
        raise argparse.ArgumentTypeError("a path is labels with dots between, like P1.C1.S1")
    return text


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
        except (UnknownApplication, UsernameTaken) as refused:
            sys.stderr.write(f"{refused.detail}\n")
            return 1
        finally:
            part.pool.close()
            await runtime.close()

    return asyncio.run(run())


COMMANDS: Mapping[str, Callable[[Sequence[str]], int]] = {
    "register-application": register_application,
    "rotate-application": rotate_application,
    "revoke-application": revoke_application,
    "recount": recount_all,
    "seed-demo": seed_demo,
}
