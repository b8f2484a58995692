"""Putting the commands together, and ending every one of them with a sentence and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from autopurchase import settings
from autopurchase.cli import (
    accounts,
    bench,
    binding,
    budgets,
    buying,
    cancels,
    care,
    causes,
    conformance,
    desk,
    goods,
    journal,
    line_changes,
    orders,
    pay,
    push,
    report,
    running,
)
from autopurchase.cli.output import DONE, REFUSALS, UNKNOWN, WRONG_USE, show
from autopurchase.domain.errors import AutopurchaseError, BadInput, Unknown

_STOPPED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def cli() -> None:
    """Orders paid lines at Taobao and 1688, never twice, and follows them to the warehouse.

    The workspace is the folder AUTOPURCHASE_HOME (./data). Exit codes: 0 done, 1 finished with refusals, 2 wrong use,
    3 unknown outcomes remain.
    """


report.report.add_command(causes.causes)
for command in (
    running.demo_command, accounts.session, accounts.source, orders.import_, orders.ready, buying.plan, buying.book,
    buying.sync, buying.settle, orders.line, care.status, running.worker, running.up, care.migrate, care.verify,
    care.doctor, care.backup, care.restored, care.key, bench.bench, goods.mapping, goods.rates,
    journal.journal, binding.bind, *cancels.commands, conformance.conformance,
    pay.pay, push.push, desk.desk, report.report,
):  # fmt: skip
    cli.add_command(command)


for command in (budgets.limits, budgets.wake):
    accounts.session.add_command(command)

for command in line_changes.commands:
    orders.line.add_command(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command of ``arguments`` (default: of this process); the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in words
    try:
        code = cli.main(args=words, prog_name="python -m autopurchase", standalone_mode=False)
    except click.UsageError as error:
        return _wrong_use(error, as_json)
    except click.Abort:
        click.echo("Stopped.", err=True)
        return _STOPPED
    except AutopurchaseError as error:
        _say(error.sentence, error.cause, as_json)
        return _code_for(error)
    except BrokenPipeError:  # whoever read our output has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception:
        _say(f"The program met an error it does not know; {_kept(traceback.format_exc())}", "our_bug", as_json)
        return REFUSALS
    return code if isinstance(code, int) else DONE


def _wrong_use(error: click.UsageError, as_json: bool) -> int:
    if as_json:
        _say(error.format_message(), "wrong_use", as_json)
    else:
        error.show()
    return WRONG_USE


def _say(sentence: str, cause: str, as_json: bool) -> None:
    if as_json:
        show({"error": {"sentence": sentence, "cause": cause}}, as_json)
    else:
        click.echo(sentence, err=True)


def _code_for(error: AutopurchaseError) -> int:
    if isinstance(error, BadInput):
        return WRONG_USE
    return UNKNOWN if isinstance(error, Unknown) else REFUSALS


def _kept(trace: str) -> str:
    """Keep the traceback in the workspace's logs, readable by its owner only; says where."""
    try:
        folder = settings.load().home / "logs"
        folder.mkdir(parents=True, exist_ok=True)
        path: Path = folder / f"error-{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.getpid()}.txt"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(trace)
    except OSError:
        return "its details could not be kept, for the workspace folder cannot be written: run doctor."
    return f"its details are in {path}: please report it."
