"""Weekly: what was booked and what was really bought, flow and cohort apart; as files, and frozen."""

from autopurchase.ui import cells, guard, report_view, weekly
from autopurchase.ui.words import _

person = guard.require("viewer")

cells.heading(_("Weekly"), _("Booked is not bought: what happened in a week, and what became of it."))
week = weekly.choose()
wanted = report_view.filters(person)
found = weekly.read(person, week, wanted)
if found is not None:
    weekly.draw(person, *found)
