"""`python -m litesmith` is the command line."""

import sys

from litesmith.cli import main

if __name__ == "__main__":
    sys.exit(main())
