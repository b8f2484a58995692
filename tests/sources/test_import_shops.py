"""Orders of each kind of shop come in through the import, twice, and change nothing the second time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from autopurchase.domain.shop import Reject
from autopurchase.services import import_orders, sources
from tests.sources.contract.driver import ALIBABA, TAOBAO, Driver, Want
from tests.sources.contract.test_otapi import OtDriver
from tests.sources.contract.test_shopify import ShopifyDriver
from tests.sources.contract.test_woocommerce import WooDriver
from tests.sources.stubs.otapi import OtShop
from tests.sources.stubs.server import Reply, Request, serving
from tests.sources.stubs.shopify import ShopifyShop
from tests.sources.stubs.woocommerce import WooShop
from tests.support.orders import ADMIN, OPERATOR, Workspace, open_workspace


@contextmanager
def woocommerce() -> Iterator[Driver]:
    shop = WooShop()
    with serving(shop) as running:
        yield WooDriver(shop, running.url)


@contextmanager
def shopify() -> Iterator[Driver]:
    shop = ShopifyShop()
    with serving(shop) as running:
        yield ShopifyDriver(shop, running.url)


@contextmanager
def otapi() -> Iterator[Driver]:
    shop = OtShop(secret="s3cr3t-part-of-the-key")
    with serving(shop) as running:
        yield OtDriver(shop, running.url)


@pytest.fixture(params=[woocommerce, shopify, otapi], ids=lambda make: make.__name__)
def driver(request: pytest.FixtureRequest) -> Iterator[Driver]:
    make: Callable[[], object] = request.param
    with make() as driver:  # type: ignore[attr-defined]
        yield driver


class Failing:
    """A shop that shows five pages of orders and then refuses, until it is told to go on."""

    def __init__(self, shop: WooShop) -> None:
        self.shop = shop
        self.pages: float = 5
        self.stored: list[int] = []
        self.count: Callable[[], int] = lambda: 0

    def answer(self, request: Request) -> Reply:
        if request.path.endswith("/orders"):
            self.stored.append(self.count())
            if len(self.stored) > self.pages:
                return Reply({"code": "rest_forbidden", "message": "Maintenance"}, 403)
        return self.shop.answer(request)


@pytest.fixture
def work(database_url: str) -> Iterator[Workspace]:
    workspace = open_workspace(database_url)
    yield workspace
    workspace.ctx.db.close()


def brought_in(work: Workspace) -> dict[str, dict[str, int]]:
    run_id = import_orders.request(work.ctx, OPERATOR, "web")
    import_orders.carry_out(work.ctx, run_id)
    run = work.run(run_id)
    assert (run.state, run.error) == ("done", "")
    return dict(run.out)


def states(work: Workspace) -> list[tuple[str, str, str]]:
    return sorted((row.provider, row.status, row.purchase) for row in work.rows())


def test_orders_come_in_once_and_a_late_refund_holds_them(work: Workspace, driver: Driver) -> None:
    config = {**driver.config, "base_url": driver.url}
    sources.add(work.ctx, ADMIN, kind=driver.kind, name="web", config=config)
    order = driver.place([Want(TAOBAO, 3), Want(ALIBABA, 2)])
    assert brought_in(work)["lines"]["new"] == 2
    assert states(work) == [("alibaba1688", "paid", "ready"), ("taobao", "paid", "ready")]
    again = brought_in(work)
    assert (again["lines"]["new"], again["lines"]["changed"], again["lines"]["unchanged"]) == (0, 0, 2)
    driver.refund_all(order)
    brought_in(work)
    assert not any(purchase == "ready" and status == "paid" for _, status, purchase in states(work))
    assert work.differing() == []
    assert not any(secret in repr(sources.listing(work.ctx, ADMIN)) for secret in driver.secrets)


def test_orders_are_stored_while_the_shop_is_read_and_a_failure_half_way_loses_none(
    work: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_orders, "BATCH", 200)
    failing = Failing(WooShop())
    for _ in range(600):
        line = {"name": "Coat", "quantity": 1, "total": "9.90", "meta": {"_source_url": TAOBAO}}
        failing.shop.place([line], status="on-hold")
    with serving(failing) as running:
        driver = WooDriver(failing.shop, running.url)
        sources.add(work.ctx, ADMIN, kind="woocommerce", name="web", config={**driver.config, "base_url": driver.url})
        failing.count = lambda: len(work.rows())
        run_id = import_orders.request(work.ctx, OPERATOR, "web")
        import_orders.carry_out(work.ctx, run_id)
        run = work.run(run_id)
        taken = len(work.rows())
        failing.pages = float("inf")
        again = brought_in(work)["orders"]
    assert (run.state, run.out["left"]) == ("failed", 0)
    assert f"Before that, {taken} orders were taken in full" in run.error
    assert 400 < taken < 600
    assert failing.stored[:5] == [0, 0, 0, 200, 200]
    assert (again["new"], again["unchanged"], again["rejected"]) == (600 - taken, taken, 0)
    assert work.differing() == []


def test_what_a_slow_shop_gives_is_not_held_until_the_batch_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_orders, "_PATIENCE", -1.0)
    rejects = [Reject(str(number), "no reason", {}) for number in range(3)]
    assert [len(part) for part in import_orders._batches(rejects)] == [1, 1, 1]
