"""Cells of the journal as a Jupyter notebook that can be executed: it reads, and does nothing again by itself.

Each cell's code reads its run. What the run did stands above that, behind ``if N in again``: only a number that a
person puts into ``again`` does it again, and a booking needs the confirmation of its new plan (`Plan.confirmation`).
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from textwrap import indent
from typing import Any

import nbformat
from nbformat import v4

from autopurchase.domain.code import literal, unsigned
from autopurchase.domain.journal import Cell, Note
from autopurchase.domain.markdown import harmless
from autopurchase.reports.journal import cell as told
from autopurchase.reports.journal.tables import text_of

SCHEMA = 1
_A_LINE = 12  # numbers in one line of code
_INTRODUCTION = """# {title}

{count} of the workspace `{tag}`, as of {as_of}. Cell numbers are those of the journal.

Executing this notebook reads the same cells again and changes nothing. To do again what a cell did, put its number into
`again` below. A booking is sent only with the confirmation that its new plan shows: with any other text it says which
that is. A confirmation that was used already gives the run it made, so it may stay here.
"""
_BEGIN = """import autopurchase as ap

shop = ap.connect(tag={tag})
again = {{}}  # for example {{12: "the plan's confirmation"}}
"""


def write(cells: Sequence[Cell], *, title: str, tag: str, as_of: datetime) -> bytes:
    """The cells as an ``.ipynb`` file, in the given order. ``tag``: the mark of the workspace they are of."""
    count = f"{len(cells)} cell{'s' if len(cells) != 1 else ''}"
    words = _INTRODUCTION.format(title=harmless(title), count=count, tag=tag, as_of=text_of(as_of))
    found = [
        v4.new_markdown_cell(words, id="introduction"),
        v4.new_code_cell(_BEGIN.format(tag=literal(tag)).strip(), id="begin"),
    ]
    for each in cells:
        found += _of_run(each)
    about = {"schema": SCHEMA, "workspace": tag, "as_of": as_of.isoformat(), "title": title}
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made = v4.new_notebook(cells=found, metadata={"kernelspec": kernel, "autopurchase": about})
    nbformat.validate(made)
    return str(nbformat.writes(made)).encode()


def code(cell: Cell) -> str:
    """In as code that works: what was done behind its condition, then the run itself."""
    run = cell.run
    through = " · ".join(filter(None, (run["kind"], run["session"] or run["source"])))
    head = f"# [{cell.number}] {through} · {run['actor']}, {text_of(run['created_at'])}"
    said = _broken(unsigned(run["call"]), run["params"].get("lines", []))
    if said.startswith("#"):
        return f"{head}\n{said}\nshop.run({cell.number})"
    if said.endswith(".book()"):
        said = f"{said.removesuffix('.book()')}.book(confirm=again[{cell.number}], wait=True)"
    return f"{head}\nif {cell.number} in again:\n{indent(_printed(said), '    ')}\nshop.run({cell.number})"


def _printed(said: str) -> str:
    """The call, its answer printed; what is no code (written down by an earlier version) as a comment."""
    for form in (f"print({said})", f"print(\n    {said}\n)"):  # a call may end in a comment of its own
        try:
            ast.parse(form)
        except SyntaxError:
            continue
        return form
    return indent(said, "# ", lambda line: True) + "\npass"


def _broken(said: str, numbers: Sequence[str]) -> str:
    """A call with its long list of lines over several lines of code."""
    every = literal(list(numbers))
    if len(numbers) <= _A_LINE or every not in said:
        return said
    rows = [", ".join(map(literal, numbers[at : at + _A_LINE])) for at in range(0, len(numbers), _A_LINE)]
    return said.replace(every, "[\n    " + ",\n    ".join(rows) + ",\n]")


def _of_run(cell: Cell) -> Iterator[Any]:
    run = cell.run
    about = {name: run[name] for name in ("kind", "state", "actor", "session")} | {"run": cell.number}
    about["out"] = json.loads(unsigned(json.dumps(run["out"], default=str)))
    shown = {"text/plain": unsigned(told.text(cell)), "text/html": unsigned(told.html(cell, most=told.MOST_SHOWN))}
    output = v4.new_output("execute_result", shown, execution_count=cell.number)
    yield v4.new_code_cell(
        code(cell),
        id=f"run-{cell.number}",
        execution_count=cell.number,
        outputs=[output],
        metadata={"autopurchase": about},
    )
    yield from (_note(note) for note in cell.notes if note.text)


def _note(note: Note) -> Any:
    words = f"{harmless(unsigned(note.text))}\n\n— *{harmless(told.signature(note))}*"
    about = {"run": note.run, "actor": note.actor, "at": note.at.isoformat()}
    return v4.new_markdown_cell(words, id=f"note-{note.id}", metadata={"autopurchase": about})
