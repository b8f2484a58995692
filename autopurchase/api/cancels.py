"""Plans of cancels in Python: what would be cancelled at the marketplace, before anything is asked."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from autopurchase.api.runs import Run
from autopurchase.api.table import Table
from autopurchase.domain.money import Money
from autopurchase.domain.roles import Actor
from autopurchase.following import PATIENCE
from autopurchase.services import cancel_apply, cancel_read, plan
from autopurchase.wiring import Workspace

PLANNED = ("order", "what", "lines", "session", "state", "amount", "sentence")
OUTCOME = ("order", "outcome", "lines", "session", "amount", "cause", "sentence")
_ACTS = {"cancel": "cancel", "withdraw": "withdraw unsent", "refuse": "left"}


class CancelPlan:
    """A frozen proposal of cancels, grouped by provider order. Nothing is asked by making one; `apply` commits it."""

    def __init__(self, workspace: Workspace, actor: Actor, token: str) -> None:
        """The plan known as ``token``."""
        self._workspace, self._actor = workspace, actor
        self._view = plan.read(workspace.context, token)
        self.token = token

    @property
    def state(self) -> str:
        """ready or applied, when this object was made."""
        return self._view.state

    @property
    def hash(self) -> str:
        """Stands for exactly these orders and line versions."""
        return self._view.hash

    @property
    def error(self) -> str:
        """Why nothing of it can be applied, as a sentence; else empty."""
        return self._view.error or str(self._view.body["blocked"])

    @property
    def orders(self) -> Table:
        """Every provider order and unsent booking: its lines, amount, and what will happen or why it may not."""
        return Table([_planned(row) for row in self._view.body["rows"]], PLANNED)

    @property
    def warnings(self) -> list[str]:
        """What a person should read before applying it."""
        return list(self._view.body["warnings"])

    @property
    def counts(self) -> dict[str, int]:
        """Provider orders and unsent bookings by what would happen: cancel, withdraw, refuse."""
        acts = [row["act"] for row in self._view.body["rows"]]
        return {act: acts.count(act) for act in _ACTS}

    @property
    def applicable(self) -> bool:
        """Whether `apply` would do something."""
        return not self.error

    def apply(self, *, wait: bool = False, timeout: float = PATIENCE) -> Run:
        """Commit the run; the worker asks the marketplaces. The same plan again gives the same run.

        ``wait``: until what became of it was read back, ``timeout`` seconds at most. Raises Drifted when a line
        changed, BadInput when nothing of it can be cancelled.
        """
        number = cancel_apply.apply(self._workspace.context, self._actor, self.token)
        run = Run(self._workspace, number, self._actor)
        return run.wait(timeout) if wait else run

    def summary(self) -> str:
        """The plan in one sentence."""
        if self.error:
            return self.error
        counts = self.counts
        amount = Money(self._view.body["totals"].get("CNY", 0), "CNY")
        parts = [f"{counts['cancel']} orders to cancel ({amount})"] if counts["cancel"] else []
        parts += [f"{counts['withdraw']} unsent bookings to withdraw"] if counts["withdraw"] else []
        parts += [f"{counts['refuse']} left"] if counts["refuse"] else []
        return ", ".join(parts)

    def __repr__(self) -> str:
        return f"CancelPlan {self.token} · {self.state} · {self.summary()}"

    def _repr_html_(self) -> str:
        told = "".join(f"<p>{escape(warning)}</p>" for warning in self.warnings)
        return (
            f"<div><p><b>Plan {escape(self.token)}</b> · {escape(self.state)} · hash {escape(self.hash)}<br>"
            f"{escape(self.summary())}</p>{told}{self.orders._repr_html_()}</div>"
        )


def _planned(row: Mapping[str, Any]) -> dict[str, Any]:
    amount = row["amount_fen"]
    return {
        "order": row["order"] or row["reference"],
        "what": _ACTS[row["act"]],
        "lines": ", ".join(line["number"] for line in row["lines"]),
        "session": row["session"],
        "state": row["state"],
        "amount": None if amount is None else Money(amount, "CNY"),
        "sentence": row["sentence"],
    }


def outcome_table(workspace: Workspace, run_id: int) -> Table:
    """What became of each provider order and unsent booking of a run of cancels."""
    rows = [
        {
            **{name: row[name] for name in ("order", "outcome", "session", "cause", "sentence")},
            "lines": ", ".join(row["lines"]),
            "amount": None if row["amount_fen"] is None else Money(row["amount_fen"], "CNY"),
        }
        for row in cancel_read.outcomes(workspace.context, run_id)
    ]
    return Table(rows, OUTCOME)
