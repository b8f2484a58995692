"""Sync status: how fresh every session is, what changed, how calls at the marketplaces go."""

from autopurchase.ui import cells, guard, sync_charts, sync_panel
from autopurchase.ui.words import _

person = guard.require("operator")

cells.heading(_("Sync status"), _("How fresh every session is, and how the marketplaces answer."))
with cells.cell(0, _("Synchronization"), note=_("Reads every order that changed; nothing is sent.")):
    sync_panel.draw(person)
sync_charts.draw(person, sync_charts.choose())
