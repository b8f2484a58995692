"""Goods purchased: what is being booked, booked, paid and sent; synchronisation; pages to pay at."""

from autopurchase.ui import cells, guard, purchased, sync_panel
from autopurchase.ui.words import _

person = guard.require("operator")

cells.heading(_("Goods purchased"), _("What the marketplaces say of our orders, as of the last synchronization."))
with cells.cell(1, _("Synchronization"), note=_("Reads every order that changed; nothing is sent.")):
    sync_panel.draw(person)
with cells.cell(2, _("Lines"), border=False):
    purchased.lines(person)
