"""The outcome that is not known, and what may be repeated."""

from __future__ import annotations

from dataclasses import replace

import pytest

from autopurchase.conformance.bench import Bench, nobody, until
from autopurchase.conformance.marks import Side, check
from autopurchase.conformance.practice import REFERENCE, PracticeBench
from autopurchase.domain.errors import ConnectFailed, NotSent, ProviderDown, RateLimited, Unknown
from autopurchase.domain.provider_order import ProviderOrder

#: fault -> orders that were made all the same
FAULTS = {
    "hang_before": 0,
    "hang_after": 1,
    "drop_before": 0,
    "drop_after": 1,
    "error_before": 0,
    "error_after": 1,
    "html": 0,
    "html_after": 1,
}


def ends_unknown(bench: PracticeBench, timeout: float = 0.7) -> None:
    """Placing ends in Unknown, and one create call reached the marketplace."""
    asked = bench.previewed()
    with pytest.raises(Unknown) as caught:
        bench.open(bench.config(timeout=timeout)).create(asked, REFERENCE)
    assert caught.value.cause == "unknown_outcome"
    assert bench.counted()["creates"] == 1


@check()
@pytest.mark.parametrize("fault", FAULTS)
def test_create_without_a_readable_answer_is_unknown_and_sent_once(bench: PracticeBench, fault: str) -> None:
    bench.fault(fault, seconds=20)
    ends_unknown(bench)
    assert len(bench.orders()) == FAULTS[fault]


@check("find_by_reference", grade="B")
@pytest.mark.parametrize("fault", ["hang_before", "hang_after", "drop_after", "error_after"])
def test_what_became_of_it_is_found_by_our_reference(bench: PracticeBench, fault: str) -> None:
    bench.fault(fault, seconds=20)
    ends_unknown(bench)
    orders = bench.found()
    assert [order.provider_order_id for order in orders] == [order["id"] for order in bench.orders()]
    assert len(orders) == FAULTS[fault]


@check("find_by_reference", grade="B")
def test_an_order_accepted_after_we_had_gone_is_found_later(bench: PracticeBench) -> None:
    bench.fault("late", seconds=1, then="error")
    ends_unknown(bench)
    assert bench.found() == []

    def later() -> list[ProviderOrder] | None:
        return bench.found() or None

    (order,) = until(later, 10, "the order to be accepted")
    assert order.provider_order_id == bench.orders()[0]["id"]


@check()
def test_throttled_create_may_be_repeated(bench: PracticeBench) -> None:
    asked = bench.previewed()
    bench.fault("throttle", seconds=7)
    with pytest.raises(RateLimited) as caught:
        bench.open().create(asked, REFERENCE)
    assert caught.value.retry_after in {7, None}
    assert bench.orders() == []


@check()
def test_throttled_by_http_status_may_be_repeated(bench: PracticeBench) -> None:
    asked = bench.previewed()
    bench.fault("throttle", style="429")
    with pytest.raises(RateLimited):
        bench.open().create(asked, REFERENCE)
    assert bench.orders() == []


@check(side=Side.ANYWHERE)
def test_nobody_listening_is_not_sent(bench: Bench) -> None:
    provider = bench.open(replace(bench.usual, base_url=nobody()))
    with pytest.raises(NotSent):
        provider.check()


@check()
def test_create_at_nobody_is_not_sent(bench: PracticeBench) -> None:
    asked = bench.previewed()
    with pytest.raises(ConnectFailed):
        bench.open(bench.config(base_url=nobody())).create(asked, REFERENCE)


@check()
def test_reads_are_repeated_until_they_succeed(bench: PracticeBench) -> None:
    number = bench.place_one()
    bench.fault("error_before", on="*", times=2)
    assert bench.open().get(number).provider_order_id == number
    bench.fault("throttle", on="*", times=1)
    assert bench.open().get(number).provider_order_id == number


@check()
@pytest.mark.parametrize("fault", ["error_before", "html", "drop_before", "hang_before"])
def test_reads_that_keep_failing_are_not_sent_never_unknown(bench: PracticeBench, fault: str) -> None:
    number = bench.place_one()
    bench.fault(fault, on="*", seconds=20)
    with pytest.raises(ProviderDown):
        bench.open(bench.config(timeout=0.5)).get(number)
