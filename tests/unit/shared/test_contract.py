from pathlib import Path

import pytest

from shared import contract


def test_a_schema_of_an_event_that_is_no_longer_emitted_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contract, "FOLDER", tmp_path)
    events = tmp_path / "events"
    events.mkdir()
    emitted = events / "catalog.upload.completed.v1.json"
    stray = events / "catalog.upload.forgotten.v1.json"
    for path in (emitted, stray, events / "identity.person.left.v1.json"):
        path.touch()
    assert contract.strays("catalog", [tmp_path / "catalog.json", emitted]) == [stray]
