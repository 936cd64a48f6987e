import sys

from services.catalog.app import PROGRAM

if __name__ == "__main__":
    sys.exit(PROGRAM.main())
