"""Very many ready lines, and the floor's own table, written by set-based SQL: SQLite makes the rows itself."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import text

from autopurchase.wiring import Workspace
from tests.support import seed

LINES_AN_ORDER = 4
FLOOR_ROWS = 10_000

_PAID = "strftime('%Y-%m-%d %H:%M:%S.000000', 'now', '-' || ((:orders - o) * 1000000 / :orders + 60) || ' seconds')"
_ORDERS = f"""
with recursive n(o) as (select 1 union all select o + 1 from n where o < :orders)
insert into orders (id, source_id, external_id, number, customer, state, status, currency, goods_minor, total_minor,
  paid_minor, refunded_minor, delivery_minor, payable, ship_to, created_at, paid_at, imported_at,
  read_at)
select o, :source, o, printf('ORD-%09d', o), 'Customer ' || (o % 977), 'open', 'paid',
  case when o % 3 then 'CNY' else 'USD' end, 20000, 21500, 21500, 0, 1500, 1, '{{}}', {_PAID}, {_PAID}, {_PAID}, {_PAID}
from n"""
_LINES = """
with recursive p(i) as (select 1 union all select i + 1 from p where i < :each)
insert into line (order_id, line_no, number, external_id, provider, item_id, sku_id, title, configuration,
  configuration_original, quantity, open_quantity, currency, unit_price_minor, sum_minor, reference_fen, seller_id,
  seller_name, weight_grams, item_url, extras, status, purchase, ready, ready_at, imported_at, changed_at)
select o.id, i, o.id || '-' || i, o.id || '/' || i, case when o.id % 2 then 'taobao' else 'alibaba1688' end,
  650000000000 + o.id * 7919 % 100003, 5000000 + i, 'Folding desk lamp, model ' || (o.id * 31 % 9973),
  'Colour: white, Size: ' || i, '颜色:白色 尺寸:' || i, i, i, o.currency, 5000 + o.id % 100, i * (5000 + o.id % 100),
  4200, 'seller-' || (o.id % 499), '工厂店 ' || (o.id % 499), 250, 'https://item.taobao.com/item.htm?id=' || o.id, '{}',
  'paid', 'ready', 1, o.paid_at, o.imported_at, o.imported_at
from orders o, p"""
_FLOOR = """
create table goods (id integer primary key, number text, item text, seller text, configuration text, original text,
  quantity integer, price text, sum text, currency text, weight integer, state text, age text);
create index by_age on goods (state, age);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 10000)
insert into goods select i, i || '-1', 'Folding desk lamp, model ' || i, 'Seller ' || (i % 499), 'Colour: white',
  '颜色:白色', 2, '50.00', '100.00', 'CNY', 250, 'ready', printf('%d d %02d h', i / 24, i % 24) from n;
"""


def fill(opened: Workspace, count: int) -> None:
    """``count`` ready lines of `LINES_AN_ORDER` an order, paid one after the other within the last days (SQLite)."""
    db = opened.context.db
    made = seed.Seed(opened.context.now())
    with db.write() as tx:
        seed._accounts(tx, made, opened.context.vault)
        tx.execute(text(_ORDERS), {"orders": count // LINES_AN_ORDER, "source": made.source})
        tx.execute(text(_LINES), {"each": LINES_AN_ORDER})


def fill_floor(path: Path) -> None:
    """The floor's 10,000 rows."""
    connection = sqlite3.connect(path)
    connection.executescript(_FLOOR)
    connection.close()
