"""`python -m wheelstep`."""

import sys

from wheelstep.cli import main

if __name__ == "__main__":
    sys.exit(main())
