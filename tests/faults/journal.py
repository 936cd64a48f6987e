"""What clients were told, kept outside of everything under test and outside of its faults."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Journal:
    """Lines of JSON in a file. A line that `note` returned for survives a loss of power."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(self, what: str, **facts: Any) -> None:
        os.write(self._file, json.dumps({"what": what, **facts}).encode() + b"\n")
        os.fdatasync(self._file)

    def noted(self, what: str) -> Iterator[dict[str, Any]]:
        """The facts of every line of one kind, in their order."""
        for line in self._path.read_text().splitlines():
            facts = json.loads(line)
            if facts.pop("what") == what:
                yield facts

    def close(self) -> None:
        os.close(self._file)
