"""What a person commits, in a process of its own that may be killed: `python -m tests.support.person_process ACT WORD`.

book, cancel, bind TOKEN   apply that plan
free REFERENCE             say that the booking is not there
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from autopurchase.services import apply, bind_apply, cancel_apply, settle
from autopurchase.services.context import Context
from autopurchase.wiring import open_workspace
from tests.support import kill_points
from tests.support.world import ME

#: by name: what is done with the word
ACTS: dict[str, Callable[[Context, str], object]] = {
    "book": lambda ctx, token: apply.apply(ctx, ME, token),
    "cancel": lambda ctx, token: cancel_apply.apply(ctx, ME, token),
    "bind": lambda ctx, token: bind_apply.apply(ctx, ME, token, reason="made by hand"),
    "free": lambda ctx, reference: settle.not_placed(ctx, ME, reference),
}


def main(words: list[str]) -> int:
    """Do it; killed at an armed step it ends before."""
    kill_points.install(kill_points.PERSON)
    workspace = open_workspace()
    try:
        ACTS[words[0]](workspace.context, words[1])
    finally:
        workspace.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
