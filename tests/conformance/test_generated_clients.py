"""Clients that public generators make of ``/openapi.json`` compile and do the main calls."""

import asyncio
import compileall
import json
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from services.identity.demonstration.sign_in import access_token
from tests.conformance.demonstration import demonstrated
from tests.conftest import Stack

HERE = Path(__file__).parent
EXPECTED = {
    "class": "standard",
    "upload": 201,
    "named": "lesson.txt",
    "listed": True,
    "limit": True,
    "changes": True,
    "missing": 404,
}


async def run(*command: str, folder: Path) -> str:
    """What the command prints; fails with what it complains of."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(120):
        printed, errors = await process.communicate()
    assert process.returncode == 0, (printed + errors).decode()[-3000:]
    return printed.decode()


@pytest.fixture
async def credentials(stack: Stack) -> Sequence[str]:
    """The gateway, a teacher's token, an application's own, and an API key of it."""
    province = await demonstrated(stack)
    administrator, teacher = [
        await access_token(province.issuer, province.client, name, province.password(name))
        for name in ("admin-province", "teacher01")
    ]
    application = next(
        each
        for each in province.told["clients"]
        if {"integrate", "catalog.write"} <= {*each["scopes"]}
    )
    wanted: dict[str, Any] = {
        "name": "generated",
        "scopes": ["catalog.read"],
        "expires_at": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
    }
    pair = application["client_id"], application["client_secret"]
    async with httpx2.AsyncClient(base_url=stack.gateway, trust_env=False) as http:
        token = await http.post(
            "/identity/token", auth=pair, data={"grant_type": "client_credentials"}
        )
        key = await http.post(
            f"/identity/v1/clients/{pair[0]}/api-keys",
            json=wanted,
            headers={"authorization": f"Bearer {administrator}"},
        )
    return stack.gateway, teacher, token.json()["access_token"], key.json()["key"]


@pytest.fixture
async def contract(stack: Stack, tmp_path: Path) -> Path:
    """The merged contract, as the gateway serves it."""
    path = tmp_path / "openapi.json"
    async with httpx2.AsyncClient(base_url=stack.gateway, trust_env=False) as http:
        path.write_bytes((await http.get("/openapi.json")).content)
    return path


async def test_a_python_client_that_was_generated_does_the_main_calls(
    contract: Path, credentials: Sequence[str], tmp_path: Path
) -> None:
    generator = Path(sys.executable).with_name("openapi-python-client")
    generate = ("generate", "--path", str(contract), "--meta", "none")
    package = tmp_path / "shuyuan_client"
    await run(str(generator), *generate, "--output-path", str(package), folder=tmp_path)
    assert compileall.compile_dir(package, quiet=2)
    shutil.copy(HERE / "generated_client.py", tmp_path)
    printed = await run(sys.executable, "generated_client.py", *credentials, folder=tmp_path)
    assert json.loads(printed) == EXPECTED


async def test_a_typescript_client_that_was_generated_compiles_and_does_the_main_calls(
    contract: Path, credentials: Sequence[str], installed: Path
) -> None:
    tools = installed / "node_modules" / ".bin"
    schema = ("-o", "schema.d.ts")
    await run(str(tools / "openapi-typescript"), str(contract), *schema, folder=installed)
    strict = ("--strict", "--target", "es2022", "--module", "nodenext", "--outDir", "built")
    await run(str(tools / "tsc"), *strict, "generated.ts", folder=installed)
    printed = await run("node", "built/generated.js", *credentials, folder=installed)
    assert json.loads(printed) == {**EXPECTED, "found": True}
