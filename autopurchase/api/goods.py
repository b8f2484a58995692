"""What is bought for the shops' products, and what their prices are worth, in Python."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from autopurchase.api.runs import Run
from autopurchase.api.table import Table
from autopurchase.domain.mapping import Target
from autopurchase.domain.roles import Actor
from autopurchase.services import mapping as mappings
from autopurchase.services import rates as exchange
from autopurchase.wiring import Workspace

_MAPPED = ("source", "product_key", "title", "provider", "item_id", "sku_id", "spec_id", "ratio", "seller_name")
_WAITING = ("source", "product_key", "title", "configuration", "lines", "pieces", "since", "unclear")
_RATES = ("currency", "day", "rate", "origin", "actor", "at")


class Mappings:
    """What is bought for a shop's product (`Workspace.mapping`). An empty source means every source."""

    def __init__(self, opened: Workspace, actor: Actor) -> None:
        """``actor``: on whose account things happen here."""
        self._opened, self._actor = opened, actor

    def set(self, source: str, product_key: str, **target: Any) -> Run:
        """Say what is bought: ``provider``, ``item_id``, ``sku_id``, ``spec_id``, ``ratio``, ``seller_id``, …

        Lines that waited become ready. Raises BadInput.
        """
        number = mappings.set(self._opened.context, self._actor, source, product_key, Target(**target))
        return Run(self._opened, number)

    def remove(self, source: str, product_key: str) -> Run:
        """Forget a mapping. Raises BadInput when there is none."""
        return Run(self._opened, mappings.remove(self._opened.context, self._actor, source, product_key))

    def import_file(self, path: str | Path) -> Run:
        """Take mappings from a CSV or Excel table. Raises BadInput."""
        return Run(self._opened, mappings.import_file(self._opened.context, self._actor, Path(path)))

    def waiting(self, source: str = "") -> Table:
        """Products whose lines wait for a mapping, most lines first."""
        found = mappings.waiting(self._opened.context, self._actor, source=source)
        return Table([asdict(each) for each in found], _WAITING)

    def list(self, source: str = "", text: str = "") -> Table:
        """Mappings by product."""
        found = mappings.listing(self._opened.context, self._actor, source=source, text=text, limit=100_000)
        return Table([{**asdict(view.target), **asdict(view)} for view in found], _MAPPED)


class Rates:
    """Exchange rates, CNY for one unit of a currency (`Workspace.rates`)."""

    def __init__(self, opened: Workspace, actor: Actor) -> None:
        """``actor``: on whose account things happen here."""
        self._opened, self._actor = opened, actor

    def set(self, currency: str, rate: str | Decimal, day: str | date | None = None) -> Run:
        """Set a rate from ``day`` (default today, UTC) on. Raises BadInput."""
        when = date.fromisoformat(day) if isinstance(day, str) else day
        return Run(self._opened, exchange.set(self._opened.context, self._actor, currency, rate, when))

    def import_file(self, path: str | Path) -> Run:
        """Take rates from a CSV or Excel table. Raises BadInput."""
        return Run(self._opened, exchange.import_file(self._opened.context, self._actor, Path(path)))

    def fetch(self) -> Run:
        """Fetch today's rates from the configured address. Raises BadInput when none is configured."""
        return Run(self._opened, exchange.fetch(self._opened.context, self._actor))

    def list(self, currency: str = "") -> Table:
        """Rates, newest day first."""
        found = exchange.listing(self._opened.context, self._actor, currency)
        return Table([asdict(view) for view in found], _RATES)
