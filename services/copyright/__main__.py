import sys

from services.copyright.app import PROGRAM

if __name__ == "__main__":
    sys.exit(PROGRAM.main())
