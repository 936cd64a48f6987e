"""`python -m stack.early PROGRAM PRELOAD`: imports PRELOAD, waits for a line, then is PROGRAM.

Importing a service costs a second of processor time, which need not wait for the databases. What
runs afterwards is exactly `python -m PROGRAM`.
"""

import gc
import importlib
import runpy
import sys


def main(program: str, preload: str, *arguments: str) -> None:
    gc.disable()  # next to nothing of what imports make is garbage
    importlib.import_module(preload)
    gc.enable()
    if not sys.stdin.readline():
        sys.exit("the supervisor ended before this could begin")
    sys.argv = [program, *arguments]
    runpy.run_module(program, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
