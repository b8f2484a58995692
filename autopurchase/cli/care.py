"""``status``, ``verify``, ``doctor``, ``backup``, ``restored``, ``migrate``, ``key``: looking after the workspace."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import click

from autopurchase import demo, settings, wiring
from autopurchase.api.workspace import local_actor
from autopurchase.cli.output import DONE, REFUSALS, age, aligned, json_option, note, show
from autopurchase.cli.shop import open_raw, opened
from autopurchase.domain.errors import BadInput
from autopurchase.engine.alive import workers
from autopurchase.services import backup as copying
from autopurchase.services import doctor as medicine
from autopurchase.services import upkeep
from autopurchase.services import verify as checking
from autopurchase.services.context import Context
from autopurchase.storage.migrate import current
from autopurchase.storage.vault import new_key


@click.command()
@json_option
def status(as_json: bool) -> int:
    """Lines and bookings by state, unknown outcomes, orphans, and when sessions were last synchronised."""
    with opened() as shop:
        found = {**shop.status(), "workers": shop.workers()}
    rows = [{**row, "synced": age(row["sync_age_seconds"])} for row in found["sessions"]]
    figures = [
        {"": name.replace("_", " "), "now": found[name]}
        for name in ("ready", "unknown", "orphans", "over_booked", "waiting_write_backs", "workers")
    ]
    show(
        found,
        as_json,
        aligned(figures, ("", "now")),
        "\nLines by purchase state:   " + _counts(found["lines"]),
        "Bookings by state:         " + _counts(found["bookings"]) + ("\n" if rows else ""),
        aligned(rows, ("name", "provider", "state", "synced", "sync_error")),
    )
    return DONE


def _counts(found: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in found.items()) or "none"


@click.command()
@click.option("--rebuild", is_flag=True, help="Count the figures of reports again from history first, and write them.")
@json_option
def verify(rebuild: bool, as_json: bool) -> int:
    """Rebuild every line's state, and every figure, from its history and compare. Changes nothing."""
    with open_raw() as found:
        if rebuild:
            note(f"counted {checking.rebuild_figures(found.context)} lines again")
        differences = [asdict(each) for each in checking.verify(found.context)]
    show(
        {"ok": not differences, "differences": differences},
        as_json,
        aligned(differences, ("what", "stored", "history")),
        f"{len(differences)} differences." if differences else "History and tables agree.",
    )
    return REFUSALS if differences else DONE


@click.command()
@json_option
def doctor(as_json: bool) -> int:
    """Examine the workspace from the ground up; say what is wrong and what to do."""
    found = settings.load()
    openings: list[wiring.Workspace] = []

    def open_context() -> Context:
        openings.append(wiring.open_workspace())
        demo.attend(openings[0])
        return openings[0].context

    try:
        findings = list(medicine.examine(found, medicine.Hands(open_context, workers)))
    finally:
        for each in openings:
            each.close()
    wrong = [finding for finding in findings if finding.level is medicine.Level.WRONG]
    told = "\n".join(_told(finding) for finding in findings)
    end = f"{len(wrong)} things are wrong." if wrong else "Nothing is wrong."
    show({"ok": not wrong, "findings": [asdict(finding) for finding in findings]}, as_json, told, end)
    return REFUSALS if wrong else DONE


def _told(finding: medicine.Finding) -> str:
    todo = f"\n{' ' * 10}→ {finding.todo}" if finding.todo else ""
    return f"{finding.level.value:8}  {finding.what}: {finding.found}{todo}"


@click.command()
@click.argument("file")
@json_option
def backup(file: str, as_json: bool) -> int:
    """Copy the database into FILE while everybody works on. Keep the key elsewhere: it is not in the copy."""
    path = Path(file).expanduser().resolve()
    with open_raw() as found:
        size = copying.backup(found.context.db, path)
    told = f"{path} holds the database ({size:,} bytes). The key is not in it: keep it elsewhere, it opens the secrets."
    show({"file": str(path), "bytes": size}, as_json, told)
    return DONE


@click.command()
@json_option
def restored(as_json: bool) -> int:
    """Say that the database is a copy put back: our references get a new mark, so that none is used a second time."""
    with open_raw() as found:
        if workers(found.context.db, found.home):
            raise BadInput("A worker is at work: stop pages and workers first.")
        mark = upkeep.restored(found.context, local_actor())
    told = f"References begin with AP-{mark} from now on. Before anybody books: sync --all --full --wait, then desk."
    show({"mark": mark}, as_json, told)
    return DONE


@click.command()
@json_option
def migrate(as_json: bool) -> int:
    """Make the workspace, or bring its tables to what this program wants."""
    with open_raw() as found:
        revision = current(found.context.db)
    show({"revision": revision}, as_json, f"The tables are at {revision}.")
    return DONE


@click.group(invoke_without_command=True)
@click.pass_context
def key(ctx: click.Context) -> int:
    """Print a new key; `key rotate` moves the workspace to one."""
    if ctx.invoked_subcommand is None:
        click.echo(new_key())
    return DONE


@key.command()
@json_option
def rotate(as_json: bool) -> int:
    """Seal every secret with a new key. Stop pages and workers first: they hold the old one.

    With AUTOPURCHASE_KEY, set it to NEW,OLD first; afterwards to NEW alone.
    """
    given = os.environ.get("AUTOPURCHASE_KEY", "")
    with open_raw() as found:
        home = found.home
        if workers(found.context.db, home):
            raise BadInput("A worker is at work with the old key: stop pages and workers, then rotate.")
    count = _reseal() if given else _rotate_file(home)
    told = "Set AUTOPURCHASE_KEY to the new key alone." if given else f"The new key is in {home / 'key'}."
    show({"resealed": count, "told": told}, as_json, f"{count} secrets are sealed with the new key. {told}")
    return DONE


def _reseal() -> int:
    if "," not in os.environ["AUTOPURCHASE_KEY"]:
        raise BadInput("Set AUTOPURCHASE_KEY to the new key, a comma and the old one, then rotate again.")
    with open_raw() as found:
        return upkeep.reseal_all(found.context)


def _rotate_file(home: Path) -> int:
    new = upkeep.begin_rotation(home)
    with open_raw() as found:
        count = upkeep.reseal_all(found.context)
    upkeep.end_rotation(home, new)
    return count
