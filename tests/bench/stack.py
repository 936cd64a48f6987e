"""A stack of its own for the benchmarks, on a throw-away data directory."""

import asyncio
import json
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

CHECKOUT = Path(__file__).resolve().parents[2]
UNLIMITED = {
    **os.environ,
    "SHUYUAN_GATEWAY_QUOTA_FACTOR": "1000",
    "SHUYUAN_ENVOY_RATE_FACTOR": "1000",
}
"""Quotas and rates are counted as ever, and stop no load."""


@dataclass(frozen=True)
class BenchStack:
    """A running stack; ``components`` is what ``status --json`` tells of each."""

    data: Path
    gateway: str
    components: dict[str, dict[str, Any]]

    def pid(self, component: str) -> int:
        return int(self.components[component]["pid"])

    def address(self, component: str) -> str:
        return str(self.components[component]["address"])

    def database_url(self, service: str) -> str:
        """Of the service's own role, with its password."""
        secret = self.data / "secrets" / service / f"shuyuan_{service}_database_password"
        place = self.address("postgres").removeprefix("postgresql://")
        return f"postgresql://{service}:{secret.read_text()}@{place}/{service}"


@asynccontextmanager
async def running_stack() -> AsyncIterator[BenchStack]:
    with tempfile.TemporaryDirectory(prefix="shuyuan-bench-") as folder:
        told = await _shuyuan("up", "--data", folder, "--port", "0", "--detach", "--json")
        try:
            status = await _shuyuan("status", "--data", folder, "--json")
            components = {each["name"]: each for each in status["components"]}
            yield BenchStack(Path(folder), told["gateway"], components)
        finally:
            await _shuyuan("down", "--data", folder)


async def _shuyuan(*arguments: str) -> Any:
    process = await asyncio.create_subprocess_exec(
        *(str(CHECKOUT / "shuyuan"), *arguments), stdout=asyncio.subprocess.PIPE, env=UNLIMITED
    )
    printed, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"./shuyuan {arguments[0]} ended with {process.returncode}")
    return json.loads(printed) if "--json" in arguments else None


@asynccontextmanager
async def beside(module: str, environment: dict[str, str]) -> AsyncIterator[tuple[str, int]]:
    """`module` as a server on a free port beside the stack: its address and its pid."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, str(port)), env={**os.environ, **environment}
    )
    address = f"http://127.0.0.1:{port}"
    try:
        await _answering(address)
        yield address, process.pid
    finally:
        process.terminate()
        await process.wait()


async def _answering(address: str) -> None:
    async with httpx2.AsyncClient(trust_env=False) as client:
        for _ in range(100):
            try:
                await client.get(address)
            except httpx2.HTTPError:
                await asyncio.sleep(0.1)
            else:
                return
    raise RuntimeError(f"{address} does not answer")
