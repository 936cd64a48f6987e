"""`seed-demo` and `token`, commands of the identity service."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import httpx2

from services.identity.app import build_parts
from services.identity.demonstration.province import SIGN_IN
from services.identity.demonstration.seed import Seeding, provinces
from services.identity.demonstration.sign_in import SignInFailed, access_token
from services.identity.settings import Settings
from shared import logs
from shared.context import RequestContext, acting
from shared.service import Runtime


def seed_demo(argv: Sequence[str]) -> int:
    """seed the demonstration province, and write who can sign in there"""
    accounts = _parsed("seed-demo", argv).accounts
    settings = Settings.load()
    logs.configure("identity", settings.log_level)
    return asyncio.run(_seed(settings, accounts))


async def _seed(settings: Settings, accounts: Path) -> int:
    runtime = Runtime("identity", settings, {})
    parts = build_parts(runtime, settings)
    try:
        with acting(RequestContext(actor="demonstration")):
            if await provinces(parts):
                return _kept(accounts)
            keep(accounts, await Seeding(parts).run())
    finally:
        runtime.reader.close()
        await runtime.engine.dispose()
    return 0


def _kept(accounts: Path) -> int:
    if accounts.exists():
        return 0
    sys.stderr.write(
        f"There is a province already, and {accounts} is missing: its passwords are not known. "
        "Start with a new data directory.\n"
    )
    return 1


def keep(accounts: Path, told: Mapping[str, object]) -> None:
    """Write the file for its owner's eyes, whole or not at all."""
    beside = accounts.with_name(f".{accounts.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump(told, file, ensure_ascii=False, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    beside.replace(accounts)


def token(argv: Sequence[str]) -> int:
    """print an access token of a demonstration account, which signs in as anyone does"""
    asked = _parsed("token", argv, "account")
    told = json.loads(asked.accounts.read_text(encoding="utf-8"))
    found = [each for each in told["accounts"] if each["username"] == asked.account]
    if not found:
        sys.stderr.write(f"{asked.accounts} names no account {asked.account}.\n")
        return 1
    [client] = [each for each in told["clients"] if SIGN_IN in each["grant_types"]]
    issuer = Settings.load().issuer
    try:
        got = asyncio.run(access_token(issuer, client, asked.account, found[0]["password"]))
    except (SignInFailed, httpx2.HTTPError) as error:
        sys.stderr.write(f"{asked.account} could not sign in at {issuer}: {error}\n")
        return 1
    sys.stdout.write(f"{got}\n")
    return 0


def _parsed(command: str, argv: Sequence[str], *positional: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"python -m services.identity {command}")
    for name in positional:
        parser.add_argument(name)
    parser.add_argument("--accounts", type=Path, required=True, metavar="FILE")
    return parser.parse_args(argv)


COMMANDS: Mapping[str, Callable[[Sequence[str]], int]] = {"seed-demo": seed_demo, "token": token}
