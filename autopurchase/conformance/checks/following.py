"""From unpaid to the warehouse; cancelling and paying."""

from __future__ import annotations

import time
import urllib.request

import pytest

from autopurchase.conformance.bench import Bench
from autopurchase.conformance.marks import Side, check
from autopurchase.conformance.practice import PracticeBench
from autopurchase.domain.errors import NotSent, Refused, Unknown
from autopurchase.domain.provider_order import ProviderState


@check()
def test_paid_shipped_completed(bench: PracticeBench) -> None:
    number = bench.place_one(lines=2)
    bench.does("pay", number)
    paid = bench.becomes(number, ProviderState.PAID)
    assert (paid.payable, paid.pay_deadline) == (False, None)
    bench.does("ship", number)
    bench.becomes(number, ProviderState.SHIPPED)
    bench.does("sign", number)
    bench.does("complete", number)
    bench.becomes(number, ProviderState.COMPLETED)


@check("paid_time")
def test_when_it_was_paid(bench: PracticeBench) -> None:
    number = bench.place_one()
    bench.does("pay", number)
    paid = bench.becomes(number, ProviderState.PAID).paid_at
    assert paid is not None
    assert abs(paid.timestamp() * 1000 - bench.orders()[0]["paid_at"]) < 1000


@check("parcels")
def test_parcels_from_the_seller_to_the_warehouse(bench: PracticeBench) -> None:
    number = bench.place_one(lines=2)
    bench.does("pay", number)
    bench.does("ship", number)
    shipped = bench.becomes(number, ProviderState.SHIPPED)
    (parcel,) = shipped.parcels
    assert [parcel.number] == bench.orders()[0]["parcels"]
    assert parcel.carrier
    assert set(parcel.provider_line_ids) == {line.provider_line_id for line in shipped.lines}
    bench.does("sign", number)
    delivered = bench.becomes(number, ProviderState.DELIVERED)
    assert [parcel.state for parcel in delivered.parcels] == ["signed"]


@check()
def test_partly_shipped(bench: PracticeBench) -> None:
    number = bench.place_one(lines=2)
    bench.does("pay", number)
    first = bench.orders()[0]["lines"][0]["id"]
    bench.does("ship", number, lines=[first])
    order = bench.becomes(number, ProviderState.PARTLY_SHIPPED)
    states = {line.provider_line_id: line.state for line in order.lines}
    if "parcels" in bench.manifest.abilities:
        assert states.pop(first) is ProviderState.SHIPPED
        assert set(states.values()) == {ProviderState.PAID}


@check()
def test_closed_is_read_as_closed(bench: PracticeBench) -> None:
    number = bench.place_one()
    bench.does("close", number, reason="seller")
    order = bench.becomes(number, ProviderState.CLOSED)
    assert order.close_reason
    assert not order.payable


#: who closed an order -> our word for it
CLOSERS = {
    "timeout": "unpaid_timeout",
    "buyer": "cancelled_by_buyer",
    "seller": "cancelled_by_seller",
    "seller_lack": "cancelled_by_seller",
    "platform": "closed_by_platform",
}


@check("close_reasons")
@pytest.mark.parametrize("closer", CLOSERS)
def test_who_closed_an_order(bench: PracticeBench, closer: str) -> None:
    number = bench.place_one()
    bench.does("close", number, reason=closer)
    assert bench.becomes(number, ProviderState.CLOSED).close_reason == CLOSERS[closer]


@check()
def test_unknown_status_word_is_kept_and_moves_nothing(bench: PracticeBench) -> None:
    number = bench.place_one()
    bench.does("mark", number, status="RISK_REVIEW_HOLD")
    order = bench.open().get(number)
    assert order.state is ProviderState.UNKNOWN
    assert "RISK_REVIEW_HOLD" in f"{order.raw_status} {order.lines[0].raw_status}"


# --- paying ---


@check("pay_links", side=Side.ORDER)
def test_an_order_has_a_payment_page(bench: Bench) -> None:
    number = bench.order().number
    links = bench.open().pay_links([number])
    assert [(link.provider_order_ids, link.failed) for link in links] == [((number,), ())]
    assert links[0].url.startswith(("https://", "http://127.0.0.1"))


@check("pay_links")
def test_pay_links_open_in_batches(bench: PracticeBench) -> None:
    numbers = [bench.place_one(f"AP-{place}") for place in range(2)]
    batch = bench.manifest.pay_batch
    many = numbers * (batch // 2 + 1) if batch < 30 else numbers
    links = bench.open().pay_links(many)
    assert {number for link in links for number in (*link.provider_order_ids, *link.failed)} == set(numbers)
    assert all(len(link.provider_order_ids) <= batch for link in links)
    with urllib.request.urlopen(links[0].url, timeout=10) as page:  # noqa: S310 - the practice marketplace's
        assert page.status == 200


# --- cancelling; last, so that at a real marketplace nothing is left behind ---


@check("cancel")
def test_cancel_unpaid_closes_the_order(bench: PracticeBench) -> None:
    number = bench.place_one()
    assert bench.open().cancel(number, "customer changed their mind").provider_order_id == number
    order = bench.becomes(number, ProviderState.CLOSED)
    assert order.close_reason in {"cancelled_by_buyer", "other"}


@check("cancel")
def test_cancel_paid_is_refused(bench: PracticeBench) -> None:
    number = bench.place_one()
    bench.does("pay", number)
    with pytest.raises(Refused):
        bench.open().cancel(number, "too late")
    assert bench.open().get(number).state is ProviderState.PAID


@check("cancel")
def test_cancel_without_an_answer_is_unknown(bench: PracticeBench) -> None:
    number = bench.place_one()
    bench.fault("hang_after", on="cancel", seconds=20)
    with pytest.raises(Unknown):
        bench.open(bench.config(timeout=0.5)).cancel(number, "no longer needed")


@check("cancel", side=Side.ORDER)
def test_an_unpaid_order_is_cancelled(bench: Bench) -> None:
    number = bench.order().number
    try:
        bench.open().cancel(number, "no longer needed")
    except NotSent as soon:  # some want an order to be a little older
        time.sleep(min(30.0, soon.retry_after or 10.0) + 1)
        bench.open().cancel(number, "no longer needed")
    bench.becomes(number, ProviderState.CLOSED)
    bench.ordered = None
