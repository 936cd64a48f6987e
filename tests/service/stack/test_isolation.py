"""What the servers of one stack keep apart: databases, buckets, subjects."""

import asyncio
from collections.abc import AsyncIterator, Callable
from io import BytesIO

import asyncpg
import httpx2
import nats
import pytest
from minio import Minio
from minio.error import S3Error
from nats.aio.client import Client
from pydantic import SecretStr

from shared import bus
from shared.settings import ServiceSettings
from tests.conftest import Stack


async def connect(stack: Stack, role: str, database: str) -> asyncpg.Connection:
    return await asyncpg.connect(
        f"{stack.postgres}/{database}",
        user=role,
        password=stack.service_secret(role, "database_password"),
    )


async def test_a_service_may_not_enter_anothers_database(stack: Stack) -> None:
    for database in ("identity", "postgres", "template1"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connect(stack, "catalog", database)


async def test_a_service_does_not_own_its_database_and_can_make_nothing(stack: Stack) -> None:
    connection = await connect(stack, "catalog", "catalog")
    try:
        for statement in ("CREATE TABLE t ()", "CREATE DATABASE d", "CREATE ROLE r"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
        attributes = "SELECT rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication"
        query = f"{attributes} FROM pg_roles WHERE rolname ~ '^catalog'"
        assert [row[0] for row in await connection.fetch(query)] == [False, False]
    finally:
        await connection.close()


async def test_a_wrong_password_is_refused(stack: Stack) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(f"{stack.postgres}/catalog", user="catalog", password="guess")


async def test_the_cluster_is_checksummed_sorts_by_code_point_and_has_vectors(stack: Stack) -> None:
    connection = await stack.superuser("catalog")
    try:
        assert await connection.fetchval("SHOW data_checksums") == "on"
        query = (
            "SELECT datlocprovider::text || datlocale FROM pg_database WHERE datname = 'catalog'"
        )
        assert await connection.fetchval(query) == "bC.UTF-8"
        assert await connection.fetchval("SELECT '[1,2]'::vector <-> '[1,3]'") == 1.0
        unsafe = await connection.fetch(
            "SELECT name FROM pg_file_settings WHERE name IN ('fsync', 'full_page_writes')"
            " AND setting = 'off' AND sourcefile NOT LIKE '%.auto.conf'"  # the tests' own
        )
        assert not unsafe
    finally:
        await connection.close()


@pytest.fixture
def store(stack: Stack) -> Callable[[str], Minio]:
    def of(service: str) -> Minio:
        return Minio(
            stack.object_store.removeprefix("http://"),
            stack.service_secret(service, "object_store_access_key"),
            stack.service_secret(service, "object_store_secret_key"),
            secure=False,
            region="us-east-1",
        )

    return of


def test_a_service_reaches_its_own_bucket_and_no_other(store: Callable[[str], Minio]) -> None:
    catalog = store("catalog")
    catalog.put_object("catalog", "课件/一.txt", BytesIO(b"one"), 3)
    try:
        assert catalog.get_object("catalog", "课件/一.txt").read() == b"one"
        learning = store("learning")
        for attempt in (
            lambda: learning.get_object("catalog", "课件/一.txt"),
            lambda: learning.put_object("catalog", "two", BytesIO(b"2"), 1),
            lambda: learning.remove_object("catalog", "课件/一.txt"),
            lambda: list(learning.list_objects("catalog")),
            lambda: learning.make_bucket("another"),
        ):
            with pytest.raises(S3Error) as refusal:
                attempt()
            assert refusal.value.code == "AccessDenied"
    finally:
        catalog.remove_object("catalog", "课件/一.txt")


def test_the_object_store_answers_nobody_without_a_key(stack: Stack) -> None:
    assert httpx2.get(f"{stack.object_store}/catalog/any", trust_env=False).status_code == 403


def test_browsers_of_the_gateways_pages_may_use_presigned_addresses(
    stack: Stack, store: Callable[[str], Minio]
) -> None:
    url = store("catalog").get_presigned_url("PUT", "catalog", "file")
    asked = {"Access-Control-Request-Method": "PUT"}
    ours = httpx2.options(url, headers={**asked, "Origin": stack.gateway}, trust_env=False)
    assert ours.headers["access-control-allow-origin"] == stack.gateway
    theirs = httpx2.options(
        url, headers={**asked, "Origin": "https://elsewhere.example"}, trust_env=False
    )
    assert theirs.headers.get("access-control-allow-origin") != "https://elsewhere.example"


Refusals = list[Exception]


@pytest.fixture
async def catalog_on_the_bus(stack: Stack) -> AsyncIterator[tuple[Client, Refusals]]:
    """A connection as catalog, and what the server refuses it."""
    refusals: Refusals = []

    async def note(error: Exception) -> None:
        refusals.append(error)

    password = stack.service_secret("catalog", "nats_password")
    client = await nats.connect(stack.nats, user="catalog", password=password, error_cb=note)
    yield client, refusals
    await client.close()


async def refused(catalog_on_the_bus: tuple[Client, Refusals], subject: str) -> bool:
    """Whether a publication on `subject` is refused."""
    client, refusals = catalog_on_the_bus
    refusals.clear()
    await client.publish(subject, b"{}")
    await client.flush()
    await asyncio.sleep(0.1)  # refusals are told by a task of the client's
    return any("permissions violation for publish" in str(error).lower() for error in refusals)


@pytest.mark.parametrize(
    ("subject", "allowed"),
    [
        ("catalog.resource.tested.v1", True),
        ("identity.person.tested.v1", False),
        ("$JS.API.STREAM.INFO.IDENTITY", True),
        ("$JS.API.STREAM.CREATE.IDENTITY", False),
        ("$JS.API.STREAM.UPDATE.IDENTITY", False),
        ("$JS.API.STREAM.DELETE.IDENTITY", False),
        ("$JS.API.STREAM.PURGE.IDENTITY", False),
        ("$JS.API.STREAM.MSG.DELETE.IDENTITY", False),
        ("$JS.API.STREAM.MSG.GET.IDENTITY", False),
        ("$JS.API.CONSUMER.CREATE.IDENTITY.named", False),
        ("$JS.API.CONSUMER.DURABLE.CREATE.IDENTITY.named", False),
        ("$JS.API.CONSUMER.NAMES.IDENTITY", False),
        ("$JS.API.CONSUMER.LIST.IDENTITY", False),
        ("$JS.API.CONSUMER.INFO.IDENTITY.named", False),
        ("$JS.API.CONSUMER.DELETE.IDENTITY.named", False),
        ("$JS.API.CONSUMER.MSG.NEXT.IDENTITY.none", True),
        ("$SYS.REQ.SERVER.PING", False),
    ],
)
async def test_a_service_speaks_only_for_itself_on_the_bus(
    catalog_on_the_bus: tuple[Client, Refusals], subject: str, allowed: bool
) -> None:
    assert await refused(catalog_on_the_bus, subject) is not allowed


@pytest.mark.parametrize("subject", ["_INBOX.identity.>", "_INBOX.>", "identity.>", ">"])
async def test_a_service_does_not_hear_what_is_answered_to_another(
    catalog_on_the_bus: tuple[Client, Refusals], subject: str
) -> None:
    client, refusals = catalog_on_the_bus
    await client.subscribe(subject)
    await client.flush()
    await asyncio.sleep(0.1)
    assert any("permissions violation for subscription" in str(e).lower() for e in refusals)


async def test_a_service_follows_another_services_stream(stack: Stack) -> None:
    settings = ServiceSettings(
        nats_url=stack.nats,
        nats_user="catalog",
        nats_password=SecretStr(stack.service_secret("catalog", "nats_password")),
    )
    client = await bus.connect(settings, "isolation")
    try:
        async with bus.follow(client, "IDENTITY", ["identity.>"], 1) as follower:
            messages = await follower.next()
        assert messages[0].subject == "identity.service.started.v1"
    finally:
        await client.close()


async def test_the_bus_admits_nobody_without_a_password(stack: Stack) -> None:
    with pytest.raises(nats.errors.Error, match=r"(?i)authorization"):
        await nats.connect(stack.nats, allow_reconnect=False)
