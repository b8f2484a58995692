"""Until when orders must be paid, where a reading does not say.

Lists of some marketplaces leave it out, and reading every order in full would double the calls. An order then gets the
time that others of its session have, marked as assumed, until it is read in full; where none is known yet, one is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from autopurchase.domain.errors import Refused, SessionRefused, Unknown
from autopurchase.domain.provider_order import ProviderOrder, ProviderState
from autopurchase.domain.session import SessionConfig
from autopurchase.ports import Provider
from autopurchase.services.context import Context
from autopurchase.storage import provider_orders

#: setting of a session: hours within which an order is paid, where its marketplace never says
PAY_WITHIN = "pay_within_hours"


def stated_or_assumed(
    ctx: Context, provider: Provider, config: SessionConfig, readings: Sequence[ProviderOrder]
) -> list[ProviderOrder]:
    """The same readings; unpaid ones without a deadline have an assumed one, unless a stated one is known."""
    timeless = [one.provider_order_id for one in readings if _timeless(one)]
    if not timeless:
        return list(readings)
    with ctx.db.read() as tx:
        known = provider_orders.with_deadline(tx, config.id, timeless)
        term = provider_orders.usual_term(tx, config.id)
    found = []
    for reading in readings:
        if _timeless(reading) and reading.provider_order_id not in known:
            if term is None and not reading.complete:
                reading = _in_full(provider, reading)
                term = _term(reading)
            if _timeless(reading):
                reading = _assumed(reading, term or _configured(config))
        found.append(reading)
    return found


def _timeless(reading: ProviderOrder) -> bool:
    return reading.state is ProviderState.UNPAID and reading.pay_deadline is None


def _in_full(provider: Provider, reading: ProviderOrder) -> ProviderOrder:
    try:
        return provider.get(reading.provider_order_id)
    except SessionRefused:
        raise
    except (Refused, Unknown):
        return reading


def _term(reading: ProviderOrder) -> timedelta | None:
    """How long an order of this session may stay unpaid."""
    if reading.pay_deadline is None or reading.created_at is None or reading.deadline_assumed:
        return None
    return reading.pay_deadline - reading.created_at


def _configured(config: SessionConfig) -> timedelta | None:
    hours = config.settings.get(PAY_WITHIN)
    return timedelta(hours=float(hours)) if hours else None


def _assumed(reading: ProviderOrder, term: timedelta | None) -> ProviderOrder:
    if term is None or reading.created_at is None:
        return reading
    return replace(reading, pay_deadline=reading.created_at + term, deadline_assumed=True)
