import pytest

from services.catalog.parts.scrubbing import scrub


def test_the_scrubber_without_its_services_settings_says_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHUYUAN_CATALOG_DATABASE_URL", "postgresql://catalog@127.0.0.1:9/catalog")
    assert scrub([]) == 2
    told = capsys.readouterr().err
    assert "SHUYUAN_CATALOG_*" in told
    assert "Traceback" not in told
