import sys

from services.identity.app import PROGRAM

if __name__ == "__main__":
    sys.exit(PROGRAM.main())
