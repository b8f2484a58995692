"""Imports a file in a process of its own, for tests that end it half-way: `python -m … URL FILE`."""

from __future__ import annotations

import sys
from pathlib import Path

from autopurchase.services import import_orders
from tests.support.orders import OPERATOR, open_workspace

if __name__ == "__main__":
    url, path = sys.argv[1:]
    import_orders.import_file(open_workspace(url).ctx, OPERATOR, Path(path))
