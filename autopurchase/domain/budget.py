"""Budgets of a session: caps, pacing, and the rest it takes after the marketplace said that it is too much.

A cap is kept by queueing behind it; nothing here moves work to another session. Hours and days are UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from autopurchase.domain.money import amount_text

#: no rest is longer than this, unless the session's own setting is
LONGEST_REST = timedelta(hours=4)
#: a session whose token ends within this is not suggested
EXPIRING = timedelta(hours=24)
#: refusals by which the marketplace says that the account does too much
SIGNALS = frozenset({"limit_reached", "risk_control", "throttled"})
#: cause of a purchase that no day's amount is big enough for
TOO_DEAR = "over_budget"
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Budget:
    """What a session may do. Zero is no bound; ``rest_after``: throttled answers in a row that end in a rest."""

    hourly_cap: int = 0
    daily_cap: int = 0
    daily_amount_fen: int = 0
    pause_seconds: float = 0.0
    rest_seconds: float = 300.0
    rest_after: int = 3

    @property
    def bounded(self) -> bool:
        """Whether there is anything to count."""
        return bool(self.hourly_cap or self.daily_cap or self.daily_amount_fen or self.pause_seconds)


@dataclass(frozen=True, slots=True)
class Use:
    """What a session has used: bookings sent this hour and today, what those of today cost, when the last was sent."""

    hour: int = 0
    day: int = 0
    amount_fen: int = 0
    last_sent: datetime | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """Whether a session rests. ``strikes``: signals in a row."""

    resting_until: datetime | None = None
    strikes: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing is sent before ``until``."""

    until: datetime
    sentence: str


def hour_start(now: datetime) -> datetime:
    """Start of the hour that is counted."""
    return now.replace(minute=0, second=0, microsecond=0)


def day_start(now: datetime) -> datetime:
    """Start of the day that is counted."""
    return hour_start(now).replace(hour=0)


def _at(moment: datetime) -> str:
    return f"{moment:%H:%M} UTC"


def too_dear(budget: Budget, amount_fen: int) -> bool:
    """Whether a purchase alone is more than a whole day's amount: waiting would never help."""
    return bool(budget.daily_amount_fen) and amount_fen > budget.daily_amount_fen


def hold(budget: Budget, use: Use, amount_fen: int, now: datetime, name: str) -> Hold | None:
    """What the next booking of session ``name`` over ``amount_fen`` waits for; None: it may be sent now."""
    tomorrow = day_start(now) + _DAY
    if budget.daily_cap and use.day >= budget.daily_cap:
        words = f"the daily cap of {budget.daily_cap} bookings of session {name} is used up"
        return Hold(tomorrow, f"Waiting: {words}.")
    if budget.daily_amount_fen and use.amount_fen + amount_fen > budget.daily_amount_fen:
        words = f"{amount_text(use.amount_fen, 'CNY')} of {amount_text(budget.daily_amount_fen, 'CNY')} CNY"
        return Hold(tomorrow, f"Waiting for 00:00 UTC: session {name} has used {words} of its daily amount.")
    if budget.hourly_cap and use.hour >= budget.hourly_cap:
        until = hour_start(now) + _HOUR
        words = f"session {name} has sent its {budget.hourly_cap} bookings of this hour"
        return Hold(until, f"Waiting for {_at(until)}: {words}.")
    if budget.pause_seconds and use.last_sent is not None:
        until = use.last_sent + timedelta(seconds=budget.pause_seconds)
        if until > now:
            return Hold(until, f"Waiting: session {name} leaves {budget.pause_seconds:g} s between two bookings.")
    return None


def resting(health: Health, now: datetime, name: str) -> Hold | None:
    """What a booking waits for while its session rests; None: it does not."""
    if health.resting_until is None or health.resting_until <= now:
        return None
    return Hold(health.resting_until, f"Waiting: session {name} rests until {_at(health.resting_until)}. {health.why}")


def on_trial(budget: Budget, health: Health) -> bool:
    """Whether the next booking is a trial: the session has rested, and has placed nothing since."""
    return health.strikes >= max(1, budget.rest_after)


def struck(budget: Budget, health: Health, cause: str, sentence: str, now: datetime) -> Health:
    """After a signal. A refusal rests the session at once, throttled answers after several in a row."""
    least = max(1, budget.rest_after)
    strikes = health.strikes + 1 if cause == "throttled" else max(health.strikes + 1, least)
    if strikes < least:
        return Health(health.resting_until, strikes, health.why)
    until = now + rest(budget, strikes - least)
    already = health.resting_until or until
    return Health(max(until, already), strikes, sentence)


def cleared(budget: Budget, health: Health, placed: bool, about_goods: bool, now: datetime) -> Health:
    """After an answer that is no signal. Only a placed order ends a trial well; goods refused let the next one try."""
    if placed:
        return Health()
    if not about_goods:
        return health
    return Health(now, health.strikes, health.why) if on_trial(budget, health) else Health()


def rest(budget: Budget, times_before: int) -> timedelta:
    """How long a session rests: twice as long each time in a row, within bounds."""
    base = timedelta(seconds=budget.rest_seconds)
    return min(base * (1 << min(times_before, 20)), max(base, LONGEST_REST))


@dataclass(frozen=True, slots=True)
class Forecast:
    """How many of the next bookings go at once, and how many today. ``sentence``: empty when all go at once."""

    now: int
    today: int
    sentence: str


def forecast(
    budget: Budget, use: Use, health: Health, amounts: Sequence[int], now: datetime, queued: Sequence[int] = ()
) -> Forecast:
    """What becomes of bookings over ``amounts`` (fen) behind those already ``queued``, in this order."""
    begin = max(now, health.resting_until or now)
    midnight = day_start(now) + _DAY
    everything = [*queued, *amounts]
    soon = today = len(everything)
    if begin >= midnight:
        soon = today = 0
    if budget.daily_cap:
        today = min(today, max(0, budget.daily_cap - use.day))
    if budget.daily_amount_fen:
        today = min(today, _affordable(everything, budget.daily_amount_fen - use.amount_fen))
    if budget.pause_seconds:
        today = min(today, int((midnight - begin).total_seconds() / budget.pause_seconds) + 1)
    if budget.hourly_cap:
        this_hour = max(0, budget.hourly_cap - use.hour) if hour_start(begin) == hour_start(now) else budget.hourly_cap
        hours_after = 23 - begin.hour
        today = min(today, this_hour + budget.hourly_cap * hours_after)
        soon = this_hour
    soon = 0 if begin > now else min(soon, today)
    ours_now, ours_today = max(0, soon - len(queued)), max(0, today - len(queued))
    return Forecast(ours_now, ours_today, _told(ours_now, ours_today, len(amounts), begin, now))


def _affordable(amounts: Sequence[int], left_fen: int) -> int:
    """How many of the first amounts fit."""
    for place, amount in enumerate(amounts):
        left_fen -= amount
        if left_fen < 0:
            return place
    return len(amounts)


def _told(soon: int, today: int, count: int, begin: datetime, now: datetime) -> str:
    if today < count:
        if not today:
            return f"None of {count} will be sent today; they wait for 00:00 UTC."
        return f"{today} of {count} will be sent today, the rest after 00:00 UTC."
    if soon < count and begin > now:
        return f"The session rests until {_at(begin)}: all {count} wait until then."
    if soon < count:
        return f"{soon} of {count} will be sent in this hour, the rest after {_at(hour_start(now) + _HOUR)}."
    return ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A session as `suggestion` sees it. ``room``: bookings left today, None without a bound."""

    name: str
    room: int | None
    used_today: int
    healthy: bool
    resting_until: datetime | None = None
    expires_at: datetime | None = None


def suggestion(candidates: Sequence[Candidate], now: datetime) -> str:
    """The session with the most room that is well, does not rest and does not expire soon; empty: there is none."""
    able = [
        one
        for one in candidates
        if one.healthy
        and (one.room is None or one.room > 0)
        and (one.resting_until is None or one.resting_until <= now)
        and (one.expires_at is None or one.expires_at - now > EXPIRING)
    ]
    best = max(able, key=lambda one: (one.room is None, one.room or 0, -one.used_today), default=None)
    return best.name if best else ""


def room(budget: Budget, use: Use, queued: int) -> int | None:
    """Bookings that may still be sent today beside those that wait; None: no cap counts them."""
    bounds = [budget.daily_cap - use.day] if budget.daily_cap else []
    if budget.daily_amount_fen and use.amount_fen >= budget.daily_amount_fen:
        bounds.append(0)
    return max(0, min(bounds) - queued) if bounds else None
