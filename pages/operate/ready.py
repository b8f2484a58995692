"""Ready for purchase: filter, pick, choose a session, check the plan, book."""

from autopurchase.ui import bind, cells, drawer, guard, ready, ready_filter
from autopurchase.ui.words import _

person = guard.require("operator")

cells.heading(_("Ready for purchase"), _("Paid lines that nobody has ordered yet. Pick, choose a session, Book."))
with cells.cell(1, _("Lines"), stamp=ready.stamp(), border=False):
    wanted = ready_filter.draw()
    ready.lines(person, wanted)
drawer.show(person)
bind.show(person, ready.NAME)
