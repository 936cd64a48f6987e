"""What search loads takes 90 MB and a second: no process loads it before it searches."""

import subprocess
import sys

HEAVY = ("tantivy", "rjieba", "pypinyin", "meilisearch")


def test_the_service_starts_without_the_engine_and_its_dictionaries() -> None:
    program = f"import sys, services.catalog.app; print([m for m in {HEAVY} if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert told.stdout.decode().strip() == "[]"
