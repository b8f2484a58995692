"""Reports as files: Excel, HTML, CSV, notebook. `write` chooses by the file's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from autopurchase.domain.errors import BadInput
from autopurchase.reports.files.csv_file import as_csv
from autopurchase.reports.files.excel import as_excel
from autopurchase.reports.files.html import as_html
from autopurchase.reports.files.notebook import as_notebook
from autopurchase.reports.model import Report

#: ending of a file's name -> what makes its content
FORMATS: Mapping[str, Callable[[Report], bytes]] = {
    ".xlsx": as_excel,
    ".html": as_html,
    ".csv": as_csv,
    ".ipynb": as_notebook,
}


def content(report: Report, ending: str) -> bytes:
    """The report as a file with this ending (``.xlsx``). Raises BadInput for another."""
    if ending not in FORMATS:
        raise BadInput(f"A report is written as {', '.join(FORMATS)}, not as “{ending or 'a file without an ending'}”.")
    return FORMATS[ending](report)


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
