"""A report as a Jupyter notebook: the calls that make it, with what they gave as outputs."""

from __future__ import annotations

from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from autopurchase.reports.files import heads
from autopurchase.reports.model import Report, Sheet
from autopurchase.reports.values import text

_SHOWN = 50


def as_notebook(report: Report) -> bytes:
    """The report as .ipynb. Run again, its cells compute the same figures as of then."""
    cells = [new_markdown_cell(_head(report)), _code("import autopurchase as ap\n\nshop = ap.connect()")]
    cells.append(_code(f"report = shop.{_call(report)}\nreport", _figures(report)))
    for sheet in report.sheets.values():
        if sheet.rows:
            cells.append(new_markdown_cell(f"## {sheet.title}" + (f"\n\n{sheet.note}" if sheet.note else "")))
            cells.append(_code(f'report["{sheet.name}"].to_pandas()', _lines(sheet, report.basis.zone)))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    book = new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})
    for number, cell in enumerate(book.cells):
        cell.id = f"cell-{number}"  # the same report is the same file
    nbformat.validate(book)
    written: str = nbformat.writes(book)
    return (written + "\n").encode()


def _head(report: Report) -> str:
    facts = "\n".join(f"- {name}: {value}" for name, value in heads.facts(report))
    return f"# {heads.title(report)}\n\n{facts}"


def _call(report: Report) -> str:
    given = [f'"{report.period}"'] if report.period else []
    given += [f"{name}={value!r}" for name, value in report.filters.given().items()]
    return f"{report.kind}({', '.join(given)})"


def _code(source: str, said: str = "") -> Any:
    outputs = [new_output("execute_result", {"text/plain": said}, execution_count=None)] if said else []
    return new_code_cell(source, outputs=outputs)


def _figures(report: Report) -> str:
    zone = report.basis.zone
    rows = [
        (figure.label, text(figure.value, figure.unit, figure.currency, zone)) for figure in report.figures.values()
    ]
    return _aligned([("figure", "value"), *rows])


def _lines(sheet: Sheet, zone: str) -> str:
    head = tuple(column.name for column in sheet.columns)
    rows = [
        tuple(text(value, column.unit, column.currency, zone) for column, value in zip(sheet.columns, row, strict=True))
        for row in sheet.rows[:_SHOWN]
    ]
    more = f"\n… and {len(sheet.rows) - _SHOWN} more" if len(sheet.rows) > _SHOWN else ""
    return _aligned([head, *rows]) + more


def _aligned(rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
