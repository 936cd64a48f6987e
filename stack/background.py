"""`up --detach`: the supervisor stays, the command returns when everything is ready."""

import os
import signal
import sys
from collections.abc import Callable

from stack.errors import StackError


def fork() -> Callable[[], None] | None:
    """In the child, a function that lets the waiting parent go; in the parent None, after that.

    The parent passes a Ctrl-C on. When the child ends without letting it go, the parent exits
    with the child's exit code: it has already said why. StackError when the child was killed.
    """
    wait_end, release_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(wait_end)
        os.setsid()

        def release() -> None:
            os.write(release_end, b"\0")
            os.close(release_end)

        return release

    os.close(release_end)
    if _read_patiently(wait_end, child):
        return None
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        name = signal.Signals(-code).name
        raise StackError(f"The supervisor was killed by {name} while it started. Start again.")
    sys.exit(code)


def _read_patiently(wait_end: int, child: int) -> bytes:
    while True:
        try:
            return os.read(wait_end, 1)
        except KeyboardInterrupt:
            os.kill(child, signal.SIGTERM)
