import sys
from dataclasses import replace

from services.identity.app import PROGRAM
from services.identity.demonstration.commands import COMMANDS
from services.identity.founding import found
from services.identity.rotation import rotate_keys

if __name__ == "__main__":
    sys.exit(
        replace(PROGRAM, commands={**COMMANDS, "rotate-keys": rotate_keys, "found": found}).main()
    )
