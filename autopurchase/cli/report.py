"""``report …``: the backlog and the weeks in figures, frozen reports, and what they are based on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from autopurchase.api.workspace import local_actor
from autopurchase.cli.output import DONE, REFUSALS, aligned, json_option, show
from autopurchase.cli.shop import open_raw, read_json
from autopurchase.domain.errors import BadInput
from autopurchase.reports import Filters, Report, Sheet
from autopurchase.reports.values import text
from autopurchase.services import report_delivery, reports
from autopurchase.services.context import Context
from autopurchase.storage import runs

_VERSIONS = ("period", "version", "as_of", "actor", "digest")
_out = click.option("--out", default="", metavar="FILE", help="Write a file instead: .xlsx, .html, .csv or .ipynb.")
_csv = click.option("--csv", "as_csv", is_flag=True, help="Print every value as CSV, one a row.")
_tables = click.option("--table", "tables", multiple=True, help="Only this table; may be given again.")


def _filtered(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that restrict a report."""
    for name in ("operator", "seller", "session", "provider", "source"):
        told = "Only this; “not assigned”: what belongs to none."
        command = click.option(f"--{name}", default="", help=told)(command)
    return command


@click.group()
def report() -> None:
    """The backlog now, and what a week booked and bought."""


@report.command()
@_filtered
@_tables
@_out
@_csv
@json_option
def backlog(tables: tuple[str, ...], out: str, as_csv: bool, as_json: bool, **filters: str) -> int:
    """What is paid and not bought, how old, what is stuck, what expires unpaid."""
    with open_raw() as found:
        made = reports.overview(found.context, local_actor(), Filters(**filters))
    return _write(made, out, as_json) if out else _print(made, tables, as_csv, as_json)


@report.command()
@click.option("--week", default="", help="ISO week, like 2026-W47; without it the last one that is over.")
@click.option("--frozen", is_flag=True, help="As it was frozen last, instead of as it is known now.")
@_filtered
@_tables
@_out
@_csv
@json_option
def weekly(
    week: str, frozen: bool, tables: tuple[str, ...], out: str, as_csv: bool, as_json: bool, **filters: str
) -> int:
    """What happened in a week, and what became of what was booked in it. Exit 1 when something does not add up."""
    with open_raw() as found:
        made = _weekly(found.context, week, frozen, Filters(**filters))
    _write(made, out, as_json) if out else _print(made, tables, as_csv, as_json)
    return REFUSALS if made.figures["residual"].value else DONE


def _weekly(ctx: Context, week: str, frozen: bool, filters: Filters) -> Report:
    if not frozen:
        return reports.weekly(ctx, local_actor(), week, filters)
    if filters.given():
        raise BadInput("A frozen report is of everything: leave the filters out.")
    return reports.read(ctx, local_actor(), week or reports.last_week(reports.basis(ctx)))


def _write(made: Report, out: str, as_json: bool) -> int:
    from autopurchase.reports import files  # the libraries of all kinds of files come with it

    path = Path(out).expanduser().resolve()
    size = files.write(made, path)
    show({"file": str(path), "bytes": size}, as_json, f"{path} holds the report ({size:,} bytes).")
    return DONE


def _print(made: Report, tables: tuple[str, ...], as_csv: bool, as_json: bool) -> int:
    unknown = sorted(set(tables) - set(made.sheets))
    if unknown:
        raise BadInput(f"This report has no table “{unknown[0]}”; there are: {', '.join(made.sheets)}.")
    shown = [sheet for name, sheet in made.sheets.items() if (name in tables if tables else sheet.rows)]
    if as_csv:
        from autopurchase.reports import files  # the libraries of all kinds of files come with it

        sys.stdout.buffer.write(files.content(made, ".csv"))
        return DONE
    head = f"As of {text(made.basis.as_of, 'time', zone=made.basis.zone)} {made.basis.zone}, in {made.basis.currency}"
    figures = [_figure(made, name) for name in made.figures]
    parts = (
        []
        if tables
        else [
            f"{made.kind.capitalize()} {made.period}".strip(),
            head,
            "",
            aligned(figures, ("figure", "value", "note")),
        ]
    )
    show(document(made), as_json, *parts, *(_told(sheet, made.basis.zone) for sheet in shown))
    return DONE


def _figure(made: Report, name: str) -> dict[str, Any]:
    figure = made.figures[name]
    value = text(figure.value, figure.unit, figure.currency, made.basis.zone)
    return {"figure": figure.label, "value": f"{value} {figure.currency}".strip(), "note": figure.note}


def _told(sheet: Sheet, zone: str) -> str:
    names = [column.label if column.name != "what" else "" for column in sheet.columns]
    labels = [name or column.name for name, column in zip(names, sheet.columns, strict=True)]
    rows = [
        {
            label: text(value, column.unit, column.currency, zone)
            for label, column, value in zip(labels, sheet.columns, row, strict=True)
        }
        for row in sheet.rows
    ]
    keep = [label for label, column in zip(labels, sheet.columns, strict=True) if column.name != "what"]
    note = f" — {sheet.note}" if sheet.note else ""
    return f"\n{sheet.title}{note}\n" + aligned(rows, keep)


def document(made: Report) -> dict[str, Any]:
    """The report as plain JSON: money and shares as decimal text, durations in seconds, times in ISO 8601."""
    return {
        "kind": made.kind,
        "period": made.period,
        "basis": asdict(made.basis),
        "filters": made.filters.given(),
        "figures": {
            name: {"value": figure.value, "unit": figure.unit, "currency": figure.currency, "note": figure.note}
            for name, figure in made.figures.items()
        },
        "tables": {
            name: [dict(zip((column.name for column in sheet.columns), row, strict=True)) for row in sheet.rows]
            for name, sheet in made.sheets.items()
        },
    }


@report.command()
@click.option("--week", default="", help="ISO week, like 2026-W47; without it the last one that is over.")
@json_option
def freeze(week: str, as_json: bool) -> int:
    """Freeze the report of a week that is over; again, it is a new version. The frozen ones never change."""
    with open_raw() as found:
        made = reports.freeze(found.context, local_actor(), week)
    show(asdict(made), as_json, f"{made.period} is frozen as version {made.version} ({made.digest[:12]}).")
    return DONE


@report.command("list")
@click.option("--week", default="", help="Only of this week.")
@json_option
def list_frozen(week: str, as_json: bool) -> int:
    """What was frozen, newest first."""
    with open_raw() as found:
        rows = [asdict(each) for each in reports.versions(found.context, local_actor(), week)]
    show({"reports": rows}, as_json, aligned(rows, _VERSIONS) or "No report was frozen yet.")
    return DONE


@report.command()
@click.option("--zone", help="Of weeks and days, like Asia/Shanghai.")
@click.option("--currency", help="In which values are added up, like EUR.")
@click.option("--sla-hours", type=int, help="A ready line is to be booked within.")
@click.option("--maturity-days", type=int, help="A week's bookings are judged after.")
@click.option("--margin", help="The least share of the customer's price that should be left, like 0.10.")
@click.option("--work-from", type=int, help="First working hour of Monday to Friday.")
@click.option("--work-to", type=int, help="Hour at which work ends.")
@json_option
def settings(as_json: bool, **values: Any) -> int:
    """Show what figures are based on, or set it."""
    given = {name: value for name, value in values.items() if value is not None}
    with open_raw() as found:
        if given:
            reports.configure(found.context, local_actor(), **given)
        now = {name: value for name, value in asdict(reports.basis(found.context)).items() if name in reports.SETTABLE}
    rows = [{"setting": name.replace("_", " "), "value": value} for name, value in now.items()]
    show(now, as_json, aligned(rows, ("setting", "value")))
    return DONE


@report.command()
@click.option("--folder", help="Where the files are written each Monday; empty: nowhere.")
@click.option("--format", "formats", multiple=True, help="xlsx, html, csv, ipynb; may be given again.")
@click.option("--mail-to", multiple=True, help="Who gets them by mail; may be given again.")
@click.option(
    "--smtp",
    default="",
    metavar="FILE.json",
    help="The mail server: host, port, user, password, security (starttls, tls, none), mail_from.",
)
@json_option
def schedule(folder: str | None, formats: tuple[str, ...], mail_to: tuple[str, ...], smtp: str, as_json: bool) -> int:
    """Say where the weekly report goes each Monday, or show it. The password is kept encrypted."""
    given: dict[str, Any] = dict(read_json(smtp, "the mail server")) if smtp else {}
    given |= {"folder": folder} if folder is not None else {}
    given |= {"formats": tuple(f".{each.lstrip('.')}" for each in formats)} if formats else {}
    given |= {"mail_to": tuple(filter(None, mail_to))} if mail_to else {}
    with open_raw() as found:
        if given:
            report_delivery.configure(found.context, local_actor(), **given)
        now = asdict(report_delivery.settings(found.context, local_actor()))
    del now["password"]
    rows = [{"setting": name.replace("_", " "), "value": _listed(value)} for name, value in now.items()]
    show(now, as_json, aligned(rows, ("setting", "value")))
    return DONE


def _listed(value: Any) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)


@report.command()
@click.option("--week", default="", help="ISO week; without it the last one that is over.")
@json_option
def deliver(week: str, as_json: bool) -> int:
    """Freeze the weekly report where it is not yet, and write and mail it now."""
    with open_raw() as found:
        number = report_delivery.deliver(found.context, local_actor(), week)
        with found.context.db.read() as tx:
            run = runs.get(tx, number)
    document = {"run": number, "state": run["state"], "out": run["out"], "error": run["error"]}
    show(document, as_json, f"Run {number}: {run['error'] or ', '.join(run['out']['files']) + ' delivered.'}")
    return REFUSALS if run["error"] else DONE
