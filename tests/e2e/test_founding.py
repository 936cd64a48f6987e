"""An empty installation, as its operator and its first administrators begin it."""

import asyncio
import html
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import httpx2
import pytest

from tests.conftest import SHUYUAN

PASSWORD = "a heron stands in the river"
FOUND = [
    *("run", "identity", "found", "云南省", "530000", "--administrator", "zhang", "张伟"),
    *("--security-administrator", "li", "李娜", "--auditor", "wang", "王芳"),
]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The data directory of a stack without demonstration, and its gateway."""
    data = tmp_path_factory.mktemp("empty")
    told = run(data, "up", "--port", "0", "--detach", "--json")
    yield data, json.loads(told)["gateway"]
    run(data, "down")


def run(data: Path, command: str, *arguments: str) -> str:
    done = subprocess.run(
        [SHUYUAN, command, "--data", str(data), *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class Browser:
    """Follows redirections and sends the one form of a page, with what it holds."""

    def __init__(self) -> None:
        self.http = httpx2.AsyncClient(trust_env=False, timeout=20, follow_redirects=True)
        self.page = httpx2.Response(200)

    async def open(self, address: str) -> None:
        self.page = (await self.http.get(address)).raise_for_status()

    async def submit(self, **typed: str) -> None:
        [form] = re.findall(r'<form method="post".*?</form>', self.page.text, re.DOTALL)
        action = re.search(r'action="([^"]*)"', form)
        held = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form)
        fields = {name: html.unescape(value) for name, value in held} | typed
        there = urljoin(str(self.page.url), html.unescape(action[1]) if action else "")
        self.page = (await self.http.post(there, data=fields)).raise_for_status()


async def test_three_are_appointed_and_one_begins_at_a_terminal(empty: tuple[Path, str]) -> None:
    data, gateway = empty
    links = re.findall(r"http://\S+token=\S+", run(data, *FOUND[:1], *FOUND[1:]))
    assert len(links) == 3
    for link in links:
        browser = Browser()
        await browser.open(link)
        await browser.submit(password=PASSWORD, again=PASSWORD)
    again = run(data, *FOUND)
    assert "token=" not in again
    assert again.count("已任职") == 3

    terminal = await asyncio.create_subprocess_exec(
        *(SHUYUAN, "token", "--data", str(data)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert terminal.stderr is not None
    shown = (await asyncio.wait_for(terminal.stderr.readline(), 30)).decode()
    browser = Browser()
    [address] = re.findall(r"http://\S+", shown)
    await browser.open(address)
    await browser.submit(username="zhang", password=PASSWORD)
    await browser.submit(user_code=address.partition("user_code=")[2])
    await browser.submit(decision="allow")
    assert "设备已连接" in browser.page.text, re.sub("<[^>]+>|\\s+", " ", browser.page.text)
    printed, _ = await asyncio.wait_for(terminal.communicate(), 60)
    bearer = {"authorization": f"Bearer {printed.decode().strip()}"}
    async with httpx2.AsyncClient(base_url=gateway, headers=bearer, trust_env=False) as http:
        [province] = (await http.get("/identity/v1/organisations")).json()["items"]
        city = {
            "parent": province["id"],
            "kind": "city",
            "name": "昆明市",
            "division_code": "530100",
        }
        answer = await http.post("/identity/v1/organisations", json=city)
        assert answer.status_code == 201, answer.text
