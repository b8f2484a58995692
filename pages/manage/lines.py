"""Lines behind a number: opened from a figure, with the same filter and the same count."""

from autopurchase.ui import behind, cells, guard
from autopurchase.ui.words import _

person = guard.require("viewer")

cells.heading(_("Lines behind a number"), _("The same filter, the same count."))
behind.draw(person)
