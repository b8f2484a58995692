"""Reports as files: Excel, HTML, CSV, notebook. `write` chooses by the file's name."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from autopurchase.domain.errors import BadInput
from autopurchase.reports.model import Report

#: ending of a file's name -> module and function that make its content; loaded when wanted: their libraries take long
FORMATS: Mapping[str, tuple[str, str]] = {
    ".xlsx": ("autopurchase.reports.files.excel", "as_excel"),
    ".html": ("autopurchase.reports.files.html", "as_html"),
    ".csv": ("autopurchase.reports.files.csv_file", "as_csv"),
    ".ipynb": ("autopurchase.reports.files.notebook", "as_notebook"),
}


def content(report: Report, ending: str) -> bytes:
    """The report as a file with this ending (``.xlsx``). Raises BadInput for another."""
    if ending not in FORMATS:
        raise BadInput(f"A report is written as {', '.join(FORMATS)}, not as “{ending or 'a file without an ending'}”.")
    module, function = FORMATS[ending]
    found: bytes = getattr(import_module(module), function)(report)
    return found


def write(report: Report, path: Path) -> int:
    """Write the report to ``path``, all or nothing; its size in bytes. Raises BadInput when it cannot be written."""
    data = content(report, path.suffix.lower())
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise BadInput(f"{path} cannot be written: {error.strerror}.") from error
    return len(data)


def name_of(report: Report) -> str:
    """The file's name without its ending: ``weekly-2026-W47``, ``backlog-2026-11-23-0905``."""
    return f"{report.kind}-{report.period or format(report.basis.as_of, '%Y-%m-%d-%H%M')}"
