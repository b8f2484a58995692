"""Pay list: what is unpaid, approval by a manager, and the pages where a person pays."""

from autopurchase.ui import cells, guard, pay, pay_pages
from autopurchase.ui.words import _

person = guard.require("operator")

cells.heading(_("Pay list"), _("Booked orders that wait for payment. They are paid at the marketplace, never here."))
with cells.cell(1, _("To pay, by session")):
    pay.totals(person)
with cells.cell(2, _("Unpaid orders"), border=False):
    pay.orders(person)
with cells.cell(3, _("Payment pages"), note=_("For approved orders only, as many together as the marketplace takes.")):
    pay_pages.draw(person)
