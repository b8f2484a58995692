"""What is done to single lines beside booking them, in Python: bind, split, change, comment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from autopurchase.api.runs import Run
from autopurchase.api.table import Table
from autopurchase.domain.errors import BadInput
from autopurchase.domain.mapping import Target
from autopurchase.domain.money import Money
from autopurchase.domain.pasted import Pasted, read_pasted
from autopurchase.domain.roles import Actor
from autopurchase.services import amend as amending
from autopurchase.services import bind, bind_apply, plan
from autopurchase.services import lines as line_service
from autopurchase.services import split as splitting
from autopurchase.storage import lines as line_store
from autopurchase.wiring import Workspace

MATCH = (
    "number", "title", "needs", "provider_order", "their_title", "free", "price_seen", "price", "fit", "differences",
)  # fmt: skip
REFUSED = ("provider_order", "cause", "sentence")
LEFT_OUT = ("number", "cause", "sentence")
CANDIDATE = ("number", "provider_order", "free", "same_choice", "as_many", "same_seller", "hours")


class BindPlan:
    """Which line fits which provider order. Nothing is bound by making one; `bind` does."""

    def __init__(self, workspace: Workspace, actor: Actor, token: str) -> None:
        """The plan known as ``token``."""
        self._workspace, self._actor = workspace, actor
        self._view = plan.read(workspace.context, token)
        self.token = token

    @property
    def state(self) -> str:
        """ready, failed or applied, when this object was made."""
        return self._view.state

    @property
    def session(self) -> str:
        """The session whose orders these are."""
        return self._view.session

    @property
    def error(self) -> str:
        """Why nothing of it can be bound, as a sentence; else empty."""
        return self._view.error or str(self._view.body.get("blocked", ""))

    @property
    def lines(self) -> Table:
        """Every match: fits, differs, mismatch (needs a reason) or short (split first)."""
        return Table([_match(row) for row in self._view.body.get("rows", [])], MATCH)

    @property
    def refused(self) -> Table:
        """Orders to which nothing can be bound, with why."""
        return Table(self._view.body.get("refused", []), REFUSED)

    @property
    def left_out(self) -> Table:
        """Named lines that fit nothing, with why."""
        return Table(self._view.body.get("left_out", []), LEFT_OUT)

    @property
    def candidates(self) -> Table:
        """Where no order was named: those that might be it, the best first for each line."""
        return Table(self._view.body.get("candidates", []), CANDIDATE)

    @property
    def parts(self) -> dict[str, list[int]]:
        """How short lines would be split, as `Workspace.split` takes it."""
        return {row["number"]: row["split"] for row in self._view.body.get("rows", []) if row["split"]}

    def bind(self, lines: Sequence[str] | None = None, *, accept: str = "") -> Run:
        """Bind these lines (None: all that can be). The same plan again gives the same run.

        ``accept``: the reason for which lines of another item or configuration are bound all the same. Raises BadInput
        when there is such a line and no reason, Drifted when a line or an order changed.
        """
        number = bind_apply.apply(self._workspace.context, self._actor, self.token, lines=lines, reason=accept)
        return Run(self._workspace, number, self._actor)

    def summary(self) -> str:
        """The plan in one sentence."""
        fits = self.lines.column("fit")
        words = {"fits": "fit", "differs": "differ a little", "mismatch": "are not the same", "short": "must be split"}
        told = [f"{fits.count(code)} {said}" for code, said in words.items() if code in fits]
        told += [f"{len(self.left_out)} left out"] if len(self.left_out) else []
        told += [f"{len(self.refused)} orders refused"] if len(self.refused) else []
        text = f"{len(fits)} lines" + (f": {', '.join(told)}" if told else "")
        return self._view.error or (f"{text}. {self.error}" if self.error else text)

    def __repr__(self) -> str:
        return f"BindPlan {self.token} · {self.state} · {self.summary()}"

    def _repr_html_(self) -> str:
        tables = {"": self.lines, "Orders refused": self.refused, "Left out": self.left_out}
        shown = "".join(f"<p>{escape(name)}</p>{table._repr_html_()}" for name, table in tables.items() if len(table))
        return f"<div><p><b>Plan {escape(self.token)}</b> · {escape(self.summary())}</p>{shown}</div>"


def _match(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "number": row["number"],
        "title": row["title"],
        "needs": row["pieces"],
        "provider_order": row["provider_order"],
        "their_title": row["their_title"],
        "free": row["free"],
        "price_seen": None if row["seen_fen"] is None else Money(row["seen_fen"], "CNY"),
        "price": None if row["price_fen"] is None else Money(row["price_fen"], "CNY"),
        "fit": row["fit"],
        "differences": "; ".join(map(difference, row["differences"])),
    }


def difference(one: Mapping[str, Any]) -> str:
    """``price 12.50, there 13.00``."""
    if one["what"] == "payment":
        return "the customer has not paid or agreed"
    return f"{one['what']} {one['ours'] or 'not known'}, there {one['theirs'] or 'not known'}"


class LineWork:
    """The part of `Workspace` that changes single lines."""

    _opened: Workspace
    actor: Actor

    def bind(
        self,
        orders: str | Sequence[str] = (),
        lines: Sequence[str] = (),
        session: str = "",
        *,
        pairs: Mapping[str, Sequence[str]] | None = None,
    ) -> BindPlan:
        """Match lines to orders made by hand; nothing is bound before the plan's own ``bind``.

        ``orders``: their numbers, or a text that holds them: a list, links, rows of number and line. Without lines,
        those that wait to be bought and fit; without orders, those known and bound to nothing that fit the lines.
        ``pairs``: line -> the orders it must be one of. Raises BadInput.
        """
        pasted = read_pasted(orders) if isinstance(orders, str) else Pasted(orders=list(orders))
        if pasted.unread:
            raise BadInput(f"Not understood: {', '.join(pasted.unread[:10])}.")
        token = bind.request(
            self._opened.context,
            self.actor,
            session,
            orders=pasted.orders,
            lines=[*lines, *pasted.lines],
            pairs={**pasted.pairs, **(pairs or {})},
        )
        bind.check(self._opened.context, token)
        return BindPlan(self._opened, self.actor, token)

    def bind_of(self, token: str) -> BindPlan:
        """A plan to bind made before."""
        return BindPlan(self._opened, self.actor, token)

    def split(self, parts: Mapping[str, Sequence[int]]) -> dict[str, list[str]]:
        """Split lines, ``{"53-1": [3, 2]}``, all or none; the numbers of the parts by line. Raises BadInput."""
        return splitting.split(self._opened.context, self.actor, parts)[1]

    def join(self, line: str) -> Run:
        """Join the parts of a split line again, while nobody touched them. Raises BadInput."""
        return self._run_of(splitting.join(self._opened.context, self.actor, line))

    def amend(
        self,
        line: str,
        reason: str,
        *,
        configuration: str | None = None,
        configuration_original: str | None = None,
        price: str = "",
        ask_customer: bool = False,
        **target: Any,
    ) -> Run:
        """Change what is bought of a line: ``provider``, ``item_id``, ``sku_id``, ``spec_id``, ``seller_id``, …

        ``price``: unit price to the customer in the line's currency. ``ask_customer``: it waits in Price confirmation.
        What is changed wins over later imports until `take_back`. Raises BadInput.
        """
        with self._opened.context.db.read() as tx:
            row = next(iter(line_store.find(tx, [line]).values()))
        wanted = Target(**{"provider": row["provider"], "item_id": row["item_id"], **target}) if target else None
        money = Money.of(price, row["currency"]) if price else None
        change = amending.Change(wanted, configuration, configuration_original, money)
        ctx = self._opened.context
        return self._run_of(amending.amend(ctx, self.actor, line, change, reason, ask_customer=ask_customer))

    def take_back(self, line: str, reason: str = "") -> Run:
        """The shop's word counts again for what was changed of a line. Raises BadInput."""
        return self._run_of(amending.take_back(self._opened.context, self.actor, line, reason))

    def customer_answered(self, lines: Sequence[str], *, agreed: bool, reason: str = "") -> Run:
        """What the customer said of lines in Price confirmation: back to Paid, or cancelled. Raises BadInput."""
        ctx = self._opened.context
        picks = line_service.versions(ctx, list(lines))
        return self._run_of(amending.answered(ctx, self.actor, picks, agreed=agreed, reason=reason))

    def comment(self, line: str, text: str) -> None:
        """Set the operators' comment of a line; the old one stays in its history."""
        line_service.comment(self._opened.context, self.actor, line, text)

    def _run_of(self, number: int) -> Run:
        return Run(self._opened, number, self.actor)
