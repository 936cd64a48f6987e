"""The copyright service in this process, over a real database that is emptied for each test, the
real object store, and a signer and a witness of its own. Background tasks do not run."""

import secrets
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI
from joserfc.jwk import ECKey, KeySet

from services.copyright.app import create_app
from services.copyright.parts.log import LogPart
from services.copyright.parts.log import build as build_log
from services.copyright.settings import AuthorityAt, Settings, WitnessAt
from services.copyright.standalone.http import Respond, listening
from services.copyright.standalone.signing import SigningProgram
from services.copyright.standalone.witnessing import WitnessProgram
from shared.service import Runtime
from tests.conftest import Stack
from tests.service import house
from tests.service.copyright.registering import SCHOOL, Person
from tests.service.house import Token, own_bucket, own_database, signer

TOKEN = "a token of the tests"


@pytest.fixture(scope="session")
async def migrated_database(stack: Stack) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection to a database that is migrated, and otherwise empty."""
    async with house.migrated_database(stack, "copyright") as connection:
        yield connection


@pytest.fixture(scope="session")
async def emptying(migrated_database: asyncpg.Connection) -> str:
    """The SQL that empties every table which migrations left empty."""
    return await house.emptying(migrated_database)


@pytest.fixture
async def owner(migrated_database: asyncpg.Connection, emptying: str) -> asyncpg.Connection:
    """A connection that may do anything to the test's database: to seed it and to look inside."""
    await migrated_database.execute(emptying)
    return migrated_database


@contextmanager
def answering(respond: Respond) -> Iterator[str]:
    """`respond` behind an address, in a thread of its own."""
    server = listening(respond, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def origin() -> str:
    """A log's name that no other test has, and so a folder of its own in the bucket."""
    return f"tests.example/{secrets.token_hex(8)}"


@pytest.fixture
def signing(tmp_path: Path, origin: str) -> SigningProgram:
    directory = tmp_path / "signer"
    directory.mkdir()
    return SigningProgram.opened(directory, origin, TOKEN)


@pytest.fixture
def witness(tmp_path: Path, signing: SigningProgram) -> WitnessProgram:
    directory = tmp_path / "witness"
    directory.mkdir()
    return WitnessProgram.opened(directory, "witness.example", tmp_path / "signer" / "vkeys")


@pytest.fixture
def signer_url(signing: SigningProgram) -> Iterator[str]:
    with answering(signing.respond) as url:
        yield url


@pytest.fixture
def witness_url(witness: WitnessProgram) -> Iterator[str]:
    with answering(witness.respond) as url:
        yield url


@pytest.fixture
async def settings(
    stack: Stack,
    owner: asyncpg.Connection,
    origin: str,
    signer_url: str,
    witness_url: str,
    witness: WitnessProgram,
    tmp_path: Path,
) -> Settings:
    """Settings that point at a log of the test's own."""
    at = WitnessAt(name="ours", url=witness_url, vkey=str(witness.cosigner.key), ours=True)
    local = AuthorityAt(name="local", directory=str(tmp_path / "authority"))
    return Settings.model_validate(
        {
            **await own_database(stack, "copyright", owner),
            **own_bucket(stack, "copyright"),
            "log_origin": origin,
            "signer_url": signer_url,
            "signer_token": TOKEN,
            "witnesses": [at.model_dump()],
            "witness_quorum": 1,
            "timestamp_authorities": [local.model_dump()],
            "evidence_platforms": [{"name": "notary", "url": "http://platform.invalid"}],
        }
    )


@pytest.fixture(scope="session")
def signing_key() -> ECKey:
    return house.new_signing_key()


@pytest.fixture
async def app(settings: Settings, signing_key: ECKey) -> AsyncIterator[FastAPI]:
    app = create_app(settings)
    app.state.verifier.load(KeySet([signing_key]).as_dict(private=False))
    yield app
    await app.state.runtime.close()


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """An anonymous client; send ``headers=token(...)`` to be somebody."""
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://copyright.test") as client:
        yield client


@pytest.fixture
def token(settings: Settings, signing_key: ECKey) -> Token:
    return signer(settings.issuer, signing_key)


@pytest.fixture
async def log(settings: Settings) -> AsyncIterator[LogPart]:
    """The phases of writing, one call each."""
    runtime = Runtime("copyright", settings, {})
    yield build_log(runtime, settings)
    await runtime.close()


@pytest.fixture
def ada(client: httpx2.AsyncClient, token: Token) -> Person:
    """A teacher."""
    return Person(client, token, f"teacher@{SCHOOL}")


@pytest.fixture
def ben(client: httpx2.AsyncClient, token: Token) -> Person:
    """Another of the same school."""
    return Person(client, token, f"teacher@{SCHOOL}")


@pytest.fixture
def stranger(client: httpx2.AsyncClient, token: Token) -> Person:
    """A teacher of another city."""
    return Person(client, token, "teacher@P0.C2.S2")


@pytest.fixture
def chief(client: httpx2.AsyncClient, token: Token) -> Person:
    """In charge of the whole province."""
    return Person(client, token, "administrator@P0")
