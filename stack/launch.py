"""Exec wrapper for every child: `launch.py PARENT SIGNAL IDENTITY argv...`.

PARENT is the supervisor's pid and SIGNAL the number the kernel sends us when it dies
(prctl(2) PR_SET_PDEATHSIG), so that no child outlives a killed supervisor. IDENTITY is

  same       stay who we are
  namespace  a user namespace in which we appear as `nobody`: PostgreSQL refuses uid 0, and initdb
             refuses a uid without a passwd entry; files keep their owner
  nobody     become `nobody` for good, where unshare(2) is refused

It runs isolated (`python -I -S`), in place of a preexec_fn, which is unsafe among threads.
"""

import ctypes
import os
import resource
import sys

NOBODY = 65534
PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000
OPEN_FILES = 65_536
"""A connection is a file; the usual soft limit of 1,024 suits interactive programs."""


def main(parent: str, death_signal: str, identity: str, *argv: str) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    libc = ctypes.CDLL(None, use_errno=True)
    if identity == "namespace":
        user, group = os.geteuid(), os.getegid()
        if libc.unshare(CLONE_NEWUSER):
            raise OSError(ctypes.get_errno(), "unshare(2) refused a user namespace")
        # setgroups must be denied before an ordinary user may write gid_map (user_namespaces(7)).
        for name, value in (
            ("setgroups", "deny"),
            ("uid_map", f"{NOBODY} {user} 1"),
            ("gid_map", f"{NOBODY} {group} 1"),
        ):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(value)
    elif identity == "nobody":
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    # Changing credentials clears the death signal, so it is set last.
    libc.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() != int(parent):
        sys.exit("the supervisor died before its child began")
    os.execv(argv[0], argv)  # noqa: S606  (replacing ourselves is the purpose)


if __name__ == "__main__":
    main(*sys.argv[1:])
