from pathlib import Path

from tests.contract.configuration import drawn

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"


def test_the_reference_names_every_variable_that_is_read() -> None:
    assert DOCUMENT.read_text() == drawn(), "python -m tests.contract.configuration > docs/…"
