"""Sources: shops that paid orders come from, order files, and the last imports."""

from autopurchase.ui import cells, guard, import_panel, source_admin, source_form
from autopurchase.ui.words import _

person = guard.require("administrator")

cells.heading(_("Sources"), _("A source is a shop, or a file, that paid orders come from."))
with cells.cell(1, _("Shops")):
    source_admin.listing(person)
    import_panel.progress()
with cells.cell(2, _("Order file"), note=_("CSV, Excel or JSON, one row a line; the same file twice changes nothing.")):
    import_panel.upload(person)
with cells.cell(3, _("Add a source"), note=_("Nothing is stored, here or there, before you add it.")):
    source_form.draw(person)
