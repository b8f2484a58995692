"""The journal: every operation as a numbered cell, newest first, with its call and what came of it."""

from autopurchase.ui import cancel_drawer, cells, drawer, guard, journal, journal_filter
from autopurchase.ui.words import _

person = guard.require("viewer")

cells.heading(_("Journal"), _("Every operation is a cell: In is the call, Out is what came of it."))
wanted = journal_filter.draw()
journal.now(person, wanted)
journal.cells_of(person, wanted)
drawer.show(person)
cancel_drawer.show(person)
