"""`./shuyuan demo` as a newcomer runs it: a stack of its own, accidents chosen by a seed."""

import json
import subprocess

from tests.conftest import SHUYUAN

SECONDS = 240


def test_the_main_job_is_done_from_end_to_end_through_accidents() -> None:
    run = subprocess.run(
        [SHUYUAN, "demo", "--json"], capture_output=True, text=True, check=False, timeout=SECONDS
    )
    told = json.loads(run.stdout)
    failed = [step for step in told["steps"] if not step["ok"]]
    assert not failed, f"seed {told['seed']}: {failed}\n{run.stderr}"
    assert run.returncode == 0
    assert told["ok"]
    killed = [step["facts"]["killed"] for step in told["steps"] if "killed" in step["facts"]]
    assert len(killed) > 3, killed
