"""Taobao Global: every API, its envelope, its units and its spellings."""

import pytest

from autopurchase.sandbox import Sandbox
from tests.sandbox.wire import WAREHOUSE, Taobao, dumps, until


def line(item: int, sku: int, **more: object) -> dict:
    return {"itemId": item, "skuId": sku, "quantity": 1, **more}


def paid(taobao: Taobao, reference: str) -> dict:
    """An order that was made and paid."""
    number = taobao.create(reference, taobao.goods(0))["data"]["order_list"][0]["purchase_id"]
    until(lambda: taobao.market.control("pay", ids=[number])["done"])
    return taobao.query(purchase_ids=dumps([number]))[0]


def test_product_gives_distribution_ids_and_fen(taobao: Taobao) -> None:
    item, sku, _ = taobao.goods(3)[0]
    data = taobao.call("/product/get", item_id=item.item_id)["data"]
    assert (data["mp_id"], data["item_id"], data["status"]) == (item.mp_id, int(item.item_id), "onsale")
    offered = data["sku_list"][0]
    assert (offered["mp_skuId"], offered["promotion_price"]) == (int(sku.mp_id), sku.price)
    assert offered["properties"][0]["prop_name"] == "颜色"
    assert offered["mp_skuId"] > 2**53


def test_unknown_product_is_a_business_refusal(taobao: Taobao) -> None:
    answer = taobao.call("/product/get", item_id="1")
    assert (answer["code"], answer["success"], answer["error_code"]) == ("0", False, "ITEM_NOT_EXIST")


def test_render_sums_up_per_seller(taobao: Taobao) -> None:
    lines = [line(int(item.mp_id), int(sku.mp_id)) for item, sku, _ in taobao.goods(0, 12)]
    result = taobao.call(
        "/purchase/order/render",
        render_item_List=dumps(lines),
        need_supplychain_service="false",
        receiver_address=dumps(WAREHOUSE),
        warehouse_address=dumps(WAREHOUSE),
    )["result"]
    data = result["data"]
    goods = sum(
        info["discount_price"]["amount"] for group in data["render_item_list"] for info in group["item_price_infos"]
    )
    freight = sum(group["mainland_shipping_fee"]["amount"] for group in data["render_item_list"])
    assert result["success"] is True
    assert len(data["render_item_list"]) == 2
    assert goods + freight == data["total_real_pay_price"]["amount"]
    assert data["unavailable_sku_list"] == []


def test_render_names_what_cannot_be_bought(taobao: Taobao, market: Sandbox) -> None:
    item, sku, _ = taobao.goods(40)[0]
    market.control("stock", sku_id=sku.sku_id, stock=0)
    lines = [{"item_id": item.mp_id, "sku_id": sku.mp_id, "quantity": "1"}, line(1, 2)]
    result = taobao.call(
        "/purchase/order/render",
        render_item_List=dumps(lines),
        need_supplychain_service="false",
        receiver_address=dumps(WAREHOUSE),
    )["result"]
    codes = [entry["error_code"] for entry in result["data"]["unavailable_sku_list"]]
    assert codes == ["STOCK_NOT_ENOUGH", "ITEM_NOT_AVAILABLE"]
    market.control("stock", sku_id=sku.sku_id, stock=1000)


def test_one_create_becomes_an_order_per_seller(taobao: Taobao) -> None:
    data = taobao.create("S-1", taobao.goods(0, 12, 1))["data"]
    numbers = [[entry["order_line_no"] for entry in order["order_line_list"]] for order in data["order_list"]]
    assert numbers == [["1", "3"], ["2"]]
    assert data["outer_purchase_id"] == "S-1"
    assert all(order["purchase_id"] > 2**53 for order in data["order_list"])
    assert data["payment_url"].startswith(taobao.market.base_url + "/pay?ids=")


def test_snake_case_lines_are_understood(taobao: Taobao) -> None:
    item, sku, _ = taobao.goods(5)[0]
    lines = [{"item_id": item.mp_id, "sku_id": sku.mp_id, "quantity": "2", "price": "1", "order_line_no": "a"}]
    answer = taobao.call(
        "/purchase/order/create",
        outer_purchase_id="S-2",
        purchase_amount="1",
        order_line_list=dumps(lines),
        receiver=dumps(WAREHOUSE),
    )
    made = answer["data"]["order_list"][0]["order_line_list"][0]
    assert (made["order_line_no"], made["estimate_amount"]) == ("a", 2 * sku.price)


def test_status_goes_from_building_to_finished(taobao: Taobao, market: Sandbox) -> None:
    number = taobao.create("L-1", taobao.goods(0))["data"]["order_list"][0]["purchase_id"]

    def shown() -> dict:
        return taobao.query(purchase_ids=dumps([number]))[0]

    until(lambda: shown()["status"] == "WAIT_BUYER_P")
    for verb, word in (
        ("pay", "WAIT_SELLER_SEND_GOODS"),
        ("ship", "WAIT_BUYER_CONFIRM_GOODS"),
        ("sign", "WAIT_BUYER_CONFIRM_GOODS"),
        ("complete", "TRADE_FINISHED"),
    ):
        assert market.control(verb, ids=[number]) == {"done": [str(number)], "refused": []}
        assert shown()["status"] == word
    order = shown()
    sub = order["sub_purchase_orders"][0]
    assert int(order["pay_time"]) == sub["pay_time"]
    assert order["pay_amount"] == order["product_amount"] + order["domestic_post_fee"]
    assert sub["logistic_orders"][0]["logistic_number"]


def test_orders_are_found_by_reference_status_and_modification(taobao: Taobao) -> None:
    for number in range(5):
        taobao.create(f"Q-{number}", taobao.goods(number))
    until(lambda: len(taobao.query(status="WAIT_BUYER_P")) == 5)
    everything = taobao.query(sort_field="modify_time", sort_type="ASC")
    times = [order["modify_time"] for order in everything]
    assert times == sorted(times)
    assert [order["outer_purchase_id"] for order in taobao.query(outer_purchase_id="Q-3")] == ["Q-3"]
    later = taobao.query(modify_time_start=str(times[-1] + 1))
    assert later == []
    pages = [taobao.query(page_no=str(page), page_size="2", sort_type="ASC") for page in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [2, 2, 1, 0]
    assert [order["purchase_id"] for page in pages for order in page] == [o["purchase_id"] for o in everything]


def test_another_account_sees_nothing(taobao: Taobao, market: Sandbox) -> None:
    number = taobao.create("M-1", taobao.goods(0))["data"]["order_list"][0]["purchase_id"]
    stranger = Taobao(market, "stranger")
    assert stranger.query(purchase_ids=dumps([number])) == []
    assert stranger.query(outer_purchase_id="M-1") == []
    refused = stranger.call("/purchase/order/asyn/cancel", purchase_id=str(number), cancel_reason="x")
    assert refused["error_code"] == "ORDER_NOT_EXIST"


def test_cancel_is_accepted_first_and_closes_later(taobao: Taobao) -> None:
    made = taobao.create("C-1", taobao.goods(0, 1))["data"]["order_list"][0]
    first = made["order_line_list"][0]["sub_purchase_order_id"]
    number = str(made["purchase_id"])
    part = taobao.call(
        "/purchase/order/asyn/cancel",
        purchase_id=number,
        cancel_reason="no",
        sub_purchase_orderId_list=dumps([str(first)]),
    )
    assert part["success"] is True
    until(
        lambda: (
            [sub["status"] for sub in taobao.query(outer_purchase_id="C-1")[0]["sub_purchase_orders"]]
            == ["TRADE_CLOSED", "WAIT_BUYER_P"]
        )
    )
    assert taobao.call("/purchase/order/asyn/cancel", purchase_id=number, cancel_reason="no")["success"] is True
    until(lambda: taobao.query(outer_purchase_id="C-1")[0]["status"] == "TRADE_CLOSED")


def test_cancel_of_a_paid_order_is_refused(taobao: Taobao) -> None:
    order = paid(taobao, "C-2")
    answer = taobao.call("/purchase/order/asyn/cancel", purchase_id=str(order["purchase_id"]), cancel_reason="no")
    assert (answer["success"], answer["error_code"]) == (False, "ORDER_STATUS_NOT_ALLOW")
    assert taobao.query(outer_purchase_id="C-2")[0]["status"] == "WAIT_SELLER_SEND_GOODS"


def test_batch_pay_promises_and_settles_later(taobao: Taobao) -> None:
    number = taobao.create("P-1", taobao.goods(0))["data"]["order_list"][0]["purchase_id"]
    until(lambda: taobao.query(outer_purchase_id="P-1")[0]["status"] == "WAIT_BUYER_P")
    answer = taobao.call("/purchase/order/batch/pay", purchaseOrderIdList=dumps([number, 5]))
    assert answer["success"] == "true"
    assert answer["data"]["will_pay_purchase_order_ids"] == [str(number)]
    assert answer["data"]["pay_failed_results"][0]["gspOrderId"] == 5
    until(lambda: taobao.query(outer_purchase_id="P-1")[0]["status"] == "WAIT_SELLER_SEND_GOODS")
    too_many = taobao.call("/purchase/order/batch/pay", purchaseOrderIdList=dumps(list(range(11))))
    assert too_many["success"] == "false"


def test_parcels_and_traces_of_a_line(taobao: Taobao, market: Sandbox) -> None:
    order = paid(taobao, "T-1")
    sub = str(order["sub_purchase_orders"][0]["sub_purchase_order_id"])
    none = taobao.call("/logistics/detail/get", purchase_order_line_id=sub)["result"]
    assert none["data"]["pnm_logistics_details"] == []
    market.control("ship", ids=[order["purchase_id"]])
    market.control("sign", ids=[order["purchase_id"]])
    parcel = taobao.call("/logistics/detail/get", purchase_order_line_id=sub)["result"]["data"]
    assert parcel["pnm_logistics_details"][0]["logistics_status"] == "SIGNED"
    assert "standerd_desc" in parcel["pnm_logistics_details"][0]["logistics_traces"][-1]
    assert taobao.call("/logistics/detail/get", purchase_order_line_id="7")["result"]["success"] is False


def test_partial_success_only_when_asked_for(taobao: Taobao, market: Sandbox) -> None:
    picks = taobao.goods(0, 50)
    market.control("item", item_id=picks[1][0].item_id, status="expired")
    refused = taobao.create("X-1", picks)
    assert (refused["success"], refused["error_code"], refused["data"]) == (False, "ITEM_NOT_AVAILABLE", None)
    partial = taobao.create("X-1", picks, support_partial_success="true")
    assert [o["order_line_list"][0]["order_line_no"] for o in partial["data"]["order_list"]] == ["1"]
    assert taobao.call("/product/get", item_id=picks[1][0].item_id)["data"]["mp_id"] is None
    market.control("item", item_id=picks[1][0].item_id, status="published")


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"receiver": "{}"}, "ADDRESS_INVALID"),
        ({"receiver": "nonsense"}, "PARAM_ERROR"),
        ({"order_line_list": "[1]"}, "PARAM_ERROR"),
        ({"outer_purchase_id": ""}, "PARAM_ERROR"),
    ],
)
def test_wrong_creates_are_refused(taobao: Taobao, more: dict, code: str) -> None:
    params = {**taobao.create_params("W-1", taobao.goods(0)), **more}
    answer = taobao.call("/purchase/order/create", **{key: value for key, value in params.items() if value})
    assert (answer["success"], answer["error_code"]) == (False, code)
    assert taobao.query() == []


def test_unknown_path_and_dead_token(taobao: Taobao, market: Sandbox) -> None:
    assert taobao.call("/purchase/order/cancel")["code"] == "InvalidApiPath"
    market.control("expire", market="taobao", account=taobao.account)
    assert taobao.call("/purchase/orders/query")["code"] == "IllegalAccessToken"


def test_unpaid_orders_close_at_the_deadline(taobao: Taobao, settings) -> None:
    settings(pay_deadline_seconds=0.3)
    taobao.create("D-1", taobao.goods(0))
    closed = until(lambda: [o for o in taobao.query(outer_purchase_id="D-1") if o["status"] == "TRADE_CLOSED"])
    assert closed[0]["sub_purchase_orders"][0]["close_reason"] == "买家超时未付款"


def test_a_busy_seller_ships_signs_and_finishes_by_itself(taobao: Taobao, settings) -> None:
    settings(ship_seconds=0.05, sign_seconds=0.05, complete_seconds=0.05)
    paid(taobao, "A-1")
    until(lambda: taobao.query(outer_purchase_id="A-1")[0]["status"] == "TRADE_FINISHED")


@pytest.mark.parametrize("mode", ["no", "yes", "refuse"])
def test_what_a_repeated_reference_does(taobao: Taobao, settings, mode: str) -> None:
    settings(deduplicate=mode)
    first = taobao.create("R-1", taobao.goods(0))["data"]["order_list"][0]["purchase_id"]
    again = taobao.create("R-1", taobao.goods(0))
    found = [order["purchase_id"] for order in taobao.query(outer_purchase_id="R-1")]
    assert len(found) == (2 if mode == "no" else 1)
    assert again["success"] is (mode != "refuse")
    assert first in found


def test_quirks_turn_numbers_into_text_at_times(taobao: Taobao, settings) -> None:
    settings(quirks=True)
    item = taobao.goods(0)[0][0]
    prices = [taobao.call("/product/get", item_id=item.item_id)["data"]["price"] for _ in range(60)]
    assert {type(price) for price in prices} == {int, str}
