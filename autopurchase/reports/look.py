"""What is looked at when a number is opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from autopurchase.reports.exact import PROVIDER_CURRENCY, Rates, yuan
from autopurchase.reports.model import NOT_ASSIGNED, Basis, Filters
from autopurchase.storage import scopes
from autopurchase.storage.scopes import Names, Scope


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the lines behind a number. ``where``: what restricts them beside the scope."""

    tx: Any
    basis: Basis
    scope: Scope
    names: Names
    rates: Rates
    where: Mapping[str, Any]

    @classmethod
    def at(cls, tx: Any, basis: Basis, filters: Filters, where: Mapping[str, Any]) -> Look:
        """With what is needed to name and value what is found."""
        found = scopes.scope(tx, **filters.given())
        return cls(tx, basis, found, scopes.names(tx), Rates(tx, basis.currency), where)

    @property
    def in_provider_currency(self) -> bool:
        """Whether amounts are asked for in the marketplace's own currency."""
        return bool(self.where.get("currency") == PROVIDER_CURRENCY)

    def amount(self, fen: int | None, day: str) -> Decimal | None:
        """An amount as it is asked for; None where there is none, or no rate."""
        if fen is None:
            return None
        return yuan(fen) if self.in_provider_currency else self.rates.value(fen, day)

    def age(self, moment: datetime | None) -> int | None:
        """Seconds since then."""
        return int((self.basis.as_of - moment).total_seconds()) if moment else None

    def row(self, **found: Any) -> dict[str, Any]:
        """A row of the lines behind a number, with names for ids."""
        seller = found.get("seller_name") or found.get("seller_id") or NOT_ASSIGNED
        return {
            "number": found.get("number", ""),
            "order": found.get("order") or "",
            "source": self.names.source(found.get("source_id")),
            "provider": found.get("provider") or NOT_ASSIGNED,
            "session": self.names.session(found.get("session_id")),
            "seller": seller,
            "operator": found.get("operator") or NOT_ASSIGNED,
            "state": found.get("state", ""),
            "cause": found.get("cause", ""),
            "pieces": found.get("pieces", 0),
            "amount": found.get("amount"),
            "at": found.get("at"),
            "seconds": found.get("seconds"),
            "hit": bool(found.get("hit", False)),
        }
