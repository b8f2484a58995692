"""The HTML of the pages for people. Pure: values in, text out."""

import html
import json
from collections import Counter
from dataclasses import fields
from typing import Any

from autopurchase.sandbox.catalogue import Item
from autopurchase.sandbox.catalogue_data import CARRIERS
from autopurchase.sandbox.faults import KINDS
from autopurchase.sandbox.market import Market
from autopurchase.sandbox.orders import LADDER, Order
from autopurchase.sandbox.pages import options, table, yuan
from autopurchase.sandbox.settings import Settings
from autopurchase.sandbox.when import local_date

NAMES = {"taobao": "Taobao Global", "alibaba1688": "1688", "aliexpress": "AliExpress"}
ROOTS = {"taobao": "/rest", "alibaba1688": "/openapi", "aliexpress": "/sync"}
MARKETS = ["", *NAMES]
STATES = ["", *LADDER, "closed"]
PAGE = 50


def tag(status: str) -> str:
    """A status as a small label."""
    return f'<span class="tag {status}">{status}</span>'


def overview(market: Market, origin: str, accounts: dict[str, list[str]], apps: dict[str, str]) -> str:
    """The first page: what there is and where."""
    orders = list(market.store.orders.values())
    counts = Counter(order.status for order in orders)
    figures = "".join(
        f'<a class="figure" href="/orders?status={state}"><b>{counts[state]}</b>{tag(state)}</a>'
        for state in STATES[1:]
    )
    rows = [
        [
            NAMES[name],
            apps[name],
            html.escape(", ".join(accounts[name]) or "none yet"),
            f"<code>{origin}{ROOTS[name]}</code>",
        ]
        for name in NAMES
    ]
    recent = sorted(orders, key=lambda order: order.id, reverse=True)[:10]
    return (
        f'<h1>A marketplace to practise on</h1><div class="card row">{figures}</div>'
        f'<div class="card"><h2>Accounts</h2>{table(["Market", "App key", "Accounts", "API"], rows)}</div>'
        f'<div class="card"><h2>Latest orders</h2>{order_table(market, recent)}</div>'
    )


def order_table(market: Market, orders: list[Order]) -> str:
    """Orders as a table with a link each."""
    rows = [
        [
            f'<a href="/order/{order.id}">{order.id}</a>',
            NAMES[order.market],
            html.escape(order.account),
            html.escape(order.reference),
            html.escape(market.seller(order).name),
            tag(order.status),
            str(len(order.lines)),
            yuan(order.total),
            f'<span class="tag">{local_date(order.created)}</span>',
        ]
        for order in orders
    ]
    heads = ["Order", "Market", "Account", "Buyer's reference", "Seller", "Status", "Lines", "To pay", "Ordered"]
    return table(heads, rows, (6, 7)) if rows else '<p class="soft">No orders here.</p>'


def order_list(market: Market, chosen: dict[str, str]) -> str:
    """The list with its filters; newest first, one page at a time."""
    found = [order for order in market.store.orders.values() if _fits(order, chosen)]
    found.sort(key=lambda order: order.id, reverse=True)
    number = max(int(chosen["page"]), 1) if chosen.get("page", "").isdecimal() else 1
    shown = found[(number - 1) * PAGE : number * PAGE]
    text = html.escape(chosen.get("text", ""))
    form = (
        '<form class="card row"><label>Market <select name="market">'
        + options(MARKETS, chosen.get("market", ""))
        + '</select></label><label>Status <select name="status">'
        + options(STATES, chosen.get("status", ""))
        + f'</select></label><label>Number, reference or account <input name="text" value="{text}"></label>'
        "<button>Show</button></form>"
    )
    listed = _payable(market, shown) + _pager(found, number, chosen)
    return f"<h1>{len(found)} orders</h1>{form}<div class=card>{listed}</div>"


def _payable(market: Market, orders: list[Order]) -> str:
    unpaid = ",".join(str(order.id) for order in orders if order.status == "unpaid")
    link = f'<p><a href="/pay?ids={unpaid}">Pay all unpaid orders of this page</a></p>' if unpaid else ""
    return link + order_table(market, orders)


def _pager(found: list[Order], number: int, chosen: dict[str, str]) -> str:
    last = max((len(found) + PAGE - 1) // PAGE, 1)
    query = "".join(f"&{key}={html.escape(value)}" for key, value in chosen.items() if key != "page")
    links = [
        f'<a href="?page={place}{query}">{word}</a>'
        for place, word in ((number - 1, "Newer"), (number + 1, "Older"))
        if 1 <= place <= last
    ]
    return f'<p class="soft">Page {number} of {last} {" ".join(links)}</p>'


def _fits(order: Order, chosen: dict[str, str]) -> bool:
    text = chosen.get("text", "")
    return (
        chosen.get("market", "") in ("", order.market)
        and chosen.get("status", "") in ("", order.status)
        and (not text or text in (str(order.id), order.account) or text in order.reference)
    )


def order_page(market: Market, order: Order) -> str:
    """One order with what the seller and the cashier can do."""
    rows = []
    for line in order.lines:
        item, sku = market.goods(order, line)
        words = ", ".join(value for _, value in sku.options_en)
        rows.append(
            [
                f'<img src="{sku.photo_url}" width="54" alt="">',
                f'<a href="{item.item_url}">{html.escape(item.title)}</a><br><span class="soft">'
                f"{html.escape(item.title_en)} · {html.escape(words)}</span>",
                tag(line.state),
                str(line.quantity),
                yuan(line.amount),
                yuan(line.postage),
            ]
        )
    goods = table(["", "Goods", "Status", "Quantity", "Amount", "Freight"], rows, (3, 4, 5))
    parcels = [
        [
            parcel.number,
            CARRIERS[parcel.carrier][2],
            local_date(parcel.shipped_at),
            local_date(parcel.signed_at) if parcel.signed_at else "on its way",
        ]
        for parcel in order.parcels
    ]
    sent = f"<h2>Parcels</h2>{table(['Waybill', 'Carrier', 'Sent', 'Signed'], parcels)}" if parcels else ""
    return (
        f"<h1>Order {order.id} {tag(order.status)}</h1>"
        f'<div class="card">{_facts(market, order)}{_buttons(order)}</div><div class="card">{goods}{sent}</div>'
    )


def _facts(market: Market, order: Order) -> str:
    words = {
        "Market": NAMES[order.market],
        "Account": order.account,
        "Buyer's reference": order.reference or "none",
        "Seller": market.seller(order).name,
        "To pay": f"{yuan(order.total)} (freight {yuan(order.freight)})",
        "Ordered": local_date(order.created),
        "Pay before": local_date(order.deadline),
        "Paid": local_date(order.paid_at) if order.paid_at else "no",
        "Deliver to": " ".join(order.receiver.values()),
        "Remark": order.facts.get("remark", "") or order.facts.get("message", ""),
        "Closed because": order.close_reason,
    }
    rows = [[f'<span class="soft">{key}</span>', html.escape(value)] for key, value in words.items() if value]
    return table(["", ""], rows)


def _buttons(order: Order) -> str:
    moves = {
        "unpaid": ["pay", "cancel"],
        "building": ["cancel"],
        "paid": ["ship", "refund"],
        "shipped": ["sign"],
        "delivered": ["complete"],
    }.get(order.status, [])
    words = {
        "pay": "Pay",
        "cancel": "Cancel as seller",
        "ship": "Ship",
        "refund": "Refund and close",
        "sign": "Deliver and sign",
        "complete": "Finish",
    }
    forms = "".join(
        f'<form class="inline" method="post"><button name="do" value="{move}">{words[move]}</button></form> '
        for move in moves
    )
    if order.status == "unpaid":
        forms += (
            f'<form class="inline" method="post"><input name="total" size="8" value="{order.total / 100:.2f}"> '
            '<button name="do" value="amount">Change price (yuan)</button></form>'
        )
    return f"<p>{forms}</p>" if forms else ""


def cashier(market: Market, orders: list[Order]) -> str:
    """What to pay, and the button."""
    due = [order for order in orders if order.status == "unpaid"]
    rows = [
        [
            f'<a href="/order/{order.id}">{order.id}</a>',
            html.escape(market.seller(order).name),
            tag(order.status),
            yuan(order.total),
        ]
        for order in orders
    ]
    words = f"Pay {yuan(sum(o.total for o in due))} for {len(due)} order{'s' * (len(due) != 1)}"
    button = f"""<form method="post"><input type="hidden" name="ids" value="{",".join(str(o.id) for o in due)}">
<button class="main">{words}</button></form>"""
    return f"""<div class="card"><h1>Cashier</h1>{table(["Order", "Seller", "Status", "To pay"], rows, (3,))}
<p>{button if due else '<span class="soft">Nothing to pay.</span>'}</p></div>"""


def goods_page(items: list[Item]) -> str:
    """All goods as cards."""
    cards = "".join(
        f'<a class="card" href="{item.item_url}"><img src="{item.photo_url}" width="100%" alt="">'
        f"{html.escape(item.title)}<br><span class=soft>{html.escape(item.title_en)}</span><br>"
        f"{yuan(item.skus[0].price)}</a>"
        for item in items
    )
    return f'<h1>{len(items)} items</h1><div class="grid">{cards}</div>'


def item_page(market: Market, item: Item) -> str:
    """An item with its SKUs."""
    rows = [
        [
            f'<img src="{sku.photo_url}" width="54" alt="">',
            _words(sku.options),
            _words(sku.options_en),
            sku.sku_id,
            sku.spec_id,
            yuan(market.sku_price(sku)),
            str(market.stock(sku)),
            f"{sku.weight} g",
        ]
        for sku in item.skus
    ]
    heads = ["", "规格", "Options", "SKU", "Spec", "Price", "Stock", "Weight"]
    seller = item.seller
    return (
        f"<h1>{html.escape(item.title)}</h1><div class='card row'><img src='{item.photo_url}' width='220' alt=''>"
        f"<div><h2>{html.escape(item.title_en)}</h2><p>{NAMES[item.market]} item {item.item_id}<br>"
        f"{html.escape(seller.name)} ({html.escape(seller.name_en)})<br>From {item.minimum} piece(s); freight "
        f"{yuan(seller.freight)}, free from {yuan(seller.free_from)}</p></div></div>"
        f'<div class="card">{table(heads, rows, (5, 6, 7))}</div>'
    )


def _words(pairs: tuple[tuple[str, str], ...]) -> str:
    return html.escape("; ".join(f"{name}: {value}" for name, value in pairs))


def control_page(settings: Settings, rules: list[dict[str, Any]], figures: dict[str, Any], note: str) -> str:
    """Settings, faults and figures."""
    inputs = "".join(
        f'<label>{item.name.replace("_", " ")}<br><input name="{item.name}" '
        f'value="{html.escape(_shown(getattr(settings, item.name)))}"></label>'
        for item in fields(settings)
    )
    text = html.escape(json.dumps(rules, indent=1, ensure_ascii=False))
    told = f'<div class="card">{html.escape(note)}</div>' if note else ""
    return (
        f'<h1>Control</h1>{told}<div class="card"><h2>Faults</h2><p class="soft">A JSON list of rules, for example '
        '<code>[{"kind": "hang_after", "share": 0.1, "seconds": 20}]</code>. Kinds: ' + ", ".join(KINDS) + "</p>"
        f'<form method="post"><textarea name="rules">{text}</textarea><p><button class="main">Set faults</button></p>'
        f'</form></div><div class="card"><h2>Behaviour</h2><form method="post"><div class="grid">{inputs}</div>'
        '<button class="main">Set behaviour</button></form></div>'
        f'<div class="card"><h2>Counted at this door</h2><pre>{html.escape(json.dumps(figures, indent=1))}</pre></div>'
    )


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, list | tuple) else str(value)
