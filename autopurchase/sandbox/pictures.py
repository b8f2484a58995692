"""Pictures of the goods, drawn here: no network, no files."""

import html

from autopurchase.sandbox.catalogue import Item, dice
from autopurchase.sandbox.catalogue_data import HEX

# One outline per category, drawn in a 100 x 100 box.
SHAPES = {
    "clothing": '<path d="M30 22 L42 16 Q50 24 58 16 L70 22 L84 38 L73 47 L68 42 '
    'L68 84 L32 84 L32 42 L27 47 L16 38Z"/>',
    "shoes and bags": '<path d="M14 60 Q22 58 28 36 L42 42 Q50 58 72 60 Q88 62 88 74 L14 74Z"/>'
    '<rect x="14" y="76" width="74" height="6" rx="3" opacity=".55"/>',
    "electronics": '<rect x="26" y="14" width="48" height="72" rx="9"/>'
    '<rect x="32" y="22" width="36" height="50" rx="3" fill="#fff" opacity=".35"/>'
    '<circle cx="50" cy="79" r="3.4" fill="#fff" opacity=".6"/>',
    "kitchen": '<path d="M24 30 H70 V70 Q70 84 56 84 H38 Q24 84 24 70Z"/>'
    '<path d="M70 40 Q86 40 86 52 Q86 64 70 64" fill="none" stroke-width="6"/>',
    "home": '<path d="M50 14 L86 46 H76 V84 H24 V46 H14Z"/>'
    '<rect x="43" y="58" width="14" height="26" fill="#fff" opacity=".4"/>',
    "sport and toys": '<circle cx="50" cy="52" r="34"/>'
    '<path d="M16 52 H84 M50 18 V86 M26 28 Q50 52 26 76 M74 28 Q50 52 74 76" fill="none" '
    'stroke="#fff" stroke-opacity=".45" stroke-width="2.5"/>',
}
# Goods whose outline is not that of their category: a word of the English title and the outline.
OUTLINES = {
    "jeans": '<path d="M28 14 H72 L78 86 H56 L50 42 L44 86 H22Z"/>',
    "scarf": '<path d="M30 14 Q50 34 70 14 L76 26 Q66 38 58 40 V86 H42 V40 Q34 38 24 26Z"/>',
    "backpack": '<path d="M36 26 Q36 12 50 12 Q64 12 64 26 Q78 30 78 46 V84 H22 V46 Q22 30 36 26Z"/>'
    '<rect x="34" y="54" width="32" height="20" rx="4" fill="#fff" opacity=".35"/>',
    "tote": '<path d="M20 36 H80 L86 86 H14Z"/>'
    '<path d="M34 36 Q34 12 50 12 Q66 12 66 36" fill="none" stroke-width="5"/>',
    "packing": '<rect x="16" y="28" width="68" height="54" rx="8"/>'
    '<path d="M16 42 H84" stroke="#fff" stroke-opacity=".5" stroke-width="2.5"/>',
    "cable": '<path d="M30 20 V44 Q30 62 50 62 Q70 62 70 80" fill="none" stroke-width="7"/>'
    '<rect x="22" y="10" width="16" height="16" rx="3"/><rect x="62" y="76" width="16" height="14" rx="3"/>',
    "keyboard": '<rect x="8" y="32" width="84" height="38" rx="6"/>'
    '<path d="M16 44 H84 M16 52 H84 M28 61 H72" stroke="#fff" stroke-opacity=".5" stroke-width="4"/>',
    "flask": '<rect x="34" y="24" width="32" height="64" rx="8"/><rect x="38" y="10" width="24" height="12" rx="4"/>',
    "plate": '<circle cx="50" cy="50" r="38"/><circle cx="50" cy="50" r="23" fill="#fff" opacity=".3"/>',
    "lamp": '<path d="M34 14 H66 L80 48 H20Z"/><rect x="47" y="48" width="6" height="30"/>'
    '<rect x="32" y="78" width="36" height="8" rx="4"/>',
    "candle": '<rect x="30" y="40" width="40" height="46" rx="6"/><path d="M50 12 Q60 26 50 36 Q40 26 50 12Z"/>',
    "cap": '<path d="M18 62 Q18 26 50 26 Q78 26 78 58 Q94 60 94 68 H18Z"/>',
    "socks": '<path d="M36 12 H60 V54 L80 70 Q86 84 70 84 Q58 84 36 60Z"/>',
    "jacket": SHAPES["clothing"],
    "towel": '<rect x="24" y="14" width="52" height="72" rx="5"/>',
}
TINTS = ("#8fa9bd", "#a4452f", "#2f5243", "#25375e", "#b98a3c", "#7a5c8e", "#3f7f86", "#9c6b52")


def picture(item: Item, place: int | None) -> str:
    """An SVG of the item, or of one of its SKUs (in its colour, with its options)."""
    tint = TINTS[dice(item.item_id, 0, len(TINTS) - 1)]
    caption = ""
    if place is not None:
        values = [value for _, value in item.skus[place].options_en]
        tint = next((HEX[value] for value in values if value in HEX), tint)
        caption = " · ".join(values)
    height = 118 if caption else 100
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 {height}" width="400" height="{4 * height}">'
        f"<title>{html.escape(item.title_en)}</title>"
        f'<rect width="100" height="118" fill="#eef0f2"/><rect width="100" height="100" fill="{tint}" opacity=".16"/>'
        f'<g fill="{tint}" stroke="{tint}" stroke-linejoin="round" stroke-width="1.5">{_outline(item)}</g>'
        f'<text x="50" y="112" text-anchor="middle" font-family="system-ui,sans-serif" font-size="6.4" '
        f'fill="#3a4048">{html.escape(caption)}</text></svg>'
    )


def _outline(item: Item) -> str:
    return next((shape for word, shape in OUTLINES.items() if word in item.title_en), SHAPES[item.category])
