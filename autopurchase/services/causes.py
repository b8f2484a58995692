"""Causes, not errors: why lines are not booked, by cause, each with its one act; and planning again what may be.

Of one run, of the runs since a moment, or of every line that waits now. Identical causes of one session are one row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from autopurchase.domain.causes import cause
from autopurchase.domain.errors import BadInput
from autopurchase.domain.plan import PlanOptions
from autopurchase.domain.remedies import OF_SESSION, explained, may_retry, remedy, unexplained
from autopurchase.domain.roles import Actor, Role
from autopurchase.domain.session import SessionState
from autopurchase.services import lines, plan
from autopurchase.services.context import Context
from autopurchase.storage import causes as stored
from autopurchase.storage import runs, sessions
from autopurchase.storage.database import Connection, Row

_LEFT_OUT = {"state": "left_out", "booking_id": None}
#: different words of one bucket that are kept
_MOST_WORDS = 20
#: causes whose retry takes an option of the plan that nobody wants by the way
_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "price_changed": {"accept_prices": True},
    "below_minimum": {"merge_by_seller": True},
}


@dataclass(frozen=True, slots=True)
class Words:
    """What the marketplace said, word for word, to so many lines; ``raw``: its whole answer, redacted."""

    sentence: str
    lines: int
    raw: str = ""


@dataclass(frozen=True, slots=True)
class CauseRow:
    """Lines with one cause. ``session``: only where the cause lies with the account.

    ``numbers`` and ``retry`` name the lines where few enough are asked for (a run's); ``retryable`` counts those that
    may be planned again. ``later``: lines that were booked since. ``until``: when waiting is over, where it is known.
    """

    code: str
    session: str
    lines: int
    share: Decimal
    retryable: int
    numbers: tuple[str, ...] = ()
    retry: tuple[str, ...] = ()
    later: int = 0
    until: datetime | None = None
    why: str = ""
    words: tuple[Words, ...] = ()

    @property
    def phrase(self) -> str:
        """After the count: ``one expired session``."""
        return remedy(self.code).phrase

    @property
    def act(self) -> str:
        """The one act that helps: a code of `remedies.ACTS`."""
        return remedy(self.code).act

    @property
    def label(self) -> str:
        """The cause in a table."""
        return cause(self.code).label

    @property
    def action(self) -> str:
        """What to do, as a sentence."""
        return cause(self.code).action


@dataclass(frozen=True, slots=True)
class Causes:
    """Rows by cause, most lines first. ``explained`` of ``decided`` lines have a cause that says something."""

    rows: tuple[CauseRow, ...]
    explained: int
    decided: int

    @property
    def percent(self) -> Decimal | None:
        """Explained lines in percent, to one digit; None when there is nothing to explain."""
        return _percent(self.explained, self.decided) if self.decided else None

    @property
    def retry(self) -> tuple[str, ...]:
        """Lines of a run that may be planned again as they are, without an option that a person has to choose."""
        return tuple(number for row in self.rows if row.code not in _OPTIONS for number in row.retry)


def of_run(ctx: Context, actor: Actor, run_id: int) -> Causes:
    """Why lines of a booking run are not booked: refused, of unknown outcome, or left out by its plan."""
    actor.require(Role.VIEWER)
    with ctx.db.read() as tx:
        run = runs.get(tx, run_id)
        if run["kind"] != "book":
            return Causes((), 0, 0)
        entries = [dict(row) for row in stored.of_run(tx, run_id)]
        entries += [{**line, **_LEFT_OUT} for line in stored.left_out(tx, run_id)]
        return _grouped(ctx, tx, entries)


def since(ctx: Context, actor: Actor, moment: datetime) -> Causes:
    """The same of every booking run since a moment; a line counts once a cause."""
    actor.require(Role.VIEWER)
    with ctx.db.read() as tx:
        entries = [dict(row) for row in stored.since(tx, moment)]
        entries += [{**line, **_LEFT_OUT} for line in stored.left_out_since(tx, moment)]
        found = _grouped(ctx, tx, entries)
    return replace(found, rows=tuple(replace(row, numbers=(), retry=()) for row in found.rows))


def waiting(ctx: Context, actor: Actor) -> Causes:
    """Why lines wait now: held, ready again after a refusal, or of unknown outcome."""
    actor.require(Role.VIEWER)
    with ctx.db.read() as tx:
        accounts = {row["name"]: row for row in sessions.listing(tx)}
        counts = _merged(stored.waiting_counts(tx), accounts, ctx.now())
        said = _words(tx, stored.waiting_words(tx, [code for code, _ in counts if unexplained(code)]))
    total = sum(lines for lines, _ in counts.values())
    rows = [
        _timed(
            CauseRow(code, name, lines, _percent(lines, total), retryable, words=said.get(code, ())),
            accounts.get(name),
            ctx.now(),
        )
        for (code, name), (lines, retryable) in counts.items()
    ]
    return _ordered(rows)


def explained_percent(ctx: Context) -> Decimal | None:
    """Of every line that waits now, how many percent are explained; None when none waits."""
    with ctx.db.read() as tx:
        known, decided = explained(stored.cause_counts(tx))
    return _percent(known, decided) if decided else None


def retry(
    ctx: Context,
    actor: Actor,
    run_id: int,
    codes: Sequence[str] = (),
    *,
    session: str = "",
    in_worker: bool = False,
) -> str:
    """Ask for a new plan of only those lines of a run that may be booked again; returns its token.

    ``codes``: only lines with these causes. A raised price is accepted, and lines are merged per seller, only when that
    cause alone is named; lines held for their price are returned to ready by it. Raises BadInput when nothing may be.
    """
    actor.require(Role.OPERATOR)
    found = of_run(ctx, actor, run_id)
    numbers = [number for row in found.rows if row.code in codes for number in row.retry] if codes else found.retry
    if not numbers:
        raise BadInput("None of these lines may be booked again now: do first what their causes ask for.")
    with ctx.db.read() as tx:
        run = runs.get(tx, run_id)
        name = session or sessions.get(tx, run["session_id"])["name"]
    chosen = _OPTIONS.get(codes[0], {}) if len(codes) == 1 else {}
    if chosen.get("accept_prices"):
        _free(ctx, actor, numbers, f"The new price was accepted (run {run_id}).")
    options = replace(PlanOptions.from_json({**PlanOptions().as_json(), **run["params"]}), **chosen)
    return plan.request(ctx, actor, name, lines=list(numbers), options=options, in_worker=in_worker)


def _free(ctx: Context, actor: Actor, numbers: Iterable[str], reason: str) -> None:
    """Return those that are held to ready; a cell of its own says who accepted what."""
    with ctx.db.read() as tx:
        now = stored.standing(tx, numbers)
    held = {number: row["version"] for number, row in now.items() if row["purchase"] == "problem"}
    if held:
        lines.make_ready(ctx, actor, held, reason)


def _grouped(ctx: Context, tx: Connection, entries: Sequence[Mapping[str, Any]]) -> Causes:
    """Entries (number, state, cause, sentence, booking_id, session) as rows by cause."""
    accounts, now = {row["name"]: row for row in sessions.listing(tx)}, ctx.now()
    standing = stored.standing(tx, (entry["number"] for entry in entries))
    groups: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    for entry in entries:
        code = "unknown_outcome" if entry["state"] == "unknown" else entry["cause"] or "unknown_refusal"
        key = code, entry["session"] if code in OF_SESSION else ""
        groups.setdefault(key, {})[entry["number"]] = entry
    said = _words(tx, [each for key, group in groups.items() if unexplained(key[0]) for each in group.values()])
    total = len({entry["number"] for entry in entries})
    rows = []
    for (code, name), group in groups.items():
        free = tuple(
            number
            for number, entry in group.items()
            if may_retry(
                code,
                standing[number],
                session_works=_works(accounts[entry["session"]], now),
                untouched=entry["state"] == "left_out" and standing[number]["changed_at"] <= entry["seen_at"],
            )
        )
        under_way = sum(standing[number]["booking_id"] is not None for number in group)
        row = CauseRow(
            code,
            name,
            len(group),
            _percent(len(group), total),
            len(free),
            tuple(group),
            free,
            later=0 if code == "unknown_outcome" else under_way,
            words=said.get(code, ()),
        )
        rows.append(_timed(row, accounts.get(name or next(iter(group.values()))["session"]), now))
    return _ordered(rows)


def _works(session: Row, now: datetime) -> bool:
    """Whether a session books now: authorised, switched on, not resting."""
    rests = session["resting_until"] is not None and session["resting_until"] > now
    return bool(session["state"] == SessionState.ACTIVE) and not rests


def _timed(row: CauseRow, session: Row | None, now: datetime) -> CauseRow:
    """With the moment its session books again, where it rests."""
    if session is None or row.code not in OF_SESSION or session["resting_until"] is None:
        return row
    return (
        replace(row, until=session["resting_until"], why=session["resting_why"])
        if session["resting_until"] > now
        else row
    )


def _merged(
    counts: Iterable[Row], accounts: Mapping[str, Row], now: datetime
) -> dict[tuple[str, str], tuple[int, int]]:
    """(cause, session where it lies with that) -> lines, and how many of them may be planned again."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for row in counts:
        code, account = row["cause"] or "unknown_refusal", accounts.get(row["session"] or "")
        key = code, (row["session"] or "") if code in OF_SESSION else ""
        line = {"ready": row["ready"] > 0, "purchase": "problem", "cause": code}
        free = may_retry(code, line, session_works=account is None or _works(account, now))
        again = (row["lines"] if code == "price_changed" else row["ready"]) if free else 0
        lines, retryable = found.get(key, (0, 0))
        found[key] = lines + int(row["lines"]), retryable + int(again)
    return found


def _words(tx: Connection, entries: Sequence[Mapping[Any, Any]]) -> dict[str, tuple[Words, ...]]:
    """What was said, word for word, by cause: most frequent first."""
    raw = stored.raw_words(tx, (entry["booking_id"] for entry in entries if entry["booking_id"]))
    found: dict[str, dict[str, Words]] = {}
    for entry in entries:
        sentences = found.setdefault(entry["cause"] or "unknown_refusal", {})
        sentence = entry["sentence"] or ""
        seen = sentences.get(sentence, Words(sentence, 0, raw.get(entry["booking_id"] or 0, "")))
        sentences[sentence] = replace(seen, lines=seen.lines + 1)
    return {
        code: tuple(sorted(sentences.values(), key=lambda each: -each.lines)[:_MOST_WORDS])
        for code, sentences in found.items()
    }


def _ordered(rows: Sequence[CauseRow]) -> Causes:
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.code] = counts.get(row.code, 0) + row.lines
    known, decided = explained(counts)
    return Causes(tuple(sorted(rows, key=lambda row: (-row.lines, row.code, row.session))), known, decided)


def _percent(part: int, whole: int) -> Decimal:
    share = Decimal(100 * part) / Decimal(whole) if whole else Decimal(0)
    return share.quantize(Decimal("0.1"), ROUND_HALF_UP)
