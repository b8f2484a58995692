"""On whose account a program acts."""

from __future__ import annotations

import getpass

from autopurchase.domain.roles import Actor, Role


def local_actor() -> Actor:
    """Whoever runs this program, as administrator: who can read the workspace's folder can do everything with it."""
    try:
        return Actor(getpass.getuser(), Role.ADMINISTRATOR)
    except (KeyError, OSError):
        return Actor("local", Role.ADMINISTRATOR)
