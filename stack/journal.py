"""What the supervisor tells people."""

import contextlib
import os
import sys
from datetime import datetime
from pathlib import Path

from stack.logs import RotatingFile


class Journal:
    """Lines for a person: to standard error until `detach`, and always to a file."""

    def __init__(self, path: Path) -> None:
        self._file = RotatingFile(path)
        self._attached = True

    def say(self, line: str) -> None:
        if self._attached:
            # A reader that has gone away (`up | head`) is no reason to stop.
            with contextlib.suppress(OSError):
                print(f"  {line}", file=sys.stderr, flush=True)
        now = datetime.now().astimezone().isoformat(timespec="milliseconds")
        self._file.write(f"{now} {line}\n".encode())

    def detach(self) -> None:
        """Lets go of the terminal; what Python itself may still print joins the file."""
        self._attached = False
        sys.stdout.flush()
        sys.stderr.flush()
        with open(os.devnull, "rb") as nothing, self._file.path.open("ab") as file:
            os.dup2(nothing.fileno(), 0)
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
