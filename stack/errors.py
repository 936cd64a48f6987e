"""What can go wrong on the way up, each with the exit code that `./shuyuan help` documents.

StackError
├── UsageError    2  the command line does not fit
├── CannotStart   3  a port, the disk, the data directory or the platform forbids it
└── NotRunning    4  the command needs a running stack

Every message is one or two sentences for a person: what is wrong, then what to do.
"""


class StackError(Exception):
    exit_code = 1


class UsageError(StackError):
    exit_code = 2


class CannotStart(StackError):
    exit_code = 3


class NotRunning(StackError):
    exit_code = 4
