"""Our log as Go's own reader of transparency logs sees it (golang.org/x/mod/sumdb)."""

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from services.copyright.parts.log import LogPart
from services.copyright.settings import Settings
from services.copyright.standalone.http import Answer
from services.copyright.standalone.signing import SigningProgram
from tests.conftest import CHECKOUT
from tests.service.copyright.conftest import answering
from tests.service.copyright.test_log import some, submit

SOURCE = CHECKOUT / "tests" / "conformance" / "go" / "audit.go"
DEBIAN = Path("/usr/share/gocode")
"""Where Debian's golang-golang-x-mod-dev lies."""

pytestmark = pytest.mark.skipif(
    shutil.which("go") is None or not (DEBIAN / "src/golang.org/x/mod/sumdb").exists(),
    reason="needs Debian's golang-go and golang-golang-x-mod-dev",
)


@pytest.fixture(scope="module")
def auditor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("go")
    environment = {
        **os.environ,
        "GO111MODULE": "off",
        "GOPATH": str(DEBIAN),
        "GOCACHE": str(folder / "cache"),
    }
    built = folder / "audit"
    command = ["go", "build", "-o", str(built), str(SOURCE)]
    subprocess.run(command, check=True, env=environment, capture_output=True, timeout=300)
    return built


async def test_go_finds_every_entry_proved_at_every_size(
    auditor: Path,
    app: FastAPI,
    settings: Settings,
    log: LogPart,
    signing: SigningProgram,
    client: httpx2.AsyncClient,
) -> None:
    for n in range(3):
        await submit(settings, *some(100, 100 * n))
        await log.worker.step()
    loop = asyncio.get_running_loop()

    def respond(_method: str, path: str, *_rest: object) -> Answer:
        asked = asyncio.run_coroutine_threadsafe(client.get(f"/copyright/log{path}"), loop)
        answer = asked.result()
        return Answer(answer.status_code, answer.content, "application/octet-stream")

    [vkey] = [v for v in signing.vkeys if v.startswith(f"{settings.log_origin}+")]
    with answering(respond) as url:
        audited = await asyncio.to_thread(
            subprocess.run, [str(auditor), vkey, url], capture_output=True, text=True, check=False
        )
    assert audited.returncode == 0, audited.stderr
    assert audited.stdout == f"{settings.log_origin}: 300 entries, all proved\n"
