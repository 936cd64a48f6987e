"""Named moments at which a process under test kills itself, once the harness has armed them.

A kill from outside rarely falls between a commit and the answer to it; these do.
"""

import os
import signal
from pathlib import Path

WRITER = ("writer-before-commit", "writer-after-commit", "relay-after-publish")
READER = ("reader-before-commit", "reader-after-commit")


class Moments:
    """Moments are armed by files in a folder that both sides know."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def arm(self, name: str) -> None:
        """Let the next process that comes by `name` die there."""
        (self._folder / name).touch()

    def disarm(self, name: str) -> bool:
        """Take `name` back; whether it was still armed."""
        try:
            (self._folder / name).unlink()
        except FileNotFoundError:
            return False
        return True

    def pass_by(self, name: str) -> None:
        """Die by SIGKILL, here and now, if `name` is armed."""
        if self.disarm(name):
            os.kill(os.getpid(), signal.SIGKILL)
