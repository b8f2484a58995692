"""The rules of budgets: what is counted, what waits until when, rests and trials, forecast and suggestion."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopurchase.domain import budget as rules
from autopurchase.domain.budget import Budget, Candidate, Health, Use

NOW = datetime(2026, 11, 23, 14, 20, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 24, tzinfo=UTC)
small = st.integers(0, 40)


@pytest.mark.parametrize(
    ("budget", "use", "until"),
    [
        (Budget(), Use(900, 9000, 9_000_000, NOW), None),
        (Budget(daily_cap=5), Use(day=4), None),
        (Budget(daily_cap=5), Use(day=5), MIDNIGHT),
        (Budget(hourly_cap=5), Use(hour=5, day=5), NOW.replace(hour=15, minute=0)),
        (Budget(hourly_cap=5, daily_cap=5), Use(hour=5, day=5), MIDNIGHT),
        (Budget(daily_amount_fen=1000), Use(amount_fen=900), None),
        (Budget(daily_amount_fen=1000), Use(amount_fen=901), MIDNIGHT),
        (Budget(pause_seconds=30), Use(last_sent=NOW - timedelta(seconds=10)), NOW + timedelta(seconds=20)),
        (Budget(pause_seconds=30), Use(last_sent=NOW - timedelta(seconds=30)), None),
        (Budget(pause_seconds=30), Use(), None),
    ],
)
def test_a_booking_waits_until_its_session_has_room_again(budget: Budget, use: Use, until: datetime | None) -> None:
    held = rules.hold(budget, use, 100, NOW, "main")
    assert (held and held.until) == until
    assert held is None or "main" in held.sentence


def test_a_refusal_rests_at_once_and_longer_each_time_within_bounds() -> None:
    budget, health, lengths = Budget(rest_seconds=600), Health(), []
    for _ in range(8):
        at = health.resting_until or NOW
        health = rules.struck(budget, health, "limit_reached", "The market says so.", at)
        assert health.resting_until is not None
        lengths.append((health.resting_until - at).total_seconds())
        assert rules.on_trial(budget, health)
    assert lengths == [600, 1200, 2400, 4800, 9600, 14400, 14400, 14400]
    assert rules.rest(Budget(rest_seconds=100_000), 3) == timedelta(seconds=100_000), "its own setting may be longer"


def test_throttled_answers_rest_it_after_several_in_a_row() -> None:
    budget, health = Budget(rest_after=3), Health()
    for _ in range(2):
        health = rules.struck(budget, health, "throttled", "Slower.", NOW)
        assert rules.resting(health, NOW, "main") is None
    assert rules.cleared(budget, health, placed=False, about_goods=True, now=NOW) == Health(), "not in a row"
    health = rules.struck(budget, health, "throttled", "Slower.", NOW)
    held = rules.resting(health, NOW, "main")
    assert held is not None
    assert "14:25 UTC" in held.sentence
    assert "Slower." in held.sentence


def test_only_a_placed_order_ends_a_trial() -> None:
    budget = Budget()
    tried = Health(NOW + timedelta(minutes=1), 3, "limit")
    assert rules.cleared(budget, tried, placed=True, about_goods=False, now=NOW) == Health()
    assert rules.cleared(budget, tried, placed=False, about_goods=True, now=NOW) == Health(NOW, 3, "limit")
    assert rules.cleared(budget, tried, placed=False, about_goods=False, now=NOW) == tried


@pytest.mark.parametrize(
    ("budget", "use", "health", "count", "expected"),
    [
        (Budget(), Use(), Health(), 100, (100, 100, "")),
        (
            Budget(daily_cap=100),
            Use(day=40),
            Health(),
            100,
            (60, 60, "60 of 100 will be sent today, the rest after 00:00 UTC."),
        ),
        (
            Budget(hourly_cap=20),
            Use(hour=5, day=5),
            Health(),
            100,
            (15, 100, "15 of 100 will be sent in this hour, the rest after 15:00 UTC."),
        ),
        (
            Budget(daily_cap=9),
            Use(day=9),
            Health(),
            3,
            (0, 0, "None of 3 will be sent today; they wait for 00:00 UTC."),
        ),
        (
            Budget(),
            Use(),
            Health(NOW + timedelta(minutes=5), 3),
            4,
            (0, 4, "The session rests until 14:25 UTC: all 4 wait until then."),
        ),
        (
            Budget(daily_amount_fen=1000),
            Use(amount_fen=500),
            Health(),
            7,
            (5, 5, "5 of 7 will be sent today, the rest after 00:00 UTC."),
        ),
        (
            Budget(pause_seconds=3600),
            Use(),
            Health(),
            20,
            (10, 10, "10 of 20 will be sent today, the rest after 00:00 UTC."),
        ),
    ],
)
def test_a_forecast_says_what_will_be_sent_when(
    budget: Budget, use: Use, health: Health, count: int, expected: tuple[int, int, str]
) -> None:
    found = rules.forecast(budget, use, health, [100] * count, NOW)
    assert (found.now, found.today, found.sentence) == expected


def test_what_waits_already_goes_first() -> None:
    found = rules.forecast(Budget(daily_cap=10), Use(day=2), Health(), [100] * 5, NOW, queued=[100] * 6)
    assert found.today == 2


@given(st.tuples(small, small, small, small), st.lists(st.integers(1, 50), max_size=60), small, small)
def test_what_is_forecast_for_today_is_what_sending_one_after_the_other_admits(
    bounds: tuple[int, int, int, int], amounts: list[int], hour: int, more: int
) -> None:
    """Sending on, hour by hour, until something waits for tomorrow."""
    hourly, daily, amount, spent = bounds
    budget = Budget(hourly_cap=hourly, daily_cap=daily, daily_amount_fen=amount * 10)
    use = Use(hour=hour, day=hour + more, amount_fen=spent)
    told = rules.forecast(budget, use, Health(), amounts, NOW)
    now, sent = NOW, 0
    while sent < len(amounts):
        held = rules.hold(budget, use, amounts[sent], now, "main")
        if held is None:
            use = Use(use.hour + 1, use.day + 1, use.amount_fen + amounts[sent])
            sent += 1
            continue
        if held.until >= MIDNIGHT:
            break
        now, use = held.until, Use(0, use.day, use.amount_fen)
    assert told.today == sent
    assert told.now <= told.today


def test_the_session_with_the_most_room_that_is_well_is_suggested() -> None:
    soon = NOW + timedelta(hours=3)
    full = Candidate("full", 0, 100, healthy=True)
    some = Candidate("some", 40, 60, healthy=True)
    ill = Candidate("ill", 90, 0, healthy=False)
    rests = Candidate("rests", 90, 0, healthy=True, resting_until=soon)
    expires = Candidate("expires", 90, 0, healthy=True, expires_at=soon)
    assert rules.suggestion([full, some, ill, rests, expires], NOW) == "some"
    assert rules.suggestion([some, Candidate("free", None, 700, healthy=True)], NOW) == "free"
    assert rules.suggestion([full, ill], NOW) == ""
