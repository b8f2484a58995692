"""Desk: where what we believe and what the marketplaces say differ, and the act that puts each right."""

from autopurchase.ui import bind, cancel_drawer, cells, desk, desk_compare, guard, settle
from autopurchase.ui.words import _

person = guard.require("viewer")

cells.heading(_("Desk"), _("Where what we believe and what the marketplaces say differ."))
with cells.cell(1, _("Comparison"), note=_("Lists everything at the marketplaces, every night; nothing is changed.")):
    desk_compare.draw(person)
with cells.cell(2, _("What differs now"), border=False):
    desk.draw(person)
bind.show(person)
cancel_drawer.show(person)
settle.show(person)
