"""``python -m autopurchase``: the command line."""

import sys

from autopurchase.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
