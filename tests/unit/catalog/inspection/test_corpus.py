"""Every hostile file is told from every honest one, by the reason that is true of it."""

from pathlib import Path

import pytest

from services.catalog.inspection.inspector import inspect
from services.catalog.inspection.report import Report
from tests.hostile.case import Case
from tests.hostile.corpus import HONEST, HOSTILE


def inspected(case: Case, tmp_path: Path) -> Report:
    path, work = tmp_path / "file", tmp_path / "work"
    path.write_bytes(case.make())
    work.mkdir()
    report = Report(work)
    inspect(path, case.filename, case.declared, report)
    return report


@pytest.mark.parametrize("case", HOSTILE, ids=lambda case: f"{case.name} ({case.filename[:20]})")
def test_a_hostile_file_is_refused_for_what_it_is(case: Case, tmp_path: Path) -> None:
    report = inspected(case, tmp_path)

    assert case.code in {finding["code"] for finding in report.findings}
    assert not report.derivatives


@pytest.mark.parametrize("case", HONEST, ids=lambda case: case.name)
def test_an_honest_file_is_clean(case: Case, tmp_path: Path) -> None:
    report = inspected(case, tmp_path)

    assert report.findings == []
    assert report.media_type


def test_the_corpus_is_as_large_as_it_should_be() -> None:
    assert len({case.make() for case in HOSTILE}) >= 150
    assert len(HONEST) >= 30
