"""SeaweedFS: the object store, as `weed mini` (`weed server` takes a quarter of a minute to start).

Its master and filer have no authentication: loopback only, never through the gateway. It listens on
IPv4 alone, and before it starts wants each of its ports free on every address, so nothing can stand
at `[::1]` for it.
"""

import asyncio
import base64
import hashlib
import json
from collections.abc import Sequence
from urllib.parse import urlsplit

from shared.services import SERVICES
from stack.component import SERVER_ENVIRONMENT, Component, program
from stack.data import DataDirectory, write_file
from stack.errors import CannotStart
from stack.health import tcp
from stack.secret_files import SecretFiles

NAME = "object-store"
ACTIONS = ("Read", "Write", "List", "Tagging")
MEMORY = "512MiB"
"""Go's soft limit. Its index reserves 230 MB that it hardly touches: with a limit near that, the
garbage collector never rests (a tenth of a core when idle, twice the processor time an upload)."""
REGION = "us-east-1"


def component(
    data: DataDirectory, ports: dict[str, int], secrets: SecretFiles, origins: Sequence[str]
) -> Component:
    """`origins`: the web origins whose pages may use presigned addresses."""
    file = data.config / "s3.json"
    store = data.path / "object-store"
    origin = f"http://127.0.0.1:{ports['s3']}"

    async def configure() -> None:
        store.mkdir(mode=0o700, exist_ok=True)
        write_file(file, json.dumps(identities(secrets), indent=1))

    return Component(
        name=NAME,
        argv=(
            *(str(program("weed")), "-logtostderr=true", "mini"),
            *(f"-dir={store}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
            *("-master.telemetry=false", "-admin.ui=false", "-webdav=false", "-s3.iam=false"),
            *("-s3.port.iceberg=0", "-s3.port.lance=0", f"-s3.config={file}"),
            *(f"-s3.port={ports['s3']}", f"-filer.port={ports['filer']}"),
            *(f"-volume.port={ports['volume']}", f"-master.port={ports['master']}"),
            f"-admin.port={ports['weed_admin']}",
        ),
        env={**SERVER_ENVIRONMENT, "HOME": str(store), "GOMEMLIMIT": MEMORY},
        address=origin,
        health=f"{origin}/healthz",
        before=configure,
        after=lambda: asyncio.to_thread(make_buckets, origin, *admin_keys(secrets), origins),
    )


def external(
    endpoint: str, access: str, secret: str, origins: Sequence[str], secrets: SecretFiles
) -> Component:
    """An S3 store that somebody else runs; the key must be allowed to make buckets."""

    def prepare() -> None:
        make_buckets(
            *(endpoint, access, secret, origins),
            "See that SHUYUAN_STACK_OBJECT_STORE_ACCESS_KEY and _SECRET_KEY hold a key that may "
            "make buckets.",
        )
        for service in SERVICES:
            check_keys(endpoint, service, secrets)

    return Component(
        name=NAME,
        address=endpoint,
        health=tcp(endpoint, 443 if endpoint.startswith("https:") else 80),
        after=lambda: asyncio.to_thread(prepare),
    )


def check_keys(endpoint: str, service: str, secrets: SecretFiles) -> None:
    """Blocking. CannotStart when the store does not take a service's keys for its own bucket."""
    from minio import Minio
    from minio.error import MinioException
    from urllib3.exceptions import HTTPError

    url = urlsplit(endpoint)
    access = secrets.of(service, "object_store_access_key")
    secret = secrets.of(service, "object_store_secret_key")
    client = Minio(url.netloc, access, secret, secure=url.scheme == "https", region=REGION)
    try:
        list(client.list_objects(service, prefix="readiness"))
    except (MinioException, HTTPError) as error:
        file = secrets.directory(service) / f"shuyuan_{service}_object_store_*_key"
        raise CannotStart(
            f"The object store at {endpoint} refuses the keys of {service}: {error}. Make it know "
            f"those in {file}, or put there the ones it knows."
        ) from error


def identities(secrets: SecretFiles) -> dict[str, object]:
    """s3.json: each service on its own bucket, and an administrator only the launcher uses."""

    def identity(name: str, access: str, secret: str, actions: list[str]) -> dict[str, object]:
        keys = [{"accessKey": access, "secretKey": secret}]
        return {"name": name, "credentials": keys, "actions": actions}

    services = (
        identity(
            service,
            secrets.of(service, "object_store_access_key"),
            secrets.of(service, "object_store_secret_key"),
            [f"{action}:{service}" for action in ACTIONS],
        )
        for service in SERVICES
    )
    return {"identities": [identity("launcher", *admin_keys(secrets), ["Admin"]), *services]}


def admin_keys(secrets: SecretFiles) -> tuple[str, str]:
    return (
        secrets.get("object-store", "access_key", 10),
        secrets.get("object-store", "secret_key"),
    )


def make_buckets(
    endpoint: str, access: str, secret: str, origins: Sequence[str], cure: str = ""
) -> None:
    """A bucket for each service, open to presigned requests from pages of `origins`.

    Blocking; repeatable. CannotStart, with the `cure`, when the store refuses.
    """
    # Imported here: it takes a quarter of a second, in which the server starts.
    from minio import Minio
    from minio.error import MinioException
    from urllib3.exceptions import HTTPError

    url = urlsplit(endpoint)
    client = Minio(url.netloc, access, secret, secure=url.scheme == "https", region=REGION)
    rules = cors_rules(origins)
    digest = base64.b64encode(hashlib.md5(rules, usedforsecurity=False).digest()).decode()
    try:
        for bucket in SERVICES:
            if not client.bucket_exists(bucket):
                client.make_bucket(bucket)
            # minio has no public method for PutBucketCors.
            client._execute(
                "PUT",
                bucket,
                body=rules,
                headers={"Content-MD5": digest},
                query_params={"cors": ""},
            )
    except (MinioException, HTTPError) as error:
        raise CannotStart(
            f"The object store at {endpoint} refused to be prepared: {error} {cure}".rstrip()
        ) from error


def cors_rules(origins: Sequence[str]) -> bytes:
    """Body of PutBucketCors (S3 API 2006-03-01): presigned GET and PUT, part by part."""
    allowed = "".join(f"<AllowedOrigin>{origin}</AllowedOrigin>" for origin in origins)
    return (
        '<CORSConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><CORSRule>'
        f"{allowed}<AllowedMethod>GET</AllowedMethod><AllowedMethod>HEAD</AllowedMethod>"
        "<AllowedMethod>PUT</AllowedMethod><AllowedHeader>*</AllowedHeader>"
        "<ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>3600</MaxAgeSeconds>"
        "</CORSRule></CORSConfiguration>"
    ).encode()
