import shutil
import subprocess
from pathlib import Path

import pytest

JS = Path(__file__).parent / "js"


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The JavaScript clients, installed as their lock file says."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed: the JavaScript clients cannot be.")
    folder = tmp_path_factory.mktemp("js")
    for each in JS.iterdir():
        if each.is_file():
            shutil.copy(each, folder)
    done = subprocess.run(
        [npm, "ci", "--no-audit", "--no-fund"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    if done.returncode:
        pytest.skip(f"npm ci could not install the JavaScript clients: {done.stderr[-300:]}")
    return folder
