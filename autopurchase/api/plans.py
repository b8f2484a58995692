"""Plans: what would be sent, before anything is."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from html import escape
from typing import Any

from autopurchase.api.rows import LEFT_OUT, PLANNED, planned_rows
from autopurchase.api.runs import Run
from autopurchase.api.table import Table
from autopurchase.domain.errors import BadInput
from autopurchase.domain.money import Money
from autopurchase.domain.roles import Actor
from autopurchase.following import PATIENCE
from autopurchase.services import apply, plan
from autopurchase.wiring import Workspace


class Plan:
    """A frozen, checked proposal. Nothing is sent by making one; `book` applies it."""

    def __init__(self, workspace: Workspace, actor: Actor, token: str) -> None:
        """The plan known as ``token``."""
        self._workspace, self._actor = workspace, actor
        self._view = plan.read(workspace.context, token)
        self.token = token

    @property
    def state(self) -> str:
        """queued, checking, ready, failed or applied, when this object was made."""
        return self._view.state

    @property
    def session(self) -> str:
        """The session it would be booked through."""
        return self._view.session

    @property
    def hash(self) -> str:
        """Stands for exactly these purchases, prices and line versions."""
        return self._view.hash

    @property
    def confirmation(self) -> str:
        """What `book` may be asked to compare: the `hash` of a plan that can be booked, else empty.

        It stands for these lines as they are now, at these prices. Once they are booked, or anything about them
        changed, it books nothing any more, so it may stay in a notebook.
        """
        return self.hash if self.bookable else ""

    @property
    def error(self) -> str:
        """Why it cannot be applied, as a sentence; else empty."""
        return self._view.error or str(self._body.get("blocked", ""))

    @property
    def _body(self) -> Mapping[str, Any]:
        return self._view.body

    @property
    def lines(self) -> Table:
        """Every line that would be booked, with the price seen and the price now."""
        return Table(planned_rows(self._body), PLANNED)

    @property
    def left_out(self) -> Table:
        """Lines that would not, each with its cause and what to do."""
        return Table(self._body.get("left_out", []), LEFT_OUT)

    @property
    def warnings(self) -> list[str]:
        """What a person should read before booking."""
        purchases = self._body.get("purchases", [])
        return [*self._body.get("warnings", []), *(text for each in purchases for text in each["warnings"])]

    @property
    def purchases(self) -> int:
        """How many create calls it would take."""
        return len(self._body.get("purchases", []))

    @property
    def totals(self) -> list[Money]:
        """What it would cost, per currency."""
        return [Money(minor, currency) for currency, minor in self._body.get("totals", {}).items()]

    @property
    def bookable(self) -> bool:
        """Whether `book` would do something."""
        return self.state in ("ready", "applied") and not self.error

    def book(self, *, confirm: str | None = None, wait: bool = False, timeout: float = PATIENCE) -> Run:
        """Commit the run; the worker does the buying. The same plan again gives the same run and buys nothing twice.

        ``confirm``: book only if this is the plan's `confirmation`; one that was used already gives the run it made.
        ``wait``: until it is finished, ``timeout`` seconds at most. Raises Drifted when a line changed, BadInput when
        the plan cannot be applied or ``confirm`` is not its confirmation.
        """
        number = apply.apply(self._workspace.context, self._actor, self.token, confirm=confirm)
        run = Run(self._workspace, number, self._actor)
        return run.wait(timeout) if wait else run

    def summary(self) -> str:
        """The plan in one sentence."""
        if self._view.error:
            return self._view.error
        cost = ", ".join(str(total) for total in self.totals) or "nothing"
        left = f"; {len(self.left_out)} left out" if len(self.left_out) else ""
        text = f"{len(self.lines)} lines in {self.purchases} purchases through {self.session}: {cost}{left}"
        return f"{text}. {self.error}" if self.error else text

    def __repr__(self) -> str:
        said = f" To book it: .book(confirm={self.confirmation!r})" if self.state == "ready" and self.bookable else ""
        return f"Plan {self.token} · {self.state} · {self.summary()}.{said}"

    def _repr_html_(self) -> str:
        left = f"<p>Left out</p>{self.left_out._repr_html_()}" if len(self.left_out) else ""
        said = f" · confirmation <code>{escape(self.confirmation)}</code>" if self.confirmation else ""
        return (
            f"<div><p><b>Plan {escape(self.token)}</b> · {escape(self.state)}{said}<br>"
            f"{escape(self.summary())}</p>{self.lines._repr_html_() if len(self.lines) else ''}{left}</div>"
        )


def fraction(value: str | Decimal | float | None) -> Decimal | None:
    """``"5%"``, ``"0.05"`` or ``Decimal("0.05")`` as a fraction; None and ``"none"``: no limit. Raises BadInput."""
    if value is None or value == "none":
        return None
    text = str(value).strip()
    try:
        found = Decimal(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except InvalidOperation as error:
        raise BadInput(f"“{text}” is not a tolerance: write it like 5% or 0.05, or none.") from error
    if not found.is_finite() or not 0 <= found <= 10:
        raise BadInput(f"The tolerance “{text}” must be from 0% to 1000%.")
    return found
