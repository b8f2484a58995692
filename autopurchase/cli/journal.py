"""``journal …``: what was done, cell by cell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import click

from autopurchase.api.choosing import JournalFilters
from autopurchase.api.runs import Journal, Run
from autopurchase.cli.output import DONE, aligned, json_option, show
from autopurchase.cli.shop import opened

_LISTED = ("number", "kind", "state", "session", "actor", "at", "result")
_MOST = 1_001  # one more than an export takes, so that too many are refused and none is left out unseen
_OUTCOME = ("number", "outcome", "provider_order", "cause", "sentence")


def filter_options(command: Any) -> Any:
    """The options that say which runs."""
    options: tuple[Callable[[Any], Any], ...] = (
        click.option("--kind", default="", help="Only this operation: book, sync, import, …"),
        click.option("--state", default="", help="Only queued, running, done or failed ones."),
        click.option("--session", default="", help="Only through this session."),
        click.option("--actor", default="", help="Only by this person, or clock."),
        click.option("--text", default="", help="Words of the call or a note; number of a line, order, booking."),
        click.option("--from", "since", default="", metavar="DAY|AGE", help="From 2026-11-23 (UTC), or 7d, 24h."),
        click.option("--to", "until", default="", metavar="DAY", help="Up to this day, included."),
        click.option("--before", type=click.IntRange(0), default=0, metavar="N", help="Runs below this number."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def filters(given: dict[str, Any]) -> JournalFilters:
    """The options of `filter_options` as the API takes them."""
    wanted = {name: given[name] for name in JournalFilters.__annotations__ if given[name]}
    return cast(JournalFilters, wanted)


@click.group()
def journal() -> None:
    """What was done: every operation is a numbered cell."""


@journal.command("list")
@filter_options
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True)
@json_option
def list_runs(limit: int, as_json: bool, **given: Any) -> int:
    """Runs, newest first."""
    with opened() as shop:
        rows = shop.journal(limit, **filters(given)).rows()
    show({"runs": rows}, as_json, aligned(rows, _LISTED) or "No run fits.")
    return DONE


@journal.command("show")
@click.argument("number", type=int)
@json_option
def show_run(number: int, as_json: bool) -> int:
    """One cell: In, Out, what became of each line, and its notes."""
    with opened() as shop:
        run = shop.run(number)
        document = run.document()
    told = [f"In [{number}]: {document['call']}", f"Out [{number}]: {document['state']} · {document['result']}"]
    tables = [aligned(document["lines"], _OUTCOME), aligned(document["changes"], ("number", "kind", "detail"), most=50)]
    tables.append(aligned(document["rejects"], ("position", "reason"), most=50))
    show(document, as_json, *told, *tables, *_notes(run, document))
    return DONE


def _notes(run: Run, document: dict[str, Any]) -> list[str]:
    return [f"Note by {note['actor'] or 'somebody'}, {note['at']:%Y-%m-%d %H:%M} UTC: {note['text']}"
            for note in document["notes"]]  # fmt: skip


@journal.command("compare")
@click.argument("number", type=int)
@click.argument("other", type=int)
@json_option
def compare_runs(number: int, other: int, as_json: bool) -> int:
    """Cells NUMBER and OTHER side by side, what differs first."""
    with opened() as shop:
        rows = shop.run(number).compare(other).rows
    show({"run": number, "other": other, "rows": rows}, as_json, aligned(rows, ("part", "what", "this", "that")))
    return DONE


@journal.command("export")
@click.argument("numbers", type=int, nargs=-1)
@filter_options
@click.option("--out", required=True, metavar="FILE", help="A notebook (.ipynb) or a page (.html).")
@click.option("--title", default="", help="Its heading.")
@json_option
def export_runs(numbers: tuple[int, ...], out: str, title: str, as_json: bool, **given: Any) -> int:
    """Write cells NUMBERS, or those that fit, to a file; a notebook does nothing again by itself when it is run."""
    with opened() as shop:
        found = Journal([shop.run(number) for number in numbers]) if numbers else shop.journal(_MOST, **filters(given))
        path = found.export(Path(out).expanduser(), title or _titled(given))
    told = f"{path} holds {len(found)} cell{'s' if len(found) != 1 else ''}."
    show({"file": str(path), "cells": len(found)}, as_json, told)
    return DONE


def _titled(given: dict[str, Any]) -> str:
    """``Journal, 2026-11-23``: of a day or a stretch of days; else it is named by its cells."""
    days = list(dict.fromkeys(filter(None, (given["since"], given["until"]))))
    return f"Journal, {' to '.join(days)}" if days else ""


@journal.command("note")
@click.argument("number", type=int)
@click.argument("text")
@click.option("--instead-of", type=int, default=0, metavar="ID", help="Replace this note; an empty text takes it back.")
@json_option
def write_note(number: int, text: str, instead_of: int, as_json: bool) -> int:
    """Write a note (Markdown) on cell NUMBER."""
    with opened() as shop:
        run = shop.run(number)
        if instead_of:
            run.edit_note(instead_of, text)
        else:
            run.note(text)
        notes = run.notes
    told = [f"{note['id']}: {note['text']}" for note in notes]
    show({"run": number, "notes": notes}, as_json, *(told or ["The cell has no note."]))
    return DONE


commands: tuple[Any, ...] = (journal,)
