import sys
from dataclasses import replace

from gateway.app import PROGRAM
from gateway.commands import COMMANDS

if __name__ == "__main__":
    sys.exit(replace(PROGRAM, commands=COMMANDS).main())
