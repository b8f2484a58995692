"""Mapping: what is bought for a shop's product, said once by a person and remembered."""

from autopurchase.ui import cells, guard, mapping, mapping_form, mapping_list, mapping_rates
from autopurchase.ui.words import _

person = guard.require("operator")

cells.heading(_("Mapping"), _("What is bought for a shop's product: said once, remembered for every later order."))
with cells.cell(1, _("Not known what to buy"), border=False):
    source = mapping.head()
    mapping.waiting(person, source)
with cells.cell(2, _("Mappings"), border=False):
    mapping_list.draw(person, source)
with cells.cell(3, _("Exchange rates"), note=_("For margins: what the customer paid, in CNY of that day.")):
    mapping_rates.draw(person)
mapping_form.show(person)
