"""`python -m stack.nursery SOCKET SUPERVISOR`: imports what every service needs, then forks them.

These imports cost each process of ours a second of processor time and forty megabytes; a fork has
them for nothing. What it runs is exactly what `stack.early` runs. A child is forked twice, so that
its parent ends at once and the supervisor, a subreaper while it asks (prctl(2)), becomes its
parent, as of any other component.
"""

import ctypes
import gc
import importlib
import json
import os
import resource
import socket
import sys
import time
from collections.abc import Sequence
from typing import Any

from stack import early
from stack.launch import OPEN_FILES, PR_SET_PDEATHSIG

COMMON = ("shared.command", "alembic.command", "sqlalchemy.dialects.postgresql.asyncpg")
READY = b"ready"
LONGEST_REQUEST = 1 << 20
_PR_SET_NAME = 15
_ADOPTED_WITHIN = 5.0


def main(channel: int, supervisor: int) -> None:
    """Serve requests until the supervisor closes the channel.

    A request is JSON: the arguments of `stack.early`, the environment, the directory, the signal
    that is sent when the supervisor dies; with it come standard input and output. The answer is the
    child's pid.
    """
    gc.disable()  # next to nothing of what imports make is garbage: a fifth of their time
    for module in COMMON:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # so that children do not copy these pages by looking for garbage in them
    with socket.socket(fileno=channel) as asked:
        asked.send(READY)
        while True:
            message, (*given,), _, _ = socket.recv_fds(asked, LONGEST_REQUEST, 2)
            if not message:
                return
            request = json.loads(message)
            if pid := _fork_twice():
                for each in given:
                    os.close(each)
                asked.send(str(pid).encode())
                continue
            break
    _become(request, given, supervisor)


def _fork_twice() -> int:
    """The pid of the grandchild; 0 in the grandchild itself."""
    told, tell = os.pipe()
    if child := os.fork():
        os.close(tell)
        with os.fdopen(told) as pid:
            found = int(pid.read())
        os.waitpid(child, 0)
        return found
    if grandchild := os.fork():
        os.write(tell, str(grandchild).encode())
        os._exit(0)
    os.close(told)
    os.close(tell)
    return 0


def _become(request: dict[str, Any], given: Sequence[int], supervisor: int) -> None:
    os.setsid()
    deadline = time.monotonic() + _ADOPTED_WITHIN
    while os.getppid() != supervisor and time.monotonic() < deadline:
        time.sleep(0.001)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, request["signal"], 0, 0, 0)
    if os.getppid() != supervisor:
        sys.exit("the supervisor died before its child began")
    libc.prctl(_PR_SET_NAME, request["name"].encode()[:15], 0, 0, 0)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    standard_input, output = given
    for target, source in ((0, standard_input), (1, output), (2, output)):
        os.dup2(source, target)
    for each in given:
        os.close(each)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    sys.path[0] = request["cwd"]
    early.main(*request["argv"])


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
