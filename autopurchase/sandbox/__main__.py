"""`python -m autopurchase.sandbox --folder F --port P [--set name=value …]`: run the sandbox market."""

import argparse
import sys
from pathlib import Path

from autopurchase.sandbox.server import Server, leave_with_parent


def main(arguments: list[str] | None = None) -> int:
    """Serve until stopped; prints the address on the first line."""
    parser = argparse.ArgumentParser(prog="autopurchase.sandbox", description="A marketplace to practise on.")
    parser.add_argument("--folder", type=Path, required=True, help="where the market keeps its state")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input closes")
    chosen = parser.parse_args(arguments)
    try:
        server = Server(chosen.folder, chosen.port, dict(pair.split("=", 1) for pair in chosen.set))
    except (ValueError, OSError) as error:
        sys.stderr.write(f"The sandbox cannot start: {error}\n")
        return 2
    if chosen.with_parent:
        leave_with_parent()
    sys.stdout.write(server.origin + "\n")
    sys.stdout.flush()
    server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
