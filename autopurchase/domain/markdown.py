"""Notes are Markdown written by people: what may be shown of it, wherever it is rendered."""

from __future__ import annotations

#: what would make HTML, load a picture from somewhere, or be taken for a formula, as characters that cannot
_DEAD = (("<", "&lt;"), ("![", "&#33;["), ("$", "&#36;"))


def harmless(text: str) -> str:
    """Markdown without HTML, pictures and formulas. An entity is text in Markdown, never part of its structure."""
    for mark, entity in _DEAD:
        text = text.replace(mark, entity)
    return text
