import sys
from dataclasses import replace

from services.identity.app import PROGRAM
from services.identity.demonstration.commands import COMMANDS
from services.identity.founding import found
from services.identity.rotation import rotate_keys
from services.identity.terminal import sign_in

if __name__ == "__main__":
    ours = {"rotate-keys": rotate_keys, "found": found, "sign-in": sign_in}
    sys.exit(replace(PROGRAM, commands={**COMMANDS, **ours}).main())
