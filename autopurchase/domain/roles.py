"""People: who acts, and what their role allows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from autopurchase.domain.errors import NotAllowed


class Role(IntEnum):
    """Roles, each including those before it."""

    VIEWER = 1
    OPERATOR = 2
    MANAGER = 3
    ADMINISTRATOR = 4


@dataclass(frozen=True, slots=True)
class Actor:
    """A person (or the clock) on whose account something happens; the name goes into history."""

    name: str
    role: Role

    def require(self, role: Role) -> None:
        """Raise NotAllowed unless this actor's role includes ``role``."""
        if self.role < role:
            needed = role.name.lower()
            raise NotAllowed(f"{self.name} is a {self.role.name.lower()}; this needs the role {needed}.")


#: the clock: schedules, sweeps and the worker's own acts
CLOCK = Actor("clock", Role.ADMINISTRATOR)
