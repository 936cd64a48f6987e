"""One file, inspected in a confined process.

Reads a JSON object from standard input (`path`, `filename`, `declared`, `work` and the limits of
`confinement.confine`), writes JSON lines to standard output: `{"step", "progress"}` as it goes and
at last `{"report": ...}`. What is made lies in the directory `work`.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import TextIO

from services.catalog.inspection.confinement import confine
from services.catalog.inspection.inspector import inspect
from services.catalog.inspection.report import Report

_BETWEEN_TELLINGS = 0.5
_LEAST_SECONDS = 10
_SECONDS_A_MEBIBYTE = 2
"""Of processor time: a small file has no reason to take as long as a large one may."""


def main() -> None:
    asked = json.loads(sys.stdin.readline())
    told = _own_output()
    path, work = Path(asked["path"]), Path(asked["work"])
    os.environ["TMPDIR"] = str(work)
    held = confine(
        path,
        work,
        memory=asked["memory"],
        seconds=min(asked["seconds"], allowed_seconds(path.stat().st_size)),
        written=asked["written"],
        checkout=Path.cwd(),
    )
    report = Report(work)
    last = 0.0

    def progress(step: str, percent: int) -> None:
        nonlocal last
        if time.monotonic() - last > _BETWEEN_TELLINGS:
            last = time.monotonic()
            print(json.dumps({"step": step, "progress": percent}), file=told, flush=True)

    inspect(path, asked["filename"], asked["declared"], report, progress)
    whole = {
        "media_type": report.media_type,
        "findings": report.findings,
        "facts": report.facts,
        "confined": held,
        "fault": report.fault,
        "content_code": report.content_code,
        "derivatives": [
            {
                "kind": each.kind,
                "number": each.number,
                "media_type": each.media_type,
                "width": each.width,
                "height": each.height,
            }
            for each in report.derivatives
        ],
    }
    print(json.dumps({"report": whole}), file=told, flush=True)


def allowed_seconds(size: int) -> int:
    """Processor time for a file of `size` bytes, before the configured limit."""
    return _LEAST_SECONDS + _SECONDS_A_MEBIBYTE * (size >> 20)


def _own_output() -> TextIO:
    """Standard output for us alone: libraries that print there print nowhere."""
    own = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    return own


if __name__ == "__main__":
    main()
