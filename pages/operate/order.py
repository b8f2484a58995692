"""One order: its figures, items, parcels, history and purchases."""

from autopurchase.ui import cells, guard, order
from autopurchase.ui.words import _

person = guard.require("viewer")

cells.heading(_("Order"), _("By its number, or the number of one of its lines."))
number = order.search()
found = order.find(number)
if found:
    order.header(found)
    order.tabs(person, found)
