"""Overview: how much waits, how old it is, what is stuck, what will expire unpaid."""

from autopurchase.ui import cells, guard, overview, pay_pages
from autopurchase.ui.words import _

person = guard.require("viewer")

cells.heading(_("Overview"), _("Every figure opens the lines behind it."))
figures = overview.load()
if figures.missing:
    overview.first_steps(figures)
pay_pages.warnings(person)
overview.backlog(figures)
overview.exposure(figures)
overview.problems_and_ages(figures)
overview.sessions(figures)
overview.runs(figures)
