"""A process that gives up everything it does not need before it looks at a stranger's file.

What Linux grants of this is taken, each by itself: kernels and containers differ. Beside it, the
process has an empty environment, so no secret is in reach to begin with.
"""

import ctypes
import os
import resource
import signal
import struct
import sys
import sysconfig
from pathlib import Path
from typing import Final

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_CLONE_NEWNET, _CLONE_NEWUSER = 0x40000000, 0x10000000
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # landlock(7)
_PATH_BENEATH = 1
_READ = 1 << 0 | 1 << 2 | 1 << 3
"""Execute, read a file, list a directory."""
_WRITE = _READ | 1 << 1 | 1 << 5 | 1 << 8
"""And write to, remove and make regular files."""
_ALL: Final = (1 << 13) - 1
"""Every right of the first version, which every later one knows."""


def confine(
    file: Path, work: Path, *, memory: int, seconds: int, written: int, checkout: Path
) -> list[str]:
    """Bound this process for good; returns what took hold. It may read `file`, libraries and
    `checkout`, write below `work` no file of more than `written` bytes, use `memory` bytes of
    addresses and `seconds` of processor time."""
    libc = ctypes.CDLL(None, use_errno=True)
    held = []
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    os.nice(10)
    if not libc.unshare(_CLONE_NEWNET) or not libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET):
        held.append("network")
    if not libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        held.append("privileges")
    if _restrict_files(libc, file, work, checkout):
        held.append("files")
    for kind, limit in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, written),
        (resource.RLIMIT_NOFILE, 128),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (limit, limit))
    held.append("limits")
    return held


def _restrict_files(libc: ctypes.CDLL, file: Path, work: Path, checkout: Path) -> bool:
    rights = struct.pack("Q", _ALL)
    ruleset = libc.syscall(_CREATE_RULESET, rights, len(rights), 0)
    if ruleset < 0:
        return False
    libraries = {
        sys.prefix,
        sys.base_prefix,
        sysconfig.get_path("stdlib"),
        "/usr",
        "/lib",
        "/lib64",
    }
    readable = [Path(each) for each in libraries] + [checkout / "services", Path("/etc/fonts")]
    allowed = [(each, _READ) for each in readable] + [(file, 1 << 2), (work, _WRITE)]
    allowed += [(Path(each), 1 << 2 | 1 << 1) for each in ("/dev/null", "/dev/urandom")]
    allowed += [(Path("/proc/self"), _READ)]
    for path, access in allowed:
        if not path.exists():
            continue
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        rule = struct.pack("=Qi", access, descriptor)
        libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0)
        os.close(descriptor)
    restricted = not libc.syscall(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
    return restricted
