"""``python -m services.copyright.verify``: ``bundle`` checks evidence, ``log`` audits a log,
``build`` writes the one-file verifier."""

import sys

from services.copyright.verify import single_file
from services.copyright.verify.cli import main
from services.copyright.verify.monitor import audit_command
from services.copyright.verify.report import INCOMPLETE


def run(argv: list[str]) -> int:
    """The command that `argv` names; returns the exit code."""
    match argv:
        case ["log", *rest]:
            return audit_command(rest)
        case ["bundle", *rest]:
            return main(rest)
        case ["build"]:
            sys.stdout.write(single_file.build())
            return 0
    sys.stderr.write(
        "Name what to check 请指明核验对象: bundle FILE [--trust DIR|FILE], or "
        "log URL|DIR --vkey KEY; build writes verify.py to standard output.\n"
    )
    return INCOMPLETE


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
