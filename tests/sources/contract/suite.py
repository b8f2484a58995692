"""The contract of every source, as one class of tests: a test module subclasses it and gives a ``driver``."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from autopurchase.domain.errors import (
    AutopurchaseError,
    BadInput,
    NotSent,
    RateLimited,
    Refused,
    SessionRefused,
    Unknown,
)
from autopurchase.domain.money import Money
from autopurchase.domain.shop import ShopOrder, hold_reason
from autopurchase.ports import Source
from autopurchase.sources import SOURCES
from tests.sources.contract.driver import ALIBABA, TAOBAO, Driver, Want
from tests.sources.contract.proxy import Fault, Proxy, proxy_before
from tests.sources.stubs.server import Reply, Request

HTML = "<!doctype html><title>Welcome</title>"
PAIR = (Want(TAOBAO, 3), Want(ALIBABA, 2))


def buyable(order: ShopOrder | None) -> bool:
    return order is not None and not hold_reason(order) and any(line.open_quantity for line in order.lines)


def swept(source: Source, page_size: int = 50) -> list[ShopOrder]:
    return [each for each in source.open_paid(page_size) if isinstance(each, ShopOrder)]


def anything(request: Request) -> bool:
    return True


class SourceContract:
    """Sections of the contract: sweep, buyable, fresh read, mark, shipment, failures, money, secrets."""

    @pytest.fixture
    def driver(self) -> Driver:
        raise AssertionError("a test class gives the driver of its shop")

    @pytest.fixture
    def proxy(self, driver: Driver) -> Iterator[Proxy]:
        with proxy_before(driver.url) as proxy:
            yield proxy

    @pytest.fixture
    def source(self, driver: Driver, proxy: Proxy) -> Source:
        return SOURCES[driver.kind].open({**driver.config, "base_url": proxy.url, "timeout_seconds": "10"})

    @pytest.fixture
    def hasty(self, driver: Driver, proxy: Proxy) -> Source:
        return SOURCES[driver.kind].open({**driver.config, "base_url": proxy.url, "timeout_seconds": "1"})

    @pytest.fixture
    def order(self, driver: Driver) -> str:
        return driver.place(PAIR)

    # --- sweep ---

    def test_an_order_is_read_with_all_that_is_bought_by(self, driver: Driver, source: Source, order: str) -> None:
        found = {each.external_id: each for each in swept(source)}[order]
        first, second = found.lines
        assert (first.provider, first.item_id, first.sku_id) == ("taobao", "610000000001", "4610000000011")
        assert (second.provider, second.item_id) == ("alibaba1688", "620000000002")
        assert [(line.line_no, line.quantity, line.open_quantity) for line in found.lines] == [(1, 3, 3), (2, 2, 2)]
        assert found.state == "open"
        assert found.number
        assert found.created_at.utcoffset() is not None
        assert buyable(found)
        assert source.get(order) == found

    def test_the_sweep_gives_every_order_once_while_some_come_and_some_leave(
        self, driver: Driver, proxy: Proxy, source: Source
    ) -> None:
        oldest = driver.place(PAIR[:1])
        staying = [driver.place(PAIR[:1]) for _ in range(6)]
        newest = driver.place(PAIR[:1])
        coming: list[str] = []

        def disturb(request: Request) -> None:
            if driver.lists(request) and proxy.seen(driver.lists) == 3:
                driver.cancel(oldest)
                driver.cancel(newest)
            if driver.lists(request) and proxy.seen(driver.lists) == 4:
                coming.extend(driver.place(PAIR[:1]) for _ in range(2))

        proxy.before = disturb
        found = [each.external_id for each in swept(source, 2)]
        assert len(coming) == 2
        assert proxy.seen(driver.lists) >= 4
        assert len(found) == len(set(found))
        assert set(staying) <= set(found)
        assert set(coming) <= {each.external_id for each in swept(source, 2)}

    def test_the_sweep_is_the_same_for_every_page_size(self, driver: Driver, source: Source) -> None:
        placed = {driver.place(PAIR[:1]) for _ in range(3)}
        by_size = [[each.external_id for each in swept(source, size)] for size in (1, 3, 100_000)]
        assert by_size[0] == by_size[1] == by_size[2]
        assert placed <= set(by_size[0])

    def test_marking_while_sweeping_loses_nothing(self, driver: Driver, source: Source) -> None:
        placed = {driver.place(PAIR[:1]) for _ in range(5)}
        marked = set()
        for each in source.open_paid(2):
            if isinstance(each, ShopOrder) and each.external_id in placed:
                assert source.mark(each.external_id, "ordered", "AP-1")
                marked.add(each.external_id)
        assert marked == placed

    def test_an_order_is_read_when_its_turn_comes(self, driver: Driver, source: Source) -> None:
        """Orders are given while the shop is read: what happens to one before its turn is seen."""
        placed = [driver.place(PAIR[:1]) for _ in range(6)]
        walk = (each for each in source.open_paid(2) if isinstance(each, ShopOrder))
        first = next(each.external_id for each in walk if each.external_id in placed)
        last = placed[0] if first == placed[-1] else placed[-1]
        driver.cancel(last)
        rest = {each.external_id: each for each in walk}
        assert all(buyable(rest.get(each)) for each in placed[1:-1])
        assert not buyable(rest.get(last))

    # --- buyable ---

    def test_an_unpaid_order_is_not_buyable_and_a_late_payment_makes_it_so(
        self, driver: Driver, source: Source
    ) -> None:
        waiting, *others = driver.place_unpaid(PAIR)
        before = source.get(waiting)
        assert before is not None
        assert not any(buyable(source.get(each)) for each in (waiting, *others))
        unpaid = {each.external_id: each for each in swept(source)}
        assert not any(buyable(unpaid[each]) for each in (waiting, *others) if each in unpaid)
        driver.settle(waiting)
        after = source.get(waiting)
        assert buyable(after)
        assert after is not None
        assert after.change_token != before.change_token
        assert buyable({each.external_id: each for each in swept(source)}[waiting])

    def test_refunded_and_cancelled_orders_are_not_buyable_and_say_why(
        self, driver: Driver, source: Source, order: str
    ) -> None:
        other = driver.place(PAIR)
        driver.refund_all(order)
        driver.cancel(other)
        found = {each.external_id: each for each in swept(source)}
        assert not any(buyable(found[each]) for each in (order, other) if each in found)
        assert not buyable(source.get(order))
        cancelled = source.get(other)
        assert cancelled is not None
        assert cancelled.state == "cancelled"

    def test_a_partial_refund_holds_the_order(self, driver: Driver, source: Source, order: str) -> None:
        before = source.get(order)
        driver.refund(order, "1.00")
        found = {each.external_id: each for each in swept(source)}.get(order) or source.get(order)
        assert found is not None
        assert before is not None
        assert hold_reason(found)
        assert found.change_token != before.change_token

    def test_a_cancelled_line_goes_and_the_rest_is_bought_under_its_old_number(
        self, driver: Driver, source: Source, order: str
    ) -> None:
        before = source.get(order)
        assert before is not None
        driver.cancel_line(order, before.lines[0].external_id)
        after = source.get(order)
        assert after is not None
        assert buyable(after)
        left = [line for line in after.lines if line.open_quantity]
        assert [(line.line_no, line.quantity) for line in left] == [(2, 2)]

    def test_a_refund_between_sweep_and_booking_is_seen_by_the_fresh_read(
        self, driver: Driver, source: Source, order: str
    ) -> None:
        assert buyable({each.external_id: each for each in swept(source)}[order])
        driver.refund_all(order)
        assert not buyable(source.get(order))

    def test_an_order_that_there_is_not(self, source: Source, order: str) -> None:
        gone = f"{order[:-6]}999983"
        assert source.get(gone) is None
        assert source.get("no such order") is None
        with pytest.raises(Refused):
            source.mark(gone, "ordered", "AP-1")

    # --- write-back ---

    def test_marking_twice_changes_something_once(self, driver: Driver, source: Source, order: str) -> None:
        before = source.get(order)
        assert source.mark(order, "ordered", "AP-x-0000001") is True
        assert source.mark(order, "ordered", "AP-x-0000001") is False
        assert driver.mark(order) == ("ordered", "AP-x-0000001")
        assert source.mark(order, "bought", "AP-x-0000001, AP-x-0000002 …") is True
        assert driver.mark(order) == ("bought", "AP-x-0000001, AP-x-0000002 …")
        after = source.get(order)
        assert after is not None
        assert before is not None
        assert (after.total, after.paid, after.lines) == (before.total, before.paid, before.lines)
        assert after.change_token == before.change_token

    def test_shipment_of_a_part_the_rest_and_too_much(self, driver: Driver, source: Source, order: str) -> None:
        first, second = (line.external_id for line in _lines(source, order))
        assert source.report_shipment(order, [(first, 2)], "SF", "SF-1") == "done"
        assert [line.open_quantity for line in _lines(source, order)] == [1, 2]
        assert source.report_shipment(order, [(first, 2)], "SF", "SF-1") == "already"
        assert source.report_shipment(order, [(first, 2)], "SF", "SF-2").startswith("refused: 2 pieces")
        assert source.report_shipment(order, [(first, 1), (second, 2)], "SF", "SF-2") == "done"
        assert source.report_shipment(order, [(second, 1)], "SF", "SF-3").startswith("refused:")
        assert source.report_shipment(order, [(first, 1), (second, 2)], "SF", "SF-2") == "already"
        assert driver.parcels(order) == ["SF-1", "SF-2"]
        assert not any(line.open_quantity for line in _lines(source, order))

    def test_a_shipment_of_nothing_is_wrong_input(self, source: Source, order: str) -> None:
        for wrong in ([], [("1", 0)]):
            with pytest.raises(BadInput):
                source.report_shipment(order, wrong, "SF", "SF-1")
        assert "no line 4711" in source.report_shipment(order, [("4711", 1)], "SF", "SF-1")

    def test_a_shipment_whose_answer_was_lost_is_found_when_it_is_reported_again(
        self, driver: Driver, proxy: Proxy, source: Source, order: str
    ) -> None:
        line = _lines(source, order)[0].external_id
        proxy.fault = Fault(driver.writes, applied=True)
        with pytest.raises(Unknown):
            source.report_shipment(order, [(line, 1)], "SF", "SF-7")
        proxy.fault = None
        for _ in range(2):
            assert source.report_shipment(order, [(line, 1)], "SF", "SF-7") in ("done", "already")
        assert driver.parcels(order) == ["SF-7"]

    def test_a_mark_whose_answer_was_lost_is_there(
        self, driver: Driver, proxy: Proxy, source: Source, order: str
    ) -> None:
        proxy.fault = Fault(driver.writes, applied=True)
        with pytest.raises(Unknown):
            source.mark(order, "ordered", "AP-1")
        assert proxy.seen(driver.writes) == 1
        proxy.fault = None
        assert source.mark(order, "ordered", "AP-1") is False

    # --- failures ---

    @pytest.mark.parametrize(
        ("reply", "reading", "writing"),
        [
            (Reply(status=401, text=""), SessionRefused, SessionRefused),
            (Reply(status=403, text=HTML), SessionRefused, SessionRefused),
            (Reply(status=404, text=HTML), BadInput, BadInput),
            (Reply(status=301, text="", headers={"Location": "https://elsewhere.example.com/"}), BadInput, BadInput),
            (Reply(status=429, text="", headers={"Retry-After": "120"}), RateLimited, RateLimited),
            (Reply(status=429, text=HTML), RateLimited, RateLimited),
            (Reply(status=500, text=HTML), NotSent, Unknown),
            (Reply(status=503, text=""), NotSent, Unknown),
            (Reply(text=HTML), (BadInput, NotSent), Unknown),
            (Reply(text='{"data": {"or'), NotSent, Unknown),
            (Reply(document={}), (NotSent, Refused), Unknown),
        ],
        ids=lambda value: f"{value.status} {value.body[:12]!r}" if isinstance(value, Reply) else "",
    )
    def test_each_failure_is_typed_by_what_it_proves_and_no_write_is_repeated(
        self, driver: Driver, proxy: Proxy, source: Source, order: str, reply: Reply, reading: Any, writing: Any
    ) -> None:
        proxy.fault = Fault(anything, reply)
        for read in (lambda: source.get(order), lambda: swept(source)):
            with pytest.raises(reading) as caught:
                read()
            assert not isinstance(caught.value, Unknown)
            _speaks_of_the_shop(caught.value)
        proxy.fault = Fault(driver.writes, reply)
        proxy.requests.clear()
        with pytest.raises(writing) as caught:
            source.mark(order, "ordered", "AP-1")
        _speaks_of_the_shop(caught.value)
        assert proxy.seen(driver.writes) == 1
        proxy.fault = None
        assert source.mark(order, "ordered", "AP-1") is True

    def test_the_time_to_wait_is_handed_on(self, proxy: Proxy, source: Source, order: str) -> None:
        proxy.fault = Fault(anything, Reply(status=429, text="", headers={"Retry-After": "120"}))
        with pytest.raises(RateLimited) as caught:
            source.get(order)
        assert caught.value.retry_after == 120
        assert len(proxy.requests) == 1

    def test_a_failure_that_passes_is_not_seen(self, driver: Driver, proxy: Proxy, source: Source, order: str) -> None:
        broken: list[Request] = []

        def once(request: Request) -> bool:
            broken.append(request)
            return len(broken) == 1

        proxy.fault = Fault(once, Reply(status=502, text=""))
        assert source.get(order) is not None
        assert len(broken) > 1

    def test_silence_is_not_sent_for_a_read_and_unknown_for_a_write(
        self, driver: Driver, proxy: Proxy, source: Source, hasty: Source, order: str
    ) -> None:
        hasty.get(order)  # signed in, where that is needed
        proxy.fault = Fault(driver.writes)
        proxy.requests.clear()
        with pytest.raises(Unknown):
            hasty.mark(order, "ordered", "AP-1")
        assert proxy.seen(driver.writes) == 1
        proxy.fault = Fault(anything)
        with pytest.raises(NotSent):
            hasty.get(order)

    def test_a_restart_of_the_shop_in_between_does_no_harm(self, driver: Driver, source: Source, order: str) -> None:
        assert buyable(source.get(order))
        driver.restart()
        assert buyable(source.get(order))
        driver.restart()
        assert source.mark(order, "ordered", "AP-1") is True
        driver.restart()
        assert order in {each.external_id for each in swept(source)}

    def test_a_closed_door_says_what_to_check(self, driver: Driver) -> None:
        source = SOURCES[driver.kind].open({**driver.config, "base_url": "http://127.0.0.1:9"})
        with pytest.raises(NotSent, match="address"):
            source.get("1" if driver.kind != "shopify" else "gid://shopify/Order/1")

    # --- money ---

    def test_money_is_exact_to_the_last_digit_in_every_currency(self, driver: Driver, source: Source) -> None:
        for currency in driver.currencies:
            placed = driver.place(PAIR, currency)
            said = driver.amounts(placed)
            found = source.get(placed)
            assert found is not None
            assert (found.currency, said.currency) == (currency, currency)
            assert found.total == found.paid == Money.of(said.total, currency)
            assert [line.unit_price for line in found.lines] == [Money.of(each, currency) for each in said.unit_prices]
            assert buyable(found)

    # --- checking and secrets ---

    def test_a_good_key_is_found_good(self, driver: Driver, source: Source, order: str) -> None:
        check = source.check()
        assert check.ok
        paid = [each for each in swept(source) if each.paid.minor]
        assert check.open_paid is not None
        assert abs(check.open_paid - len(paid)) <= 1
        assert not any(secret in repr(check) for secret in driver.secrets)

    def test_nothing_secret_is_in_logs_errors_or_checks(
        self,
        driver: Driver,
        proxy: Proxy,
        source: Source,
        hasty: Source,
        order: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        caplog.set_level(logging.DEBUG)
        swept(source)
        echo = json.dumps({"message": list(driver.secrets), "errors": [{"message": " ".join(driver.secrets)}]})
        errors: list[BaseException] = []
        checks: list[str] = []
        for status in (200, 400, 401, 403, 404, 429, 500):
            proxy.fault = Fault(anything, Reply(status=status, text=echo))
            for call in (lambda: source.get(order), lambda: source.mark(order, "ordered", "AP-1")):
                with pytest.raises(AutopurchaseError) as caught:
                    call()
                errors.append(caught.value)
            try:
                checks.append(repr(source.check()))
            except NotSent as error:
                errors.append(error)
        proxy.fault = Fault(anything)
        with pytest.raises(NotSent) as caught:
            hasty.get(order)
        errors.append(caught.value)
        shown = caplog.text + "".join(checks) + "".join(_everything(error) for error in errors) + repr(source)
        assert [secret for secret in driver.secrets if secret in shown] == []


def _lines(source: Source, order: str) -> Any:
    found = source.get(order)
    assert found is not None
    return found.lines


def _speaks_of_the_shop(error: AutopurchaseError) -> None:
    assert "provider" not in error.sentence
    assert len(error.sentence) > 20


def _everything(error: BaseException) -> str:
    seen, told = error, ""
    for _ in range(5):
        told += f"{seen!r} {seen} {getattr(seen, 'raw', '')} {getattr(seen, 'sentence', '')}"
        following = seen.__cause__
        if following is None:
            return told
        seen = following
    return told
