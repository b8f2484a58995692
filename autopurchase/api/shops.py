"""The shops that orders come from, in Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from autopurchase.api.runs import Run
from autopurchase.api.table import Table
from autopurchase.domain.roles import Actor
from autopurchase.services import sources, write_back
from autopurchase.wiring import Workspace

_SOURCE = ("name", "kind", "enabled", "write_back", "dry_run", "every_minutes", "imported_at", "error")


class Sources:
    """The sources of orders (`Workspace.sources`)."""

    def __init__(self, opened: Workspace, actor: Actor) -> None:
        """``actor``: on whose account things happen here."""
        self._opened, self._actor = opened, actor

    def list(self) -> Table:
        """Every source with how it is set and when it was last imported."""
        found = [asdict(view) for view in sources.listing(self._opened.context, self._actor)]
        return Table([{name: row[name] for name in _SOURCE} for row in found], _SOURCE)

    def change_settings(self, name: str, settings: Mapping[str, str]) -> Run:
        """Change some settings of a source; the journal names them and never their values. Raises BadInput."""
        number = sources.change_settings(self._opened.context, self._actor, name, settings)
        return Run(self._opened, number, self._actor)

    def set_dry_run(self, name: str, on: bool) -> Run:
        """Whether what the shop would be told is only noted. Raises BadInput."""
        number = sources.set_dry_run(self._opened.context, self._actor, name, on)
        return Run(self._opened, number, self._actor)

    def write_back(self, name: str) -> dict[str, int]:
        """Tell the shop now what is due; in a dry run it is only noted. Counts by what came of it."""
        return write_back.tell_now(self._opened.context, self._actor, name)
