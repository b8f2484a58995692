"""``import``, ``ready``, ``line …``: orders come in, lines are looked at and set right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from autopurchase.api.runs import Run
from autopurchase.cli.output import DONE, REFUSALS, UNKNOWN, WRONG_USE, Progress, aligned, json_option, show, write_csv
from autopurchase.cli.shop import filter_options, filters, line_numbers, opened
from autopurchase.domain.errors import BadInput

_READY = ("number", "provider", "title", "quantity", "unit_price", "sum", "reference_price", "customer", "ready_at")
_HELD = ("number", "provider", "title", "quantity", "unit_price", "cause", "status", "customer", "ready_at")
_MOST_SHOWN = 200


@click.command("import")
@click.argument("file", required=False)
@click.option("--source", default="", help="A shop's name; with FILE, the name its orders are kept under.")
@click.option("--encoding", default="", help="Of CSV and JSON; empty means UTF-8.")
@click.option("--decimal-comma", is_flag=True, help="Amounts are written like 12,50.")
@click.option("--sheet", default="", help="Excel sheet; empty means the first.")
@json_option
def import_(file: str, source: str, encoding: str, decimal_comma: bool, sheet: str, as_json: bool) -> int:
    """Take orders from a shop (--source NAME) or from FILE (.csv, .xlsx, .json): new, changed, unchanged, rejected."""
    if not file and not source:
        raise click.UsageError("Give a FILE, or --source NAME.")
    with opened() as shop:
        if file:
            options = {"encoding": encoding, "sheet": sheet, "decimal_comma": "yes" if decimal_comma else "no"}
            run = shop.import_file(Path(file).expanduser().resolve(), source=source or "file", **options)
        else:
            run = shop.import_orders(source)
            shop.wait([run], tell=Progress())
        return _imported(run, bool(file), as_json)


def _imported(run: Run, from_file: bool, as_json: bool) -> int:
    out, rejects, error = run.out, run.rejects, run.error
    document: dict[str, Any] = {"run": run.number, "state": run.state, **out, "rejects": rejects}
    if error:
        document["error"] = {"sentence": error, "cause": "bad_input" if from_file else "import_failed"}
    rows = [{"": name, **out[name]} for name in ("orders", "lines") if name in out]
    counts = aligned(rows, ("", "new", "changed", "unchanged", "rejected"))
    told = (f"Run {run.number}: {run.state}", counts, _rejected(rejects.rows))
    show(document, as_json, *(told if any(out.get("lines", {}).values()) or not error else ()))
    if error:
        if not as_json:
            click.echo(error, err=True)
        return WRONG_USE if from_file else REFUSALS
    return REFUSALS if len(rejects) else DONE


def _rejected(rows: list[dict[str, Any]]) -> str:
    """Reasons stand in full: they say what to change."""
    told = [f"  {row['position']}: {row['reason']}" for row in rows[:_MOST_SHOWN]]
    more = [f"  … and {len(rows) - _MOST_SHOWN} more"] if len(rows) > _MOST_SHOWN else []
    return "\n".join(["Rejected:", *told, *more]) if rows else ""


@click.command()
@filter_options
@click.option("--held", is_flag=True, help="Problem lines instead of ready ones.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@json_option
def ready(held: bool, as_csv: bool, as_json: bool, **given: Any) -> int:
    """Lines that are paid and not yet ordered, oldest first."""
    if as_csv and as_json:
        raise click.UsageError("Choose --json or --csv.")
    with opened() as shop:
        table = shop.ready(**filters(given, held=held))
    if as_csv:
        write_csv(table)
        return DONE
    word = "held" if held else "ready"
    show(
        {"count": len(table), "lines": table},
        as_json,
        aligned(table.rows, _HELD if held else _READY, most=_MOST_SHOWN),
        f"{len(table)} lines {word}." if len(table) else f"No line is {word}.",
    )
    return DONE


@click.group()
def line() -> None:
    """Change the status of lines, or free held ones."""


@line.command("status")
@click.argument("numbers", nargs=-1, required=True)
@click.option("--to", required=True, help="The new status, for example paid or cancelled.")
@click.option("--reason", default="", help="Needed when the move goes backward or ends the line.")
@json_option
def change_status(numbers: tuple[str, ...], to: str, reason: str, as_json: bool) -> int:
    """Give lines NUMBERS… another status, all or none."""
    with opened() as shop:
        return _changed(shop.change_status(_words(numbers), to, reason), as_json)


@line.command("ready")
@click.argument("numbers", nargs=-1, required=True)
@click.option("--reason", required=True, help="Why they may be booked again.")
@json_option
def make_ready(numbers: tuple[str, ...], reason: str, as_json: bool) -> int:
    """Return held lines NUMBERS… to ready."""
    with opened() as shop:
        return _changed(shop.make_ready(_words(numbers), reason), as_json)


def _words(numbers: tuple[str, ...]) -> list[str]:
    found = line_numbers(" ".join(numbers))
    if not found:
        raise BadInput("Name at least one line, like 53-1.")
    return found


def _changed(run: Run, as_json: bool) -> int:
    document = {"run": run.number, "state": run.state, "lines": run.out.get("lines", 0)}
    show(document, as_json, f"Run {run.number}: {run.out.get('lines', 0)} lines changed.")
    return DONE


def exit_for(outcomes: dict[str, int], left_out: int = 0) -> int:
    """The exit code for lines by outcome."""
    if outcomes.get("unknown"):
        return UNKNOWN
    return REFUSALS if outcomes.get("refused") or outcomes.get("waiting") or left_out else DONE
