import sys
from dataclasses import replace

from services.learning.app import PROGRAM
from services.learning.commands import COMMANDS

if __name__ == "__main__":
    sys.exit(replace(PROGRAM, commands=COMMANDS).main())
