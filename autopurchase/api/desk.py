"""The desk in Python: what differs between what we believe and what the marketplaces say, and what puts it right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autopurchase.api.runs import Run
from autopurchase.api.table import Table
from autopurchase.domain.desk import KINDS, LABELS, words
from autopurchase.domain.errors import BadInput
from autopurchase.domain.money import Money
from autopurchase.domain.roles import Actor
from autopurchase.following import PATIENCE, Tell, follow
from autopurchase.services import desk, desk_acts, ghosts, readback, settle
from autopurchase.services.desk import View
from autopurchase.wiring import Workspace

ROW = (
    "kind", "session", "provider_order", "lines", "believed", "said", "since", "total", "actions", "reference", "key",
)  # fmt: skip
COMPARED = ("session", "provider", "compared_at", "error", "run")


class Desk(Table):
    """What differs now, the most urgent first. No rows is good news, as of when `compared` says."""

    def __init__(self, rows: Sequence[View], compared: Table, young: Sequence[str]) -> None:
        """``young``: orders bound to nothing that may be about to be bound, or are being looked up: not judged yet."""
        super().__init__([_row(view) for view in rows], ROW, hidden=("key", "reference"))
        self.compared, self.young = compared, list(young)

    @property
    def counts(self) -> dict[str, int]:
        """Rows by kind."""
        found = {kind: sum(row["kind"] == kind for row in self.rows) for kind in KINDS}
        return {kind: count for kind, count in found.items() if count}


def _row(view: View) -> dict[str, Any]:
    found = view.found
    return {
        "kind": found.kind,
        "label": LABELS[found.kind],
        "session": view.session,
        "provider": view.provider,
        "provider_order": found.number,
        "reference": found.reference,
        "lines": ", ".join(found.lines),
        "believed": words(found.believed),
        "said": words(found.said),
        "since": found.since,
        "total": None if found.total_fen is None else Money(found.total_fen, "CNY"),
        "actions": "cancel is under way" if view.cancelling else ", ".join(view.actions),
        "key": found.key,
    }


class DeskWork:
    """The part of `Workspace` that is about the desk."""

    _opened: Workspace
    actor: Actor

    def desk(
        self,
        session: str | None = None,
        *,
        kind: str = "",
        refresh: bool = False,
        timeout: float = PATIENCE,
        tell: Tell = lambda rows: None,
    ) -> Desk:
        """What differs now; ``refresh`` compares with the marketplaces first, which takes a while."""
        ctx = self._opened.context
        if refresh:
            follow(self._opened, [run.number for run in self.compare(session)], timeout=timeout, tell=tell)
        rows = desk.rows(ctx, self.actor, session=session or "", kind=kind)
        compared = [
            {
                "session": each.session,
                "provider": each.provider,
                "compared_at": each.at,
                "error": each.error,
                "run": each.run,
            }
            for each in desk.compared(ctx, self.actor)
            if session in (None, each.session)
        ]
        return Desk(rows, Table(compared, COMPARED), desk.young(ctx, self.actor, session or ""))

    def compare(self, session: str | None = None) -> list[Run]:
        """Ask the worker to compare one session, or every active one, with its marketplace."""
        return [Run(self._opened, number) for number in desk.request(self._opened.context, self.actor, session)]

    def put_right(self, key: str, act: str, note: str = "") -> Run:
        """Do what a row of the desk (``key``) asks for: leave, accept, cancel or free. Raises BadInput."""
        if act not in desk_acts.ACTS:
            raise BadInput(f"There is no act “{act}”. There are: {', '.join(desk_acts.ACTS)}.")
        return Run(self._opened, desk_acts.ACTS[act](self._opened.context, self.actor, key, note))

    def accept(self, reference: str, note: str = "") -> Run:
        """Take a booking as it is: what differs from the plan, or was raised since, is accepted. Raises BadInput."""
        return Run(self._opened, readback.accept(self._opened.context, self.actor, reference, note))

    def leave(self, key: str, note: str) -> Run:
        """Settle a row of the desk as right, saying why; it does not come back. Raises BadInput."""
        return Run(self._opened, desk_acts.leave(self._opened.context, self.actor, key, note))

    def free_ghost(self, provider_order: str, session: str) -> Run:
        """Free the lines of an order the marketplace does not know, once it says so again; the worker asks it."""
        return Run(self._opened, ghosts.request(self._opened.context, self.actor, provider_order, session))

    def settle(self, reference: str, provider_orders: Sequence[str] = (), *, not_placed: bool = False) -> Run:
        """Say what became of a booking of unknown outcome: provider orders, or ``not_placed``. Raises BadInput."""
        if bool(provider_orders) == not_placed:
            raise BadInput("Say either which provider orders it is, or not_placed=True.")
        ctx = self._opened.context
        if not_placed:
            return Run(self._opened, settle.not_placed(ctx, self.actor, reference))
        return Run(self._opened, settle.placed(ctx, self.actor, reference, provider_orders))
