"""`./shuyuan drill`: a stack is lost under load and restored, and what is missing is counted.

Clients upload files and send learning records, and note what they were told. In the middle of it
PostgreSQL is killed and its directory removed; then all the rest is, too. After the restore every
answer must still be true: rows there exactly once, bytes with their digest, and whatever was not
answered is asked again under its Idempotency-Key. With `--from`, a real backup is restored beside
what runs.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from demo.drill_load import Load
from demo.steps import Facts, Failed, Step, check, timed
from shared.services import SERVICES
from stack import CHECKOUT

TELL_NOBODY = {
    "SHUYUAN_GATEWAY_WEBHOOK_PORTS": "9",
    "SHUYUAN_COPYRIGHT_EVIDENCE_PLATFORMS": "[]",
}
"""A copy must not tell the world what the platform itself tells."""


class Drill:
    """`place` is thrown away afterwards; `rto` is what the restore and the start took together."""

    def __init__(self, place: Path, seconds: float, source: Path | None) -> None:
        self._place = place
        self._seconds = seconds
        self._source = source or place / "backup"
        self._restored = place / "restored"
        self._load: Load
        self.rto = 0.0
        self.lost: int | None = None

    def steps(self, *, rehearsal: bool) -> list[Step]:
        """Until one fails. A rehearsal makes its own stack and backup."""
        before = (
            ("start a stack with an archive 启动并归档", self._start),
            ("load, then lose PostgreSQL 写入中丢失数据库", self._lose),
        )
        both = (
            ("restore 恢复", self._restore),
            ("start what was restored 启动恢复的系统", self._up),
        )
        after = (
            (("count what is missing 逐条核对", self._count),)
            if rehearsal
            else (("audit chains and files 审计链与文件", self._check),)
        )
        done: list[Step] = []
        for name, act in (*(before if rehearsal else ()), *both, *after):
            done.append(timed(name, act))
            if not done[-1].ok:
                break
        return done

    def down(self) -> None:
        for data in (self._place / "data", self._restored):
            if (data / "run").exists():
                _shuyuan("down", "--data", str(data))

    def _start(self) -> Facts:
        data = self._place / "data"
        told = _shuyuan(
            *("up", "--demo", "--data", str(data), "--archive", str(self._source)),
            *("--port", "0", "--detach", "--json"),
        )
        self._load = Load(data, str(told["gateway"]), self._place / "journal.jsonl")
        return {"gateway": told["gateway"], "seconds": told["seconds"]}

    def _lose(self) -> Facts:
        data = self._place / "data"
        with self._load.at_work():
            time.sleep(self._seconds)
            state = json.loads((data / "run" / "state.json").read_text())
            [pid] = [each["pid"] for each in state["components"] if each["name"] == "postgres"]
            os.kill(pid, signal.SIGKILL)
            (data / "postgres").rename(data / "lost")
            shutil.rmtree(data / "lost")
            time.sleep(0.5)
        _shuyuan("down", "--data", str(data))
        shutil.rmtree(data)
        return self._load.told()

    def _restore(self) -> Facts:
        began = time.monotonic()
        restored = ("--from", str(self._source), "--data", str(self._restored))
        facts = _shuyuan("restore", *restored, "--json")
        self.rto = time.monotonic() - began
        return {key: facts[key] for key in ("base", "last_commit", "objects", "seconds")}

    def _up(self) -> Facts:
        began = time.monotonic()
        # What was told a client names the gateway, so a rehearsal keeps its port.
        port = () if self._source == self._place / "backup" else ("--port", "0")
        told = _shuyuan("up", "--data", str(self._restored), *port, "--detach", "--json")
        self.rto += time.monotonic() - began
        return {"gateway": told["gateway"], "seconds": told["seconds"]}

    def _count(self) -> Facts:
        facts = self._load.compared()
        self.lost = facts["rows lost"]
        check(
            not any(facts[each] for each in ("rows lost", "rows doubled", "files lost")), str(facts)
        )
        return facts

    def _check(self) -> Facts:
        commands = [*((service, "verify-audit") for service in SERVICES), ("catalog", "scrub")]
        for service, command in commands:
            _shuyuan("run", "--data", str(self._restored), service, command)
        return {"checked": [" ".join(each) for each in commands]}


def _shuyuan(*arguments: str) -> dict[str, Any]:
    """A command of ours; what it says goes to the terminal, its JSON comes back."""
    run = subprocess.run(
        [sys.executable, "-m", "stack", *arguments],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        env={**os.environ, **TELL_NOBODY},
        check=False,
    )
    if run.returncode:
        raise Failed(f"./shuyuan {arguments[0]} exited with {run.returncode}")
    told: dict[str, Any] = json.loads(run.stdout) if "--json" in arguments else {}
    return told


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./shuyuan drill", allow_abbrev=False)
    parser.add_argument("--from", dest="source", type=Path)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(argv)
    place = Path(tempfile.mkdtemp(prefix="shuyuan-drill-"))
    place.chmod(0o711)
    drill = Drill(place, asked.seconds, asked.source)
    with ExitStack() as leaving:
        leaving.callback(drill.down)
        steps = drill.steps(rehearsal=asked.source is None)
    ok = all(step.ok for step in steps)
    rto = round(drill.rto, 1)
    if asked.json:
        told = {
            "ok": ok,
            "rows_lost": drill.lost,
            "rto_seconds": rto,
            "steps": [vars(s) for s in steps],
        }
        print(json.dumps(told, ensure_ascii=False))
    elif ok:
        lost = "" if drill.lost is None else f"RPO: {drill.lost} committed rows lost. "
        print(f"演练成功 The drill succeeded. {lost}RTO: {rto} s.")
    else:
        print(f"演练失败 The drill failed. What it made is kept in {place}")
    if ok:
        shutil.rmtree(place)
    return 0 if ok else 1


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
