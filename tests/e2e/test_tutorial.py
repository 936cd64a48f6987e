"""Every command of docs/tutorial.md, in its order, in one shell, on the running stack."""

import asyncio
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.conformance.demonstration import demonstrated
from tests.conftest import CHECKOUT, Stack

TUTORIAL = CHECKOUT / "docs" / "tutorial.md"
SECONDS = 300
_BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = "\x1e"
"""Stands between what two blocks print."""


def steps() -> Iterator[tuple[str, str]]:
    """Commands, and what the document shows that they print; `…` stands for anything."""
    blocks = _BLOCK.findall(TUTORIAL.read_text())
    for (kind, text), (next_kind, shown) in zip(blocks, [*blocks[1:], ("", "")], strict=True):
        if kind == "sh":
            yield text, shown if next_kind == "text" else ""


def fits(printed: str, shown: str) -> bool:
    pattern = re.escape(shown.rstrip()).replace("…", ".*")
    return re.fullmatch(pattern, printed.rstrip(), re.DOTALL) is not None


async def test_the_tutorial_prints_what_it_shows(stack: Stack, tmp_path: Path) -> None:
    await demonstrated(stack)
    told = list(steps())
    script = tmp_path / "tutorial.sh"
    script.write_text("".join(f"{commands}printf '{_MARK}'\n" for commands, _ in told))
    run = await asyncio.to_thread(
        subprocess.run,
        ["bash", "-eu", str(script)],
        cwd=CHECKOUT,
        env={**os.environ, "DIR": str(stack.data), "TMPDIR": str(tmp_path), "no_proxy": "*"},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    printed = run.stdout.split(_MARK)
    for (commands, shown), output in zip(told, printed, strict=False):
        assert fits(output, shown), f"{commands}\nprinted:\n{output}\n{run.stderr}"
    assert run.returncode == 0, f"{printed[-1]}\n{run.stderr}"
