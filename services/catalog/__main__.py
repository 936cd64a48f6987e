import sys

from services.catalog.parts.inspection_command import inspect

if __name__ == "__main__":
    # The inspector keeps clear of what the service needs: it waits in a third of the memory.
    if sys.argv[1:2] == ["inspect"]:
        sys.exit(inspect())
    from services.catalog.app import PROGRAM

    sys.exit(PROGRAM.main())
