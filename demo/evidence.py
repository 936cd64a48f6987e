"""5. It is in the public log, witnessed and time-stamped; the evidence stands alone."""

import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from demo.people import Json
from demo.roster import TEACHER
from demo.stage import Stage
from demo.steps import Facts, check, until

API = "/copyright/v1"
VALID, INVALID = 0, 1
LOGGED_SECONDS = 60.0
_FLIPPED = "record.json"

# Whatever asks the network, in this process, ends it.
_ALONE = """
import runpy, sys
def refuse(event, details):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        raise SystemExit("the verifier asked the network")
sys.addaudithook(refuse)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def logged(stage: Stage) -> Facts:
    asked = f"{API}/registrations"

    def time_stamped() -> Json:
        items = stage.anybody.get(asked, resource_id=stage.lesson.id)["items"]
        return items[0] if items and items[0]["state"] == "timestamped" else None

    until(time_stamped, "the registration is time-stamped", LOGGED_SECONDS)
    [item] = stage.anybody.get(asked, resource_id=stage.lesson.id)["items"]
    stage.lesson.registration = item["id"]
    checkpoint = stage.anybody.get("/copyright/log/checkpoint").decode()
    origin, size, *_ = checkpoint.splitlines()
    signed = [line.split()[1] for line in checkpoint.splitlines() if line.startswith("— ")]
    return {
        "code": item["code"],
        "state": item["state"],
        "log": origin,
        "size": int(size),
        "by": signed,
    }


def verified(stage: Stage) -> Facts:
    """By the shipped verifier, which is let nowhere; one flipped byte, and it says where."""
    bundle = stage.person(TEACHER).get(f"{API}/registrations/{stage.lesson.registration}/evidence")
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        trust = stage.anybody.ask("GET", f"{API}/trust").content
        (here / "trust.json").write_bytes(trust)
        inside = zipfile.ZipFile(io.BytesIO(bundle))
        (here / "verify.py").write_bytes(inside.read("verify.py"))
        code, said = _verdict(here, bundle)
        check(code == VALID, f"the evidence is not valid: {said}")
        flipped, why = _verdict(here, _with_a_flipped_byte(inside))
        check(flipped == INVALID, f"a flipped byte passed with {flipped}: {why}")
    return {"bytes": len(bundle), "files": len(inside.namelist()), "flipped byte": why}


def _verdict(folder: Path, bundle: bytes) -> tuple[int, str]:
    """The exit code, and the last line that is not empty."""
    (folder / "evidence.zip").write_bytes(bundle)
    command = [sys.executable, "-I", "-c", _ALONE, "verify.py", "evidence.zip"]
    run = subprocess.run(
        [*command, "--trust", "trust.json"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    said = [line for line in (run.stdout + run.stderr).splitlines() if "✗" in line or line]
    return run.returncode, next((each for each in said if "✗" in each), said[-1] if said else "")


def _with_a_flipped_byte(bundle: zipfile.ZipFile) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as changed:
        for each in bundle.infolist():
            content = bytearray(bundle.read(each))
            if each.filename == _FLIPPED:
                content[len(content) // 2] ^= 1
            changed.writestr(each, bytes(content))
    return target.getvalue()
