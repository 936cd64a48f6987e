import sys

from services.learning.app import PROGRAM

if __name__ == "__main__":
    sys.exit(PROGRAM.main())
