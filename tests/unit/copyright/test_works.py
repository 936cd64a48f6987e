"""Works of several files, and what a bundle tells about them."""

from collections.abc import Mapping

import pytest

from services.copyright.verify.bundle import BundleMalformed
from services.copyright.verify.canonical import canonical, manifest_root
from services.copyright.verify.evidence import Absent, Evidence
from services.copyright.verify.merkle import CannotCheck
from services.copyright.verify.registered import content
from services.copyright.verify.report import Verdict
from services.copyright.verify.trust import Trust
from tests.unit.copyright.samples import described, event

FILES = {"课件/第一课.txt": b"one", "课件/第二课.txt": b"two"}
MANIFEST = [described(data) | {"path": path} for path, data in FILES.items()]
RECORD = event([], digests=None, manifest_root=manifest_root(MANIFEST))
ENCLOSED = {f"content/{path}": data for path, data in FILES.items()}
LISTED = {"manifest.json": canonical(MANIFEST)}


def evidence(members: Mapping[str, bytes], work: bytes | None = None) -> Evidence:
    return Evidence({"record.json": RECORD, **members}, Trust({}, None, b""), work=work)


@pytest.mark.parametrize(
    ("members", "work"),
    [(ENCLOSED, None), (ENCLOSED, b"two"), (LISTED, b"one"), (ENCLOSED | LISTED, b"two")],
)
def test_files_of_the_work_are_recognised(members: dict[str, bytes], work: bytes | None) -> None:
    assert content(evidence(members, work)).verdict is Verdict.GOOD


@pytest.mark.parametrize(
    ("members", "work"),
    [
        ({**ENCLOSED, "content/third.txt": b"three"}, None),
        ({"content/课件/第一课.txt": b"one"}, None),
        ({"content/课件/第一课.txt": b"two", "content/课件/第二课.txt": b"one"}, None),
        ({"manifest.json": canonical(MANIFEST[:1])}, None),
        ({"manifest.json": canonical([{"path": "x"}])}, None),
        (ENCLOSED, b"three"),
        (LISTED, b"three"),
    ],
)
def test_other_files_are_refused(members: dict[str, bytes], work: bytes | None) -> None:
    with pytest.raises(BundleMalformed):
        content(evidence(members, work))


def test_a_file_cannot_be_judged_without_the_list() -> None:
    with pytest.raises(CannotCheck):
        content(evidence({}, b"one"))
    for members in ({}, LISTED):
        with pytest.raises(Absent):
            content(evidence(members))
