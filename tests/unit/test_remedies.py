"""Every cause has its one act, and only what may be booked again is offered."""

import pytest

from autopurchase.domain.causes import CAUSES
from autopurchase.domain.remedies import (
    _REMEDIES,
    ACTS,
    OF_SESSION,
    UNEXPLAINED,
    explained,
    may_retry,
    remedy,
    unexplained,
)

READY = {"ready": True, "purchase": "ready", "cause": ""}
HELD = {"ready": False, "purchase": "problem", "cause": "price_changed"}


def test_every_cause_has_an_act_and_a_phrase() -> None:
    assert set(CAUSES) <= set(_REMEDIES), "a new cause needs its remedy"
    assert {act for act, _ in _REMEDIES.values()} <= set(ACTS)
    assert len({phrase for _, phrase in _REMEDIES.values()}) == len(_REMEDIES), "two causes read the same"
    assert set(CAUSES) >= OF_SESSION | UNEXPLAINED


def test_a_cause_that_is_not_listed_is_unexplained_and_needs_a_person() -> None:
    assert remedy("odd_code").act == "person"
    assert unexplained("odd_code")
    assert explained({"odd_code": 1, "out_of_stock": 3, "unknown_outcome": 5}) == (3, 4)


@pytest.mark.parametrize(
    ("code", "line", "works", "may"),
    [
        ("out_of_stock", READY, True, True),
        ("out_of_stock", {**HELD, "cause": "out_of_stock"}, True, False),
        ("price_changed", HELD, True, True),
        ("price_changed", {**HELD, "cause": "out_of_stock"}, True, False),
        ("price_changed", {**HELD, "purchase": "booked"}, True, False),
        ("session_expired", READY, False, False),
        ("session_expired", READY, True, True),
        ("unknown_outcome", READY, True, False),
        ("unknown_outcome", HELD, True, False),
    ],
)
def test_what_may_be_booked_again(code: str, line: dict[str, object], works: bool, may: bool) -> None:
    assert may_retry(code, line, session_works=works) is may


@pytest.mark.parametrize(
    ("code", "may"),
    [
        ("sku_mismatch", False),
        ("wrong_session", False),
        ("price_changed", True),
        ("partial_stock", True),
        ("drifted", True),
    ],
)
def test_what_a_plan_left_out_needs_its_act_first(code: str, may: bool) -> None:
    """Planned again as it is, another configuration would still be wrong; a price, once accepted, would not."""
    assert may_retry(code, READY, session_works=True, untouched=True) is may
    assert may_retry(code, READY, session_works=True) is True
