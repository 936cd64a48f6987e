"""The command line of every service: ``python -m services.<name> [COMMAND]``.

serve                 listen (the default)
openapi               write the committed contract
replay --since TIME   publish the events recorded since then once more
retry-parked          apply the events that could not be applied before
verify-audit          recompute the audit chain; exit 1 where it breaks, or, with --head, where
                      it does not hold a head that was printed before

A service may add commands of its own.
"""

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy.exc import SQLAlchemyError

from shared import audit, contract, inbox, logs, relay
from shared.database import create_engine
from shared.presence import ServiceStarted, started_type
from shared.service import Runtime
from shared.services import PACKAGES
from shared.serving import serve
from shared.settings import ServiceSettings


@dataclass(frozen=True)
class Program:
    """One service as a program. ``events`` are the types it emits beside its own start;
    ``commands`` its own, each given the arguments behind its name and returning the exit code."""

    name: str
    load_settings: Callable[[], ServiceSettings]
    create_app: Callable[[Any], FastAPI]
    events: Mapping[str, type] = field(default_factory=dict)
    commands: Mapping[str, Callable[[Sequence[str]], int]] = field(default_factory=dict)

    def main(self, argv: Sequence[str] | None = None) -> int:
        """Run the command that `argv` names; returns the exit code."""
        parser = argparse.ArgumentParser(
            prog=f"python -m {PACKAGES[self.name]}", formatter_class=argparse.RawTextHelpFormatter
        )
        commands = parser.add_subparsers(dest="command")
        commands.add_parser("serve", help="listen (the default)")
        commands.add_parser("openapi", help="write the committed contract")
        replay = commands.add_parser(
            "replay", help="publish recorded events once more", allow_abbrev=False
        )
        replay.add_argument("--since", type=datetime.fromisoformat, required=True)
        commands.add_parser("retry-parked", help="apply events that could not be applied before")
        verify = commands.add_parser(
            "verify-audit", help="recompute the audit chain", allow_abbrev=False
        )
        verify.add_argument(
            "--head",
            metavar="HEX:SEQUENCE",
            type=_noted_head,
            help="a head that was printed before: the chain must still hold it",
        )
        for name, run in self.commands.items():
            commands.add_parser(name, help=run.__doc__)
        given = sys.argv[1:] if argv is None else argv
        if given and given[0] in self.commands:
            return self.commands[given[0]](given[1:])
        arguments = parser.parse_args(given)
        match arguments.command:
            case "openapi":
                return self._openapi()
            case "replay":
                return self._replay(arguments.since)
            case "retry-parked":
                return asyncio.run(self._retry_parked())
            case "verify-audit":
                return self._verify_audit(arguments.head)
            case _:
                return self._serve()

    def _serve(self) -> int:
        settings = self.load_settings()
        logs.configure(self.name, settings.log_level)
        serve(self.create_app(settings), settings.host, settings.port)
        return 0

    def _openapi(self) -> int:
        # A contract holds no secret, so any key does to build the application that has it.
        settings = self.load_settings().model_copy(update={"master_keys": SecretStr("00" * 32)})
        app = self.create_app(settings)
        events = {started_type(self.name): ServiceStarted, **self.events}
        files = contract.expected_files(self.name, app, events.items())
        for path in contract.write(files):
            print(f"wrote {path.relative_to(contract.FOLDER.parent)}")
        for path in contract.strays(self.name, files):
            path.unlink()
            print(f"removed {path.relative_to(contract.FOLDER.parent)}")
        return 0

    def _replay(self, since: datetime) -> int:
        if since.tzinfo is None:
            print("--since needs a time zone, as in 2026-11-22T08:00:00+08:00", file=sys.stderr)
            return 2
        count = asyncio.run(relay.replay(self.load_settings(), since))
        print(f"{count} events will be published again")
        return 0

    async def _retry_parked(self) -> int:
        async with self._runtime() as runtime:
            handlers = {k: v for each in runtime.handlers.values() for k, v in each.items()}
            count = await inbox.retry_parked(runtime.new_uow, handlers)
        print(f"{count} parked events applied")
        return 0

    def _verify_audit(self, noted: audit.NotedHead | None) -> int:
        try:
            report = asyncio.run(_verified(self.load_settings(), self.name, noted))
        except (OSError, SQLAlchemyError, asyncpg.PostgresError) as error:
            print(
                f"The audit trail cannot be read ({type(error).__name__}). Run this with the "
                f"environment of the service: its SHUYUAN_{self.name.upper()}_* variables, its "
                "secrets among them or in SHUYUAN_SECRETS_DIR.",
                file=sys.stderr,
            )
            return 2
        if report.broken is not None:
            print(f"the chain breaks at link {report.broken.sequence}: {report.broken.reason}")
            return 1
        print(f"{report.sealed} entries, head {report.head.hex()}:{report.sealed}: the chain holds")
        if report.unaccounted is None:
            print(
                "Whether newest entries were removed this role cannot see, as it may not read the "
                "sequence of audit.id. Compare with --head."
            )
        elif report.unaccounted:
            print(
                f"{report.unaccounted} numbers behind the last entry hold none: changes that are "
                "under way or failed, or newest entries that were removed. Compare with --head."
            )
        return 0

    @contextlib.asynccontextmanager
    async def _runtime(self) -> Any:
        runtime: Runtime = self.create_app(self.load_settings()).state.runtime
        try:
            yield runtime
        finally:
            await runtime.close()


async def _verified(
    settings: ServiceSettings, name: str, noted: audit.NotedHead | None
) -> audit.ChainReport:
    engine = create_engine(settings, name)
    try:
        return await audit.verify(engine, noted)
    finally:
        await engine.dispose()


def _noted_head(text: str) -> audit.NotedHead:
    try:
        return audit.NotedHead.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
