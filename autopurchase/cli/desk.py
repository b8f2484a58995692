"""``desk``: where what we believe and what the marketplaces say differ, and what puts it right."""

from __future__ import annotations

import click

from autopurchase.api.desk import COMPARED, Desk
from autopurchase.api.runs import Run
from autopurchase.cli.buying import timeout_option
from autopurchase.cli.output import DONE, REFUSALS, UNKNOWN, Progress, aligned, json_option, note, show
from autopurchase.cli.shop import opened
from autopurchase.domain.desk import KINDS, LABELS

_SHOWN = ("label", "session", "provider_order", "lines", "believed", "said", "since", "actions", "key")


@click.group(invoke_without_command=True)
@click.option("--session", default="", help="Only this one.")
@click.option("--kind", type=click.Choice(KINDS), default=None, help="Only rows of this kind.")
@click.option("--refresh", is_flag=True, help="Ask the worker to compare with the marketplaces.")
@click.option("--wait", is_flag=True, help="Wait for that comparison.")
@timeout_option
@json_option
@click.pass_context
def desk(
    context: click.Context,
    session: str,
    kind: str | None,
    refresh: bool,
    wait: bool,
    timeout: float,
    as_json: bool,
) -> int:
    """List what differs now. Exit 3: unknown outcomes are among it; 1: a comparison failed."""
    if context.invoked_subcommand:
        return DONE
    if wait and not refresh:
        raise click.UsageError("--wait goes with --refresh.")
    with opened(calls=wait) as shop:
        if refresh and not wait:
            runs = ", ".join(str(run.number) for run in shop.compare(session or None))
            note(f"Comparing in run {runs}." if runs else "No session is active.")
            if not shop.workers():
                note("No worker is at work: start one (worker), or use --wait.")
        found = shop.desk(session or None, kind=kind or "", refresh=wait, timeout=timeout, tell=Progress())
    return _shown(found, as_json)


def _shown(found: Desk, as_json: bool) -> int:
    document = {"rows": found.rows, "counts": found.counts, "compared": found.compared.rows, "young": found.young}
    counts = ", ".join(f"{count} {LABELS[kind].lower()}" for kind, count in found.counts.items())
    show(
        document,
        as_json,
        aligned(found.rows, _SHOWN),
        f"{counts}." if counts else "Nothing differs.",
        "\n" + aligned(found.compared.rows, COMPARED),
    )
    if "unknown" in found.counts:
        return UNKNOWN
    return REFUSALS if any(row["error"] for row in found.compared) else DONE


@desk.command("leave")
@click.argument("key")
@click.option("--note", "why", required=True, help="Why it is right as it is.")
@json_option
def leave(key: str, why: str, as_json: bool) -> int:
    """Settle the row KEY as right: it does not come back."""
    with opened() as shop:
        return _done(shop.put_right(key, "leave", why), as_json)


@desk.command("accept")
@click.argument("key")
@click.option("--note", "why", default="", help="For the journal.")
@json_option
def accept(key: str, why: str, as_json: bool) -> int:
    """Accept what differs in the row KEY: its booking stays as it is."""
    with opened() as shop:
        return _done(shop.put_right(key, "accept", why), as_json)


@desk.command("cancel")
@click.argument("key")
@click.option("--reason", default="", help="For the journal; the seller does not see it.")
@json_option
def cancel(key: str, reason: str, as_json: bool) -> int:
    """Cancel the order of the row KEY at its marketplace; the worker does it."""
    with opened() as shop:
        return _done(shop.put_right(key, "cancel", reason), as_json)


@desk.command("free")
@click.argument("key")
@click.option("--wait", is_flag=True, help="Wait until the marketplace was asked.")
@timeout_option
@json_option
def free(key: str, wait: bool, timeout: float, as_json: bool) -> int:
    """Free the lines of the ghost KEY, once the marketplace says again that there is no such order."""
    with opened(calls=wait) as shop:
        run = shop.put_right(key, "free")
        if wait:
            run.wait(timeout, Progress())
        return _done(run, as_json)


def _done(run: Run, as_json: bool) -> int:
    document = {"run": run.number, "state": run.state, "out": run.out}
    show(document, as_json, f"Run {run.number} is {run.state}.")
    return REFUSALS if run.state == "failed" else DONE
