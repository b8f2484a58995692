"""What events do to the figures, whatever comes: effects add up to where a line stands, in the order of their times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from autopurchase.domain.counting import Move, count
from autopurchase.domain.history import LineState, step
from autopurchase.domain.standing import HELD, PART_BOOKED, Levels, Standing, levels
from tests.unit.test_history import histories

START = datetime(2026, 11, 23, tzinfo=UTC)
pieces = st.integers(1, 9)
news = st.fixed_dictionaries(
    {},
    optional={
        "wants": st.integers(0, 9),
        "item": st.booleans(),
        "reference": st.none() | st.integers(1, 999),
        "paid_at": st.integers(-500, 500).map(lambda minutes: (START + timedelta(minutes=minutes)).isoformat()),
    },
)
more = st.fixed_dictionaries(
    {},
    optional={
        "now": news,
        "pieces": pieces,
        "goods_fen": st.integers(0, 9_999),
        "session": st.integers(1, 3),
        "why": st.sampled_from(["undo", "release"]),
        "paid_at": st.none()
        | st.integers(-900, 900).map(lambda minutes: (START + timedelta(minutes=minutes)).isoformat()),
    },
)
lives = histories.flatmap(lambda history: st.tuples(*[st.tuples(st.just(each), more) for each in history]))
Life = tuple[tuple[tuple[str, dict[str, Any]], dict[str, Any]], ...]


def live(life: Life) -> list[tuple[Standing, LineState, Levels, list[Move]]]:
    """Where a line stands after each event, an hour apart, and the moves of each."""
    standing, state = Standing(), LineState()
    found = []
    for hour, ((kind, data), extra) in enumerate(life):
        after = step(state, kind, {**data, **extra})
        at = START + timedelta(hours=hour)
        standing, moves = count(standing, state, after, kind, {**data, **extra}, at=at, actor="li")
        state = after
        found.append((standing, state, levels(standing, state), moves))
    return found


@given(lives)
def test_effects_add_up_to_where_the_line_stands(life: Life) -> None:
    total = Levels()
    for _, _, now, moves in live(life):
        total = Levels(
            "", "", total.backlog + sum(move.backlog for move in moves),
            total.unpaid + sum(move.unpaid for move in moves), total.excess + sum(move.excess for move in moves),
        )  # fmt: skip
        assert (total.backlog, total.unpaid, total.excess) == (now.backlog, now.unpaid, now.excess)
        assert min(now.backlog, now.unpaid, now.excess) >= 0
        assert not (now.backlog and now.excess)


@given(lives)
def test_what_waits_is_of_one_part_and_waits_since_some_time(life: Life) -> None:
    for standing, _, now, _ in live(life):
        assert bool(now.part) == bool(now.backlog)
        assert not now.backlog or standing.clock is not None
        assert now.cause != PART_BOOKED or (now.part == HELD and standing.booked)


@given(lives)
def test_effects_come_in_order_and_never_after_they_were_told(life: Life) -> None:
    steps = live(life)
    changes = [move for _, _, _, moves in steps for move in moves if move.backlog or move.excess]
    assert all(one.at <= other.at for one, other in pairwise(changes))
    for hour, (_, _, _, moves) in enumerate(steps):
        assert all(move.at <= START + timedelta(hours=hour) for move in moves)
        assert all(move.since is None or move.since <= move.at for move in moves)


@given(lives)
def test_a_standing_is_stored_without_loss(life: Life) -> None:
    for standing, *_ in live(life):
        assert Standing.from_json(standing.as_json()) == standing


def test_what_is_bound_before_it_is_paid_for_is_wanted_by_nobody_yet() -> None:
    """Over-booked until the customer pays; when the order falls away, the line waits from then on."""
    told: Life = (
        (("imported", {"status": "awaiting_payment"}), {}),
        (("bound", {"booking": 1, "generation": 1}), {"pieces": 2, "session": 1, "goods_fen": 100}),
        (("changed", {}), {"now": {"wants": 2, "item": True}}),
        (("cancelled", {"cause": ""}), {"why": "undo"}),
    )
    steps = live(told)
    assert [now.excess for _, _, now, _ in steps] == [0, 2, 0, 0]
    assert steps[3][2] == Levels("pickable", "", 2, 0, 0)
    assert steps[3][0].clock == START + timedelta(hours=3)
