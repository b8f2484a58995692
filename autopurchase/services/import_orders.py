"""Import: take the orders of a source into the database, order by order, in batches that are each complete.

An import that was interrupted is simply carried out again: what is stored already is found unchanged.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from autopurchase.domain import code
from autopurchase.domain.errors import AutopurchaseError, BadInput, NotSupported, Refused
from autopurchase.domain.roles import CLOCK, Actor, Role
from autopurchase.domain.shop import Reject, ShopOrder
from autopurchase.ports import Source
from autopurchase.services.context import Context
from autopurchase.services.fresh import read_again
from autopurchase.services.import_batch import Into, Tally, store_batch
from autopurchase.services.sources import FILE, open_source
from autopurchase.storage import orders as store
from autopurchase.storage import runs, sources
from autopurchase.storage.database import Connection
from autopurchase.storage.lines import chunks
from autopurchase.storage.rates import Book

#: orders and rejects in one transaction
BATCH = 500
#: seconds after which what a slow source has given is stored and shown, though the batch is not full
_PATIENCE = 10.0
#: orders asked for at a sweep, per page
_PAGE = 100
_FINISHED = frozenset({"done", "failed"})
#: an import in a caller's own process that gave no sign of life for this long has died with it
_SILENCE = timedelta(minutes=5)


def request(ctx: Context, actor: Actor, source: str) -> int:
    """Queue an import of a source for the worker; returns the run's number. Raises BadInput, NotAllowed."""
    actor.require(Role.OPERATOR)
    with ctx.db.write() as tx:
        row = sources.by_name(tx, source)
        if not row["enabled"]:
            raise BadInput(f"The source “{source}” is switched off: switch it on under Sources.")
        run_id = _open_run(ctx, tx, actor, row["id"], code.call("shop.import_orders", source), {}, "queued")
        ctx.queue.carry_out(tx, "import_orders", run_id)
    return run_id


def request_due(ctx: Context) -> list[int]:
    """Queue an import of every shop whose interval is over and that has none under way; returns the run numbers."""
    with ctx.db.read() as tx:
        names = sources.due(tx, ctx.now())
    return [request(ctx, CLOCK, name) for name in names]


def import_file(
    ctx: Context, actor: Actor, path: Path, options: Mapping[str, str] | None = None, *, source: str = FILE
) -> int:
    """Import an order file here and now; returns the run's number, whose state says how it went.

    ``options``: the settings of the file source other than ``path`` (encoding, decimal_comma, sheet). The source row is
    made on first use. Raises BadInput when ``source`` is no file source, NotAllowed.
    """
    actor.require(Role.OPERATOR)
    params = {"path": str(path), "options": dict(options or {}), "here": True}
    with ctx.db.write() as tx:
        row = _file_source(ctx, tx, source)
        run_id = _open_run(ctx, tx, actor, row["id"], _file_call(path, options, source), params, "running")
    carry_out(ctx, run_id)
    return run_id


def request_file(
    ctx: Context, actor: Actor, path: Path, options: Mapping[str, str] | None = None, *, source: str = FILE
) -> int:
    """The same as `import_file`, carried out by the worker: the file must stay where it is until the run has ended."""
    actor.require(Role.OPERATOR)
    params = {"path": str(path), "options": dict(options or {})}
    with ctx.db.write() as tx:
        row = _file_source(ctx, tx, source)
        run_id = _open_run(ctx, tx, actor, row["id"], _file_call(path, options, source), params, "queued")
        ctx.queue.carry_out(tx, "import_orders", run_id)
    return run_id


def _file_call(path: Path, options: Mapping[str, str] | None, source: str) -> str:
    """The folder is nobody's business but this computer's."""
    named = {"source": source} if source != FILE else {}
    return code.call("shop.import_file", Path(path).name, **named, **(options or {}))


def _file_source(ctx: Context, tx: Connection, name: str) -> Any:
    made = {"config_sealed": ctx.vault.seal({}), "created_at": ctx.now(), "write_back": False}
    row = sources.ensure(tx, name=name, kind=FILE, **made)
    if row["kind"] != FILE:
        raise BadInput(f"The source “{name}” is a shop, not a file: name another source for the file.")
    return row


def _open_run(
    ctx: Context, tx: Connection, actor: Actor, source_id: int, call: str, params: Mapping[str, Any], state: str
) -> int:
    return runs.create(
        tx, kind="import", actor=actor.name, at=ctx.now(), call=call, params=params, state=state, source_id=source_id
    )


def dead_runs(ctx: Context) -> list[int]:
    """Imports of files that were under way in a process which has given no sign of life for five minutes."""
    with ctx.db.read() as tx:
        return [row["id"] for row in store.silent_imports(tx, ctx.now() - _SILENCE) if row["params"].get("here")]


def fail_dead(ctx: Context) -> list[int]:
    """End the runs of `dead_runs` as failed, with a sentence; returns their numbers. What they took stays."""
    found = dead_runs(ctx)
    for run_id in found:
        with ctx.db.write() as tx:
            run = runs.get(tx, run_id)
            if run["state"] == "running":
                runs.finish(tx, run_id, at=ctx.now(), out=run["out"], error=_DIED)
                sources.change(tx, run["source_id"], last_error=_DIED)
    return found


_DIED = "The process that imported this file ended half-way. Import the file again: what was taken is found unchanged."


def carry_out(ctx: Context, run_id: int) -> None:
    """Carry out an import run; safe to call again after a crash, and for a finished run it does nothing.

    A refusal or an unreachable shop ends the run as failed with the sentence; what was stored before stays.
    """
    with ctx.db.write() as tx:
        run = runs.get(tx, run_id)
        if run["state"] in _FINISHED:
            return
        runs.start(tx, run_id, ctx.now())
        store.forget_rejects(tx, run_id)
        row = sources.get(tx, run["source_id"])
    work = _Import(ctx, run_id, run["actor"], row["id"], row["kind"] != FILE, ctx.now(), _first_counts(run["out"]))
    work.unmapped = int(run["out"].get("needs_mapping", 0))
    try:
        work.carry_out(_open(ctx, row, run["params"]))
    except AutopurchaseError as error:
        work.finish(error)
        return
    work.finish()


def _open(ctx: Context, row: Mapping[Any, Any], params: Mapping[str, Any]) -> Source:
    given = {"path": params["path"], **params["options"]} if "path" in params else {}
    providers = {"providers": ",".join(sorted(ctx.providers))} if row["kind"] == FILE else {}
    return open_source(ctx, row, {**providers, **given})


def _first_counts(out: Mapping[str, Any]) -> dict[str, Counter[str]]:
    """What an interrupted attempt of the run stored stays new or changed, though this attempt finds it unchanged."""
    return {
        name: Counter({key: out[name][key] for key in ("new", "changed")} if name in out else {})
        for name in ("orders", "lines")
    }


@dataclass(slots=True)
class _Import:
    """One attempt of an import run. ``counts``: by orders and lines, what became of them."""

    ctx: Context
    run_id: int
    actor: str
    source_id: int
    whole: bool
    began: datetime
    counts: dict[str, Counter[str]]
    unmapped: int = 0
    rates: Book = field(default_factory=Book)
    seen: Counter[str] = field(default_factory=Counter)
    refused: set[str] = field(default_factory=set)
    done: int = 0
    left: int = 0
    counted_anew: int = 100  # new orders when the database last looked at how large its tables are

    def carry_out(self, source: Source) -> None:
        """Take everything the source gives, then ask it about the open orders that it no longer lists."""
        for part in _batches(source.open_paid(_PAGE)):
            self._store(part)
        if self.whole:
            self._follow_left(source)

    def _store(self, part: list[ShopOrder | Reject]) -> None:
        rejects = [item for item in part if isinstance(item, Reject)]
        with self.ctx.db.write() as tx:
            tally = store_batch(tx, (item for item in part if isinstance(item, ShopOrder)), self._into())
            tally.lines["rejected"] += len(rejects)
            kept = [store.reject_row(item.position, item.reason, item.row) for item in rejects]
            runs.add_rejects(tx, self.run_id, kept + tally.rejects)
            self._count(tally)
            self.done += len(part)
            store.save_progress(tx, self.run_id, self.done, self.out(), self.ctx.now())
        if (new := self.counts["orders"]["new"]) >= 4 * self.counted_anew:
            self.counted_anew = new
            with self.ctx.db.write() as tx:
                store.count_anew(tx)

    def _into(self) -> Into:
        at = self.ctx.now()
        return Into(self.source_id, self.whole, self.ctx.providers, at, self.actor, self.run_id, self.rates)

    def _count(self, tally: Tally) -> None:
        self.refused |= tally.refused
        self.unmapped += tally.unmapped
        for name, found in (("orders", tally.orders), ("lines", tally.lines)):
            self.seen[name] += found.total()
            self.counts[name].update({key: found[key] for key in ("new", "changed", "rejected")})

    def _follow_left(self, source: Source) -> None:
        with self.ctx.db.read() as tx:
            left = [key for key in store.left_open(tx, self.source_id, self.began) if key not in self.refused]
        for part in chunks(left, 50):
            with self.ctx.db.read() as tx:
                known = store.known(tx, self.source_id, part)
            try:
                self._store([self._again(source, known[key].row) for key in part])
            except NotSupported:
                return
            self.left += len(part)

    def _again(self, source: Source, row: Mapping[Any, Any]) -> ShopOrder | Reject:
        try:
            return read_again(source, row)
        except NotSupported:
            raise
        except Refused as error:
            return Reject(f"order {row['number']}", error.sentence, {"external_id": row["external_id"]})

    def out(self) -> dict[str, Any]:
        """The run's Out: what became of the orders and lines of this source."""
        return {name: self._figures(name) for name in ("orders", "lines")} | {
            "left": self.left,
            "needs_mapping": self.unmapped,
        }

    def _figures(self, name: str) -> dict[str, int]:
        found = self.counts[name]
        told = {key: found[key] for key in ("new", "changed", "rejected")}
        return {**told, "unchanged": max(0, self.seen[name] - sum(told.values()))}

    def finish(self, error: AutopurchaseError | None = None) -> None:
        """Close the run and say at the source how it went."""
        sentence = self._sentence(error) if error else ""
        now = self.ctx.now()
        with self.ctx.db.write() as tx:
            store.save_progress(tx, self.run_id, self.done, self.out(), now, total=self.done)
            runs.finish(tx, self.run_id, at=now, out=self.out(), error=sentence)
            good = {} if error else {"last_import_at": now}
            sources.change(tx, self.source_id, last_error=sentence, **good)

    def _sentence(self, error: AutopurchaseError) -> str:
        stored = self.seen["orders"] - self.counts["orders"]["rejected"]
        if not stored:
            return error.sentence
        return f"{error.sentence} Before that, {stored} orders were taken in full; importing again takes the rest."


def _batches(items: Iterable[ShopOrder | Reject]) -> Iterator[list[ShopOrder | Reject]]:
    """Full ones, or smaller where the source is slow. What came before a failure is a batch too, then it is raised."""
    part: list[ShopOrder | Reject] = []
    began = time.monotonic()
    try:
        for item in items:
            part.append(item)
            if len(part) == BATCH or time.monotonic() - began > _PATIENCE:
                yield part
                part, began = [], time.monotonic()
    except AutopurchaseError:
        if part:
            yield part
        raise
    if part:
        yield part
