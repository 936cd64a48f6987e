"""A service in miniature, on which the house's promises are watched: counters that only rise.

An increment is one unit of work: the row, its event and its audit entry. The other side writes
down what it hears in the order in which it was applied.
"""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import orjson
from fastapi import FastAPI
from pydantic_settings import SettingsConfigDict
from sqlalchemy import BigInteger, Column, Identity, Table, Text, Uuid, text

from shared import contract, events, logs
from shared.database import UnitOfWork
from shared.events import Envelope
from shared.inbox import Handlers
from shared.serving import serve
from shared.settings import ServiceSettings
from shared.tables import service_metadata


class Settings(ServiceSettings):
    """Every ``SHUYUAN_TRIAL_*`` variable of a process under test."""

    model_config = SettingsConfigDict(env_prefix="SHUYUAN_TRIAL_")

    schemas: Path
    """Where `write_schemas` wrote."""
    moments: Path
    """Where `tests.faults.moments` looks."""


SOURCE = "catalog"
"""The service under whose name counters publish: the bus lets it use its own stream only."""

HEARER = "learning"
"""The service under whose name their events are read."""

EVENT = f"{SOURCE}.counter.incremented.v1"

METADATA = service_metadata()
Table("counter", METADATA, Column("name", Text, primary_key=True), Column("value", BigInteger))
Table(
    "heard",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("event_id", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("value", BigInteger, nullable=False),
)

_INCREMENT = text(
    "INSERT INTO counter (name, value) VALUES (:name, 1)"
    " ON CONFLICT (name) DO UPDATE SET value = counter.value + 1 RETURNING value"
)
_HEAR = text("INSERT INTO heard (event_id, name, value) VALUES (:event_id, :name, :value)")


@dataclass(frozen=True)
class Incremented:
    """`name` now stands at `value`."""

    name: str
    value: int

    @property
    def type(self) -> str:
        return EVENT

    @property
    def aggregate(self) -> str:
        return self.name


async def increment(uow: UnitOfWork, name: str) -> int:
    """Raise a counter by one and return its value; the caller commits."""
    value: int = (await uow.connection.execute(_INCREMENT, {"name": name})).scalar_one()
    uow.outbox.append(Incremented(name, value))
    uow.audit.record("counter.increment", name, before=value - 1, after=value)
    return value


async def hear(uow: UnitOfWork, envelope: Envelope) -> None:
    """Write down an increment that was heard of."""
    await uow.connection.execute(_HEAR, {"event_id": envelope.id, **envelope.data})


HANDLERS: Handlers = {EVENT: hear}


def write_schemas(folder: Path) -> None:
    """Write the schema of `EVENT` to `folder`, beside the committed ones."""
    shutil.copytree(contract.FOLDER / "events", folder, dirs_exist_ok=True)
    for name, schema in contract.event_documents([(EVENT, Incremented)]).items():
        (folder / f"{name}.json").write_bytes(orjson.dumps(schema))


def serve_in_turn(create_app: Callable[[Settings], FastAPI]) -> None:
    """Wait for a line from the harness, then serve."""
    if not sys.stdin.readline():
        sys.exit("the harness ended before this could begin")
    settings = Settings.load()
    events.SCHEMAS = settings.schemas
    logs.configure(SOURCE, settings.log_level)
    serve(create_app(settings), settings.host, settings.port)
