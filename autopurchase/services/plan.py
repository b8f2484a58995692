"""Making plans: picked lines become checked, frozen purchases. Nothing is bought by it."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from autopurchase.domain.causes import cause
from autopurchase.domain.errors import AutopurchaseError, BadInput, Misuse
from autopurchase.domain.money import Money, totals
from autopurchase.domain.plan import Candidate, PlanOptions, group, margin, over_tolerance, plan_hash
from autopurchase.domain.purchase import Preview, PreviewLine, Purchase, PurchaseLine
from autopurchase.domain.roles import Actor, Role
from autopurchase.domain.session import SessionConfig, SessionState
from autopurchase.ports import Provider
from autopurchase.services.calls import SessionPace, call_lease, config_of, open_provider
from autopurchase.services.context import Context
from autopurchase.services.fresh import refresh_orders
from autopurchase.storage import lines, plans, sessions
from autopurchase.storage.database import Row

__all__ = ["PlanOptions", "PlanView", "check", "read", "request"]

log = logging.getLogger(__name__)

#: shop orders read longer ago than this are read again before a plan is made of them
FRESH_SECONDS = 120
#: lines of one plan; more are planned in parts
MAX_LINES = 5_000
#: what purchases are reckoned in, whatever customers pay in
BUYING_CURRENCY = "CNY"


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan as people see it. ``body``: purchases, left_out, warnings, totals (currency -> minor units), blocked."""

    token: str
    state: str
    session: str
    actor: str
    done: int
    total: int
    error: str
    hash: str
    run_id: int | None
    body: dict[str, Any]
    params: dict[str, Any]

    @property
    def line_count(self) -> int:
        """Lines that would be booked."""
        return sum(len(purchase["lines"]) for purchase in self.body.get("purchases", []))


@dataclass(slots=True)
class _Draft:
    """What a check has found so far."""

    left_out: list[dict[str, Any]] = field(default_factory=list)
    purchases: list[dict[str, Any]] = field(default_factory=list)

    def leave_out(self, number: str, code: str, sentence: str, **more: Any) -> None:
        self.left_out.append({"number": number, "cause": code, "sentence": sentence or cause(code).action, **more})


def request(
    ctx: Context,
    actor: Actor,
    session: str,
    *,
    lines: Sequence[str],
    options: PlanOptions | None = None,
    in_worker: bool = False,
) -> str:
    """Ask for a plan of these line numbers through ``session``; returns its token.

    ``in_worker`` leaves the check to the worker (pages always do); otherwise the caller runs `check`.
    """
    actor.require(Role.OPERATOR)
    numbers = list(dict.fromkeys(lines))
    if not numbers:
        raise BadInput("Pick at least one line.")
    if len(numbers) > MAX_LINES:
        raise BadInput(f"A plan takes at most {MAX_LINES:,} lines; {len(numbers):,} are picked. Plan them in parts.")
    params = {"lines": numbers, "options": (options or PlanOptions()).as_json()}
    token = secrets.token_hex(6)
    with ctx.db.write() as tx:
        row = sessions.by_name(tx, session)
        usable(row)
        plan_id = plans.create(tx, token=token, session_id=row["id"], actor=actor.name, params=params, at=ctx.now())
        if in_worker:
            ctx.queue.check_plan(tx, plan_id)
    return token


def usable(row: Row) -> None:
    """Raise BadInput when the session is switched off or needs authorisation."""
    if row["state"] == SessionState.DISABLED:
        raise BadInput(f"Session {row['name']} is switched off: enable it, or pick another.")
    if row["state"] == SessionState.NEEDS_AUTHORISATION:
        raise BadInput(f"Session {row['name']} is no longer authorised: authorise it again under Sessions.")


def read(ctx: Context, token: str) -> PlanView:
    """A plan as it stands."""
    with ctx.db.read() as tx:
        row = plans.get(tx, token)
        session = sessions.get(tx, row["session_id"])["name"]
    return PlanView(
        token=token,
        state=row["state"],
        session=session,
        actor=row["actor"],
        done=row["done"],
        total=row["total"],
        error=row["error"],
        hash=row["hash"],
        run_id=row["run_id"],
        body=row["body"],
        params=row["params"],
    )


def check(ctx: Context, token: str) -> None:
    """Read the shops' orders afresh, preview every purchase at the provider, and freeze the plan."""
    carry_out_check(ctx, token, _planned)


def _planned(ctx: Context, row: Row, config: SessionConfig) -> tuple[dict[str, Any], str]:
    body = _check(ctx, row["id"], config, row["params"])
    return body, plan_hash(config.name, body["purchases"])


def carry_out_check(
    ctx: Context, token: str, look: Callable[[Context, Row, SessionConfig], tuple[dict[str, Any], str]]
) -> None:
    """Check a plan of any kind: ``look`` finds its body and the hash that freezes it.

    Ends in state ``ready`` or, with a sentence, in ``failed``; a plan that was checked already stays as it is.
    """
    with ctx.db.write() as tx:
        row = plans.get(tx, token, lock=True)
        if row["state"] not in ("queued", "checking"):
            return
        session = sessions.get(tx, row["session_id"])
        plans.change(tx, row["id"], state="checking", done=0)
    try:
        body, frozen = look(ctx, row, config_of(ctx, session))
    except AutopurchaseError as error:
        _fail(ctx, row["id"], error)
        return
    except Exception:  # it must not stay “checking” for ever
        log.exception("checking plan %s met an unforeseen error", token)
        _fail(ctx, row["id"], Misuse())
        return
    with ctx.db.write() as tx:
        plans.change(tx, row["id"], state="ready", body=body, hash=frozen, ready_at=ctx.now())


def _fail(ctx: Context, plan_id: int, error: AutopurchaseError) -> None:
    with ctx.db.write() as tx:
        plans.change(tx, plan_id, state="failed", error=error.sentence)


def _check(ctx: Context, plan_id: int, config: SessionConfig, params: dict[str, Any]) -> dict[str, Any]:
    options = PlanOptions.from_json(params["options"])
    draft = _Draft()
    candidates = _candidates(ctx, config, params["lines"], draft)
    manifest = ctx.providers[config.provider].manifest
    groups = group(candidates, merge_by_seller=options.merge_by_seller, max_skus=manifest.max_skus)
    with ctx.db.write() as tx:
        plans.change(tx, plan_id, total=len(groups))
    previews = _previews(ctx, config, groups, progress(ctx, plan_id))
    for members, preview in zip(groups, previews, strict=True):
        _freeze(draft, members, preview, options)
    return _body(draft, options)


def progress(ctx: Context, plan_id: int) -> Callable[[int], None]:
    """Says how far the check of a plan is."""

    def tell(done: int) -> None:
        with ctx.db.write() as tx:
            plans.change(tx, plan_id, done=done)

    return tell


def _candidates(ctx: Context, config: SessionConfig, numbers: Sequence[str], draft: _Draft) -> list[Candidate]:
    with ctx.db.read() as tx:
        rows = lines.find(tx, numbers)
    fitting = {number: row for number, row in rows.items() if _fits(row, config, draft)}
    held = refresh_orders(ctx, sorted({row["order_id"] for row in fitting.values()}), older_than_seconds=FRESH_SECONDS)
    with ctx.db.read() as tx:
        rows = lines.find(tx, list(fitting))
    found = []
    for number, row in rows.items():
        if cause_of_order := held.get(row["order_id"]):
            draft.leave_out(number, cause_of_order, _why_not(row))
        elif _fits(row, config, draft):
            found.append(_candidate(row))
    return found


def _fits(row: Row, config: SessionConfig, draft: _Draft) -> bool:
    if row["provider"] != config.provider:
        draft.leave_out(
            row["number"],
            "wrong_session",
            f"This line is bought at {row['provider']}; session {config.name} is at {config.provider}.",
        )
        return False
    if not row["ready"]:
        draft.leave_out(row["number"], row["cause"] or "drifted", _why_not(row))
    return bool(row["ready"])


def _why_not(row: Row) -> str:
    if row["cause"]:
        return cause(row["cause"]).action
    if row["purchase"] != "ready":
        return f"This line is already in state “{row['purchase']}”."
    return f"This line is not ready: its status is “{row['status'].replace('_', ' ')}”."


def _candidate(row: Row) -> Candidate:
    return Candidate(
        number=row["number"],
        version=row["version"],
        order_id=row["order_id"],
        order_number=row["order_number"],
        item_id=row["item_id"],
        sku_id=row["sku_id"],
        spec_id=row["spec_id"],
        title=row["title"],
        configuration=row["configuration_original"] or row["configuration"],
        quantity=row["open_quantity"] * row["ratio"],
        seller_id=row["seller_id"],
        seller_name=row["seller_name"],
        seen=None if row["reference_fen"] is None else Money(row["reference_fen"], "CNY"),
        configuration_shown=row["configuration"],
        configuration_original=row["configuration_original"],
        ratio=row["ratio"],
        paid=Money(row["unit_price_minor"], row["currency"]) * row["open_quantity"],
        rate=row["rate"],
    )


class _Lane(threading.local):
    """Each thread's own provider: one connection serves for all the groups that it asks about."""

    def __init__(self, ctx: Context, config: SessionConfig) -> None:
        self.pace = SessionPace(ctx, config.id)
        self.provider = open_provider(ctx, config, self.pace)


def _previews(
    ctx: Context, config: SessionConfig, groups: Sequence[Sequence[Candidate]], tell: Callable[[int], None]
) -> list[Preview | AutopurchaseError]:
    """One preview a group, as many at once as the session allows; a group's error stays with its group."""
    done, counting, lane = 0, threading.Lock(), _Lane(ctx, config)

    def one(members: Sequence[Candidate]) -> Preview | AutopurchaseError:
        nonlocal done
        try:
            with call_lease(ctx, config, lane.pace):
                found: Preview | AutopurchaseError = _preview(config, lane.provider, members)
        except AutopurchaseError as error:
            found = error
        with counting:
            done += 1
            tell(done)
        return found

    with ThreadPoolExecutor(max(1, config.concurrency)) as pool:
        return list(pool.map(one, groups))


def _preview(config: SessionConfig, provider: Provider, members: Sequence[Candidate]) -> Preview:
    """The preview of what can be bought; a marketplace may price all or nothing, so the rest is asked for again."""
    refused: list[PreviewLine] = []
    while True:
        found = provider.preview(_purchase(config, members))
        wrong = {line.number for line in found.lines if line.cause}
        if not wrong or len(wrong) >= len(members):
            return replace(found, lines=(*refused, *found.lines))
        refused += [line for line in found.lines if line.cause]
        members = [item for item in members if item.number not in wrong]


def _purchase(config: SessionConfig, members: Sequence[Candidate]) -> Purchase:
    wanted = tuple(
        PurchaseLine(
            number=item.number,
            item_id=item.item_id,
            sku_id=item.sku_id,
            spec_id=item.spec_id,
            quantity=item.quantity,
            title=item.title,
            price=item.seen,
        )
        for item in members
    )
    return Purchase(seller_id=members[0].seller_id, ship_to=config.ship_to, lines=wanted)


def _freeze(
    draft: _Draft, members: Sequence[Candidate], preview: Preview | AutopurchaseError, options: PlanOptions
) -> None:
    if isinstance(preview, AutopurchaseError):
        for item in members:
            draft.leave_out(item.number, preview.cause, preview.sentence)
        return
    answers = {line.number: line for line in preview.lines}
    members = _without_partly_in_stock(draft, members, answers)
    kept = [(item, answers[item.number]) for item in members if _keeps(draft, item, answers.get(item.number), options)]
    if kept and len(kept) == sum(not line.cause for line in preview.lines):
        draft.purchases.append(_frozen(kept, preview, preview.freight, preview.total))
    elif kept:  # some lines fell out: freight and total of the rest are not known before the order is placed
        draft.purchases.append(_frozen(kept, preview, None, None))


def _without_partly_in_stock(
    draft: _Draft, members: Sequence[Candidate], answers: Mapping[str, PreviewLine]
) -> list[Candidate]:
    """Leave out lines of which a part could be bought now, saying how much; returns the others."""
    left: dict[tuple[str, str, str], int] = {}
    others = []
    for item in members:
        answer = answers.get(item.number)
        if answer is None or answer.cause != "out_of_stock" or not answer.stock:
            others.append(item)
            continue
        key = (item.item_id, item.sku_id, item.spec_id)
        sold = min(item.quantity, left.get(key, answer.stock)) // item.ratio
        left[key] = left.get(key, answer.stock) - sold * item.ratio
        if 0 < sold * item.ratio < item.quantity:
            sentence = f"{answer.stock} in stock, {item.quantity} wanted: split it and book {sold} now."
            draft.leave_out(item.number, "partial_stock", sentence, split=sold)
        else:
            others.append(item)
    return others


def _keeps(draft: _Draft, item: Candidate, answer: PreviewLine | None, options: PlanOptions) -> bool:
    if answer is None or answer.price is None or answer.cause:
        code = answer.cause if answer and answer.cause else "item_unavailable"
        draft.leave_out(item.number, code, (answer.text if answer else "") or "")
        return False
    if answer.price.currency != BUYING_CURRENCY:
        sentence = f"The marketplace prices it in {answer.price.currency}; purchases are reckoned in {BUYING_CURRENCY}."
        draft.leave_out(item.number, "not_supported", sentence)
        return False
    if not options.accept_prices and over_tolerance(item.seen, answer.price, options.tolerance):
        sentence = f"Costs {answer.price} now, {item.seen} when the customer paid: accept the new price or ask."
        draft.leave_out(item.number, "price_changed", sentence)
        return False
    return True


def _frozen(
    kept: Sequence[tuple[Candidate, PreviewLine]], preview: Preview, freight: Money | None, total: Money | None
) -> dict[str, Any]:
    goods = [answer.amount or (answer.price or Money(0, "CNY")) * item.quantity for item, answer in kept]
    goods_fen = sum(amount.minor for amount in goods)
    first = kept[0][0]
    return {
        "seller_id": first.seller_id,
        "seller_name": first.seller_name,
        "orders": sorted({item.order_number for item, _ in kept}),
        "lines": [_frozen_line(item, answer) for item, answer in kept],
        "goods_fen": goods_fen,
        "freight_fen": freight.minor if freight else 0,
        "total_fen": total.minor if total else goods_fen,
        "total_known": total is not None,  # with its freight
        "prepared": dict(preview.prepared),
        "warnings": list(preview.warnings) + _notes(kept, total),
    }


def _notes(kept: Sequence[tuple[Candidate, PreviewLine]], total: Money | None) -> list[str]:
    notes = [] if total else ["Lines were left out: freight is known only when the order is placed."]
    blind = [item.number for item, _ in kept if item.seen is None]
    return notes + ([f"No reference price to compare with: {', '.join(blind)}."] if blind else [])


def _frozen_line(item: Candidate, answer: PreviewLine) -> dict[str, Any]:
    price = answer.price or Money(0, "CNY")
    left, unknown = margin(item, answer.amount or price * item.quantity)
    return {
        "number": item.number,
        "version": item.version,
        "order_id": item.order_id,
        "item_id": item.item_id,
        "sku_id": item.sku_id,
        "spec_id": item.spec_id,
        "title": item.title,
        "configuration": item.configuration,
        "configuration_shown": item.configuration_shown,
        "configuration_original": item.configuration_original,
        "provider_words": answer.words,
        "quantity": item.quantity,
        "ratio": item.ratio,
        "price_fen": price.minor,
        "seen_fen": item.seen.minor if item.seen else None,
        "margin_fen": left,
        "margin_reason": unknown,
        "prepared": dict(answer.prepared),
    }


def _body(draft: _Draft, options: PlanOptions) -> dict[str, Any]:
    sums = totals([Money(purchase["total_fen"], "CNY") for purchase in draft.purchases])
    return {
        "purchases": draft.purchases,
        "left_out": draft.left_out,
        "warnings": [],
        "totals": {currency: amount.minor for currency, amount in sums.items()},
        "blocked": _blocked(draft, options),
    }


def _blocked(draft: _Draft, options: PlanOptions) -> str:
    """Why the plan as a whole may not be applied; empty when it may."""
    if not draft.purchases:
        return "No line of this plan can be booked."
    planned = [line for purchase in draft.purchases for line in purchase["lines"] if line["seen_fen"] is not None]
    seen = Money(sum(line["seen_fen"] * line["quantity"] for line in planned), "CNY")
    now = Money(sum(line["price_fen"] * line["quantity"] for line in planned), "CNY")
    if not options.accept_prices and over_tolerance(seen, now, options.total_tolerance):
        return f"Goods cost {now} now, {seen} when the customers paid: more than the total tolerance allows."
    return ""
