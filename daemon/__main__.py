"""`python -m daemon` is the command `isthmus`."""

import sys

from daemon.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
