import sys
from dataclasses import replace

from services.identity.app import PROGRAM
from services.identity.demonstration.commands import COMMANDS

if __name__ == "__main__":
    sys.exit(replace(PROGRAM, commands=COMMANDS).main())
