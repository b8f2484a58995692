"""Overview: how much waits, how old it is, what is stuck, what will expire unpaid."""

from autopurchase.ui import cells, guard, overview, pay_pages, report_view
from autopurchase.ui.words import _

person = guard.require("viewer")

cells.heading(_("Overview"), _("Every figure opens the lines behind it."))
wanted = report_view.filters(person)
shown = overview.read(person, wanted)
if shown is not None:
    if shown.missing:
        overview.first_steps(shown)
    pay_pages.warnings(person, shown.report)
    overview.backlog(person, shown)
    overview.ages_and_causes(shown)
    overview.owed(person, shown)
    overview.weeks(shown)
    overview.sessions(shown)
    overview.runs(shown)
