"""Debian's Chromium without a window, driven by the Chrome DevTools Protocol over a pipe."""

import asyncio
import base64
import contextlib
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

PROGRAM = shutil.which("chromium")
WAITS_SECONDS = 20.0
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # it refuses to run as root with one
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
    "--accept-lang=zh-CN",
)


class PageDisagrees(AssertionError):
    """The page did not become what was waited for."""


class Chromium:
    """One page. ``complaints`` are what its console was told: refused by the content security
    policy, failed to load, thrown by a script."""

    def __init__(self, reader: asyncio.StreamReader, to_browser: int) -> None:
        self.complaints: list[str] = []
        self._reader = reader
        self._to_browser = to_browser
        self._session: str | None = None
        self._last = 0
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}

    async def open(self) -> None:
        target = await self._call("Target.createTarget", url="about:blank")
        attached = await self._call(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        self._session = attached["sessionId"]
        for domain in ("Page", "Log", "Runtime"):
            await self._call(f"{domain}.enable")

    async def go(self, url: str) -> None:
        """Load `url`, to its end."""
        await self.run("window.left = true")
        await self._call("Page.navigate", url=url)
        await self._arrived()

    async def click(self, selector: str) -> None:
        """Click on what leads to another page, and wait for that."""
        await self.run("window.left = true")
        await self.run(f"{_one(selector)}.click()")
        await self._arrived()

    async def tick(self, selector: str) -> None:
        """Click on what leads nowhere."""
        await self.run(f"{_one(selector)}.click()")

    async def fill(self, selector: str, text: str) -> None:
        await self.run(f"{_one(selector)}.value = {json.dumps(text)}")

    async def text(self, selector: str = "main") -> str:
        return str(await self.run(f"{_one(selector)}.innerText"))

    async def until(self, condition: str) -> None:
        """Wait for an expression to be true. Raises `PageDisagrees`."""
        try:
            async with asyncio.timeout(WAITS_SECONDS):
                while not await self.run(f"Boolean({condition})"):  # noqa: ASYNC110 - another process
                    await asyncio.sleep(0.05)
        except TimeoutError:
            shown = await self.run("location.href + '\\n' + document.body.innerText")
            raise PageDisagrees(f"never {condition} at {shown}") from None

    async def run(self, expression: str) -> Any:
        """The value of a JavaScript expression. Raises `PageDisagrees` for what it throws."""
        told = await self._call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in told:
            raise PageDisagrees(f"{expression}: {told['exceptionDetails']}")
        return told["result"].get("value")

    async def without_scripts(self, off: bool = True) -> None:
        """Whether pages that are opened from now on may run their scripts."""
        await self._call("Emulation.setScriptExecutionDisabled", value=off)

    async def as_wide_as(self, pixels: int) -> None:
        await self._call(
            "Emulation.setDeviceMetricsOverride",
            width=pixels,
            height=900,
            deviceScaleFactor=1,
            mobile=pixels < 600,
        )

    async def picture(self, path: Path) -> None:
        """The whole page as a PNG file."""
        shot = await self._call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    async def listen(self) -> None:
        """Take in what the browser says, until it is gone."""
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                self._hear(json.loads((await self._reader.readuntil(b"\0"))[:-1]))

    def _hear(self, told: dict[str, Any]) -> None:
        if "id" in told:
            if not (answer := self._answers.pop(told["id"])).cancelled():
                answer.set_result(told)
        elif told["method"] == "Log.entryAdded":
            entry = told["params"]["entry"]
            if entry["level"] in ("warning", "error"):
                self.complaints.append(f"{entry['source']}: {entry['text']} {entry.get('url')}")
        elif told["method"] == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(told["params"]["exceptionDetails"]))

    async def _arrived(self) -> None:
        await self.until("window.left === undefined && document.readyState === 'complete'")

    async def _call(self, method: str, **params: Any) -> dict[str, Any]:
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        answer = self._answers[self._last] = asyncio.get_running_loop().create_future()
        os.write(self._to_browser, json.dumps(message).encode() + b"\0")
        async with asyncio.timeout(WAITS_SECONDS):
            told = await answer
        if "error" in told:
            # Between two pages there is none to ask: the question is put again.
            if method == "Runtime.evaluate":
                return {"result": {}}
            raise PageDisagrees(f"{method}: {told['error']}")
        result: dict[str, Any] = told["result"]
        return result


@asynccontextmanager
async def chromium(profile: Path) -> AsyncIterator[Chromium]:
    """A browser that knows nothing yet; ``profile`` is an empty directory."""
    to_browser, from_us = os.pipe()[::-1]
    from_browser, to_us = os.pipe()
    process = await asyncio.create_subprocess_exec(
        # The protocol has fixed numbers for the two pipes: 3 to read, 4 to write.
        *("bash", "-c", f'exec "$@" 3<&{from_us} 4>&{to_us}', "bash", str(PROGRAM), *_OPTIONS),
        f"--user-data-dir={profile}",
        pass_fds=(from_us, to_us),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(from_us)
    os.close(to_us)
    reader = asyncio.StreamReader(limit=64 << 20)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(from_browser, "rb")
    )
    page = Chromium(reader, to_browser)
    listening = asyncio.create_task(page.listen())
    try:
        await page.open()
        yield page
    finally:
        os.close(to_browser)  # on which it leaves, with all its processes
        await process.wait()
        await listening
        transport.close()


def _one(selector: str) -> str:
    return f"document.querySelector({json.dumps(selector)})"
