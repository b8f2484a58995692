"""Sessions: purchasing accounts, their health, authorisation and limits."""

from autopurchase.ui import authorise, cells, guard, pushes, session_admin
from autopurchase.ui.words import _

person = guard.require("administrator")

cells.heading(_("Sessions"), _("A session is one purchasing account at a marketplace."))
authorise.returned(person)
with cells.cell(1, _("Purchasing accounts")):
    session_admin.listing(person)
with cells.cell(2, _("Add a session"), note=_("Official interfaces only: no passwords are asked for or stored.")):
    session_admin.add_form(person)
with cells.cell(3, _("Push messages"), note=_("Marketplaces may tell us at once when an order changes.")):
    pushes.panel(person)
