"""What the portal ships: a library that nobody changed, and examples that do what they show."""

import hashlib
import importlib.util
import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.webhooks import new_secret, signature
from gateway.portal.renderer import EXAMPLES, HERE

LIBRARY = HERE / "vendor" / "swagger-ui"
BODY = '{"type":"catalog.resource.published.v1","title":"春"}'.encode()
NODE = shutil.which("node")


def test_the_vendored_library_is_the_release_that_it_says() -> None:
    lines = (LIBRARY / "SHA256SUMS").read_text().splitlines()
    told = {name: digest for digest, name in map(str.split, lines)}
    own = {"README.md", "SHA256SUMS"}
    assert {each.name for each in LIBRARY.iterdir()} - own == told.keys()
    assert {"LICENSE", "NOTICE"} < told.keys()
    for name, digest in told.items():
        assert hashlib.sha256((LIBRARY / name).read_bytes()).hexdigest() == digest, name


def by_python(secret: str, headers: dict[str, str], body: bytes) -> bool:
    found = importlib.util.spec_from_file_location("verify", EXAMPLES / "verify.py")
    assert found is not None
    assert found.loader is not None
    module: Any = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    answer: bool = module.verify(secret, headers, body)
    return answer


def by_javascript(secret: str, headers: dict[str, str], body: bytes) -> bool:
    given = json.dumps([secret, headers, body.hex()])
    script = (
        f"import {{ verify }} from {json.dumps((EXAMPLES / 'verify.mjs').as_uri())};"
        f"const [secret, headers, body] = {given};"
        "console.log(verify(secret, headers, Buffer.from(body, 'hex')));"
    )
    run = subprocess.run(
        [str(NODE), "--input-type=module", "-e", script],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return run.stdout.strip() == "true"


@pytest.mark.parametrize(
    "verify",
    [
        by_python,
        pytest.param(
            by_javascript, marks=pytest.mark.skipif(NODE is None, reason="Node is not installed.")
        ),
    ],
)
def test_the_guides_receivers_accept_our_signature_and_no_other(verify: Any) -> None:
    secret, former = new_secret(), new_secret()
    now = int(time.time())

    def signed(secrets: list[str], at: int = now) -> dict[str, str]:
        return {
            "webhook-id": "e-1",
            "webhook-timestamp": str(at),
            "webhook-signature": signature(secrets, "e-1", at, BODY),
        }

    assert verify(secret, signed([secret]), BODY)
    assert verify(former, signed([secret, former]), BODY)
    assert not verify(secret, signed([former]), BODY)
    assert not verify(secret, signed([secret]), BODY + b" ")
    assert not verify(secret, {**signed([secret]), "webhook-id": "e-2"}, BODY)
    assert not verify(secret, signed([secret], now - 600), BODY)


def test_the_guide_names_every_example() -> None:
    guide = (HERE / "templates" / "guide.html").read_text()
    assert all(f'"{each.name}"' in guide for each in Path(EXAMPLES).iterdir())
