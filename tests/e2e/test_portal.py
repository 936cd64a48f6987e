"""The developer portal in a real Chromium, on the real stack."""

import os
import re
import secrets
import shutil
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import httpx2
import pytest

from services.identity.demonstration.sign_in import access_token
from tests.conformance.demonstration import Demonstration, demonstrated
from tests.conftest import Stack
from tests.e2e.chromium import PROGRAM, Chromium, chromium

_COMMANDS = re.compile(r'<pre data-run="([a-z-]+\.sh)"[^>]*><code>(.*?)</code></pre>', re.DOTALL)

TOOLS = ("curl", "jq", "openssl")
needs_tools = pytest.mark.skipif(
    not all(map(shutil.which, TOOLS)), reason=f"One of {', '.join(TOOLS)} is not installed."
)
needs_chromium = pytest.mark.skipif(PROGRAM is None, reason="Chromium is not installed.")


@pytest.fixture
async def province(stack: Stack) -> Demonstration:
    return await demonstrated(stack)


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Chromium]:
    async with chromium(tmp_path / "profile") as found:
        yield found


async def sign_in(page: Chromium, province: Demonstration, username: str) -> None:
    await page.fill("#username", username)
    await page.fill("#password", province.password(username))
    await page.click("main form button")
    await page.until("location.pathname.startsWith('/docs/applications')")


async def approve(stack: Stack, province: Demonstration, client_id: str) -> None:
    """As the security administrator does, over the interface."""
    token = await access_token(
        province.issuer, province.client, "security", province.password("security")
    )
    headers = {"authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(base_url=stack.gateway, timeout=20, trust_env=False) as http:
        one = f"/identity/v1/clients/{client_id}"
        read = await http.get(one, headers=headers)
        decided = await http.post(
            f"{one}/decisions/approve", headers={**headers, "if-match": read.headers["etag"]}
        )
        assert decided.status_code == 200, decided.text


@needs_chromium
async def test_an_integrator_registers_an_application_and_calls_with_its_key(
    stack: Stack, province: Demonstration, page: Chromium, tmp_path: Path
) -> None:
    await page.without_scripts()
    await page.go(f"{stack.gateway}/docs")
    await page.click("nav a[href='/docs/applications']")
    assert await page.run("location.pathname") == "/identity/login"
    await sign_in(page, province, "integrator")
    cookies = await page.run("document.cookie")
    assert "docs" not in cookies

    name = f"目录镜像 {secrets.token_hex(3)}"
    await page.click("main a.button")
    await page.fill("#name", name)
    await page.fill("#purpose", "每晚同步目录")
    await page.tick("input[value='catalog.read']")
    await page.click("main form button")
    assert "待审批" in await page.text("h1")
    client_id = await page.text("#client-id")
    await approve(stack, province, client_id)

    await page.go(f"{stack.gateway}/docs/applications/{client_id}")
    assert "已通过" in await page.text("h1")
    await page.fill("#key-name", "夜间任务")
    await page.click("#new-key-form button")
    key = {"x-api-key": await page.text("#new-key")}
    async with httpx2.AsyncClient(base_url=stack.gateway, timeout=20, trust_env=False) as http:
        for _ in range(3):
            answer = await http.get("/catalog/v1/resources", headers=key)
            assert answer.status_code == 200, answer.text
            assert "ratelimit" in answer.headers

    await page.click("a[href$='/webhooks']")
    await page.fill("#name", "资源同步")
    await page.fill("#url", "https://9.9.9.9/events")  # of nothing that it is told
    await page.tick("input[value='catalog.resource.published.v1']")
    await page.click("#subscribe-form button")
    assert (await page.text("#new-secret")).startswith("whsec_")
    for width in (1280, 390):
        await page.as_wide_as(width)
        await page.picture(tmp_path / f"webhook-{width}.png")
        assert await page.run("document.documentElement.scrollWidth <= window.innerWidth")
    await page.click("form[action$='/delete'] button")
    assert "还没有订阅" in await page.text()

    await page.click("#new-secret-form button")
    assert len(await page.text("#new-secret")) >= 32
    await used(page, f"{stack.gateway}/docs/applications/{client_id}")
    assert "每秒 5 次" in await page.text("#quota")
    for width in (1280, 390):
        await page.as_wide_as(width)
        await page.picture(tmp_path / f"application-{width}.png")
        assert await page.run("document.documentElement.scrollWidth <= window.innerWidth")

    await page.click("form[action$='/api-keys/revoke'] button")
    assert "已撤销" in await page.text()
    await page.click(".bar form button")
    assert await page.run("location.pathname") == "/docs"
    await page.go(f"{stack.gateway}/docs/applications")
    assert await page.run("location.pathname") == "/identity/login"
    assert page.complaints == []


async def used(page: Chromium, address: str) -> None:
    """The page's table of usage shows what was asked."""
    for _ in range(100):
        await page.go(address)
        if "GET /catalog/v1/resources" in await page.text():
            return
    raise AssertionError("nothing was counted")


@needs_chromium
async def test_the_reference_runs_under_a_policy_without_eval_and_inline(
    stack: Stack, page: Chromium
) -> None:
    await page.go(f"{stack.gateway}/docs/reference")
    await page.until("document.querySelectorAll('.opblock-tag').length > 10")
    await page.tick(".opblock-tag")
    await page.until("document.querySelector('.opblock-summary-control')")
    await page.tick(".opblock-summary-control")
    await page.until("document.querySelector('.opblock-body .responses-inner')")
    assert page.complaints == []


@needs_chromium
@pytest.mark.parametrize("path", ["/docs", "/docs/reference"])
async def test_open_pages_fit_a_telephone(stack: Stack, page: Chromium, path: str) -> None:
    await page.as_wide_as(390)
    await page.go(f"{stack.gateway}{path}")
    assert await page.run("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.complaints == []


@needs_tools
async def test_the_commands_of_the_guide_do_what_it_says(
    stack: Stack, province: Demonstration, gateway: httpx2.AsyncClient, tmp_path: Path
) -> None:
    guide = (await gateway.get("/docs")).text
    commands = [(name, unescape(text)) for name, text in _COMMANDS.findall(guide)]
    assert guide.count("curl -") == sum(text.count("curl -") for _, text in commands)
    script = "\n".join(f"echo '== {name}'\n{text}\necho" for name, text in commands)
    told = run(script, {**await credentials(stack, province), "BASE": stack.gateway}, tmp_path)
    assert [*told] == [name for name, _ in commands]
    assert '"items"' in told["first-call.sh"]
    assert '"items"' in told["api-key.sh"]
    assert "ratelimit-policy: " in told["quota.sh"]
    assert '"per_day":500000' in told["quota.sh"]
    assert '"type":"urn:shuyuan:problem:invalid-request"' in told["problem.sh"]
    first, second = told["idempotency.sh"].split()
    assert first == second
    assert re.fullmatch(r"[0-9a-f-]{36}", first)
    assert told["etag.sh"].strip() == "204"
    assert "null" not in told["pages.sh"]
    assert (tmp_path / "changes.cursor").read_text().strip() not in ("", "null")


def run(script: str, environment: dict[str, str], directory: Path) -> dict[str, str]:
    """What each part of a shell script said, by its name."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={"PATH": os.environ["PATH"], **environment},
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    parts = re.split(r"^== (.+)\n", done.stdout, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


async def credentials(stack: Stack, province: Demonstration) -> dict[str, str]:
    """Of the demonstration's application that reads the catalogue, with an API key of its own."""
    application: dict[str, Any] = next(
        each
        for each in province.told["clients"]
        if {"integrate", "catalog.read"} <= {*each["scopes"]}
    )
    token = await access_token(
        province.issuer, province.client, "admin-province", province.password("admin-province")
    )
    async with httpx2.AsyncClient(base_url=stack.gateway, timeout=20, trust_env=False) as http:
        issued = await http.post(
            f"/identity/v1/clients/{application['client_id']}/api-keys",
            headers={"authorization": f"Bearer {token}"},
            json={
                "name": "guide",
                "scopes": ["catalog.read"],
                "expires_at": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
            },
        )
        assert issued.status_code == 201, issued.text
    return {
        "CLIENT_ID": application["client_id"],
        "CLIENT_SECRET": application["client_secret"],
        "API_KEY": issued.json()["key"],
        "WEBHOOK_URL": "https://9.9.9.9/events",  # of nothing that it is told
    }
