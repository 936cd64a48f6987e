import pytest

from services.catalog.parts import scrubbing
from services.catalog.parts.scrubbing import scrub
from services.catalog.settings import Settings


def test_the_scrubber_without_its_services_settings_says_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHUYUAN_CATALOG_DATABASE_URL", "postgresql://catalog@127.0.0.1:9/catalog")
    assert scrub([]) == 2
    told = capsys.readouterr().err
    assert "SHUYUAN_CATALOG_*" in told
    assert "Traceback" not in told


@pytest.mark.parametrize(("argv", "every"), [([], True), (["--open"], False)])
def test_every_file_is_read_unless_what_was_found_alone_is_asked_for(
    argv: list[str], every: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    async def told(_settings: Settings, *, every: bool) -> int:
        asked.append(every)
        return 1

    monkeypatch.setenv("SHUYUAN_CATALOG_DATABASE_URL", "postgresql://catalog@127.0.0.1:9/catalog")
    monkeypatch.setattr(scrubbing, "_scrub", told)
    assert scrub(argv) == 1
    assert asked == [every]
