"""Orders of each kind of shop come in through the import, twice, and change nothing the second time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from autopurchase.services import import_orders, sources
from tests.sources.contract.driver import ALIBABA, TAOBAO, Driver, Want
from tests.sources.contract.test_otapi import OtDriver
from tests.sources.contract.test_shopify import ShopifyDriver
from tests.sources.contract.test_woocommerce import WooDriver
from tests.sources.stubs.otapi import OtShop
from tests.sources.stubs.server import serving
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
