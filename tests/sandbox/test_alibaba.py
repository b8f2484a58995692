"""1688: every API, its envelope, its units and its spellings."""

from decimal import Decimal

import pytest

from autopurchase.sandbox import Sandbox
from tests.sandbox.wire import Alibaba, dumps, until


def made(alibaba: Alibaba, reference: str) -> str:
    """An unpaid order's number."""
    return str(alibaba.create(reference, alibaba.goods(0))["result"]["orderId"])


def fen(yuan: object) -> int:
    return int(Decimal(str(yuan)) * 100)


def test_account_and_address(alibaba: Alibaba) -> None:
    basic = alibaba.call("alibaba.account.basic")
    assert basic["result"]["memberId"] == alibaba.keys["member_id"]
    assert "success" not in basic
    address = alibaba.call("alibaba.trade.receiveAddress.get")
    assert address["result"]["receiveAddressItems"][0]["id"] == 593861699


def test_item_lookup_is_nested_and_in_yuan_text(alibaba: Alibaba, settings) -> None:
    item, sku, _ = alibaba.goods(0)[0]
    asked = dumps({"offerId": int(item.item_id), "country": "en"})
    inner = alibaba.call("product.search.queryProductDetail", offerDetailParam=asked)["result"]
    assert (inner["success"], inner["code"]) == (True, "200")
    offered = inner["result"]["productSkuInfos"][0]
    assert (offered["specId"], fen(offered["promotionPrice"])) == (sku.spec_id, sku.price)
    assert inner["result"]["sellerOpenId"] == item.seller.open_id
    missing = alibaba.call("product.search.queryProductDetail", offerDetailParam='{"offerId":1}')
    assert missing["result"]["success"] is False
    settings(declined_apis=["product.search.queryProductDetail"])
    declined = alibaba.raw("product.search.queryProductDetail", offerDetailParam=asked)
    assert (declined.status_code, declined.json()["error_code"]) == (400, "gw.APIACLDecline")


def test_preview_adds_up_in_fen_and_yuan(alibaba: Alibaba) -> None:
    answer = alibaba.call("alibaba.createOrder.preview", **alibaba.create_params("", alibaba.goods(0, 1)))
    model = answer["orderPreviewResuslt"][0]
    assert answer["success"] is True
    assert model["sumPaymentNoCarriage"] + model["sumCarriage"] == model["sumPayment"]
    assert sum(fen(cargo["amount"]) for cargo in model["cargoList"]) == model["sumPaymentNoCarriage"]
    assert [fen(cargo["finalUnitPrice"]) for cargo in model["cargoList"]] == [
        sku.price for _, sku, _ in alibaba.goods(0, 1)
    ]
    assert model["tradeModeNameList"] == ["assureTrade", "alipay"]
    assert model["flowFlag"] == "general"


def test_preview_names_each_problem(alibaba: Alibaba, market: Sandbox) -> None:
    (item, sku, _), (other, other_sku, _) = alibaba.goods(0, place=2) + alibaba.goods(0, place=8)
    picky = next(thing for thing in market.catalogue() if thing.market == "alibaba1688" and thing.minimum == 3)

    def code(*cargo: dict) -> str:
        params = {**alibaba.create_params("", []), "cargoParamList": dumps(list(cargo))}
        return str(alibaba.call("alibaba.createOrder.preview", **params)["errorCode"])

    def pick(thing, choice, quantity: int) -> dict:
        return {"offerId": int(thing.item_id), "specId": choice.spec_id, "quantity": quantity}

    assert code({"offerId": 1, "specId": "x", "quantity": 1}) == "500_001"
    assert code(pick(item, sku, 5), pick(other, other_sku, 5)) == "500_002"
    assert code({"offerId": int(item.item_id), "quantity": 5}) == "500_002"
    assert code({"offerId": int(item.item_id), "specId": other_sku.spec_id, "quantity": 5}) == "500_003"
    assert code(pick(item, sku, 100_000)) == "500_004"
    relation = {**alibaba.create_params("", alibaba.goods(0)), "flow": "saleproxy"}
    assert alibaba.call("alibaba.createOrder.preview", **relation)["errorCode"] == "500_007"
    assert code(pick(picky, picky.skus[0], 1)) == "500_005"


@pytest.mark.parametrize("api", ["alibaba.trade.createCrossOrder", "alibaba.trade.fastCreateOrder"])
def test_create_and_read_back(alibaba: Alibaba, api: str) -> None:
    answer = alibaba.create("A-1", alibaba.goods(0, 1), api)
    number = answer["result"]["orderId"]
    view = alibaba.detail(number)
    base = view["baseInfo"]
    assert isinstance(number, str)
    assert int(number) > 2**53
    assert (base["idOfStr"], base["outOrderId"], base["status"]) == (number, "A-1", "waitbuyerpay")
    assert fen(base["totalAmount"]) == answer["result"]["totalSuccessAmount"]
    lines = sum(fen(line["itemAmount"]) for line in view["productItems"])
    assert lines + fen(base["shippingFee"]) == fen(base["totalAmount"])
    assert fen(base["sumProductPayment"]) + base["discount"] == lines
    assert base["createTime"].endswith("+0800")
    assert view["productItems"][0]["specId"] == alibaba.goods(0)[0][1].spec_id


def test_flow_is_required_for_cross_border_only(alibaba: Alibaba) -> None:
    params = {key: value for key, value in alibaba.create_params("F", alibaba.goods(0)).items() if key != "flow"}
    assert alibaba.call("alibaba.trade.createCrossOrder", **params)["error_code"] == "gw.ParamMissing"
    assert alibaba.call("alibaba.trade.fastCreateOrder", **params)["success"] is True


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"tradeType": "nonsense"}, "not support tradeType:【nonsense】"),
        ({"addressParam": '{"addressId":5}'}, "AddressId invalid:AddressId invalid"),
        ({"addressParam": '{"fullName":"x"}'}, "address is incomplete"),
        ({"message": "x" * 501}, "longer than 500"),
    ],
)
def test_refused_creates_use_code_and_message(alibaba: Alibaba, more: dict, text: str) -> None:
    answer = alibaba.create("B-1", alibaba.goods(0), **more)
    assert answer["success"] is False
    assert text in answer["message"]
    assert answer["result"]["message"] == answer["message"]
    assert alibaba.call("alibaba.trade.getBuyerOrderList")["totalRecord"] == 0


def test_own_address_text_and_too_many_skus(alibaba: Alibaba, market: Sandbox) -> None:
    own = {
        "fullName": "王",
        "mobile": "138",
        "phone": "0517-88990077",
        "postCode": "000000",
        "provinceText": "广东省",
        "cityText": "广州市",
        "areaText": "白云区",
        "townText": "",
        "address": "石井大道",
    }
    assert alibaba.create("O-1", alibaba.goods(0), addressParam=dumps(own))["success"] is True
    seller = alibaba.goods(0)[0][0].seller.id
    picks = [
        (item, sku, 5)
        for item in market.catalogue()
        if item.seller.id == seller and item.market == "alibaba1688"
        for sku in item.skus
    ]
    refused = alibaba.create("O-2", picks[:51])
    assert (refused["success"], "limit of 50" in refused["message"]) == (False, True)
    assert len(alibaba.detail(alibaba.create("O-3", picks[:50])["result"]["orderId"])["productItems"]) == 50


def test_refused_lines_and_partial_orders(alibaba: Alibaba, market: Sandbox) -> None:
    picks = alibaba.goods(0, 1, place=30)
    market.control("stock", sku_id=picks[1][1].sku_id, stock=2)
    partial = alibaba.create("P-1", picks)["result"]
    assert partial["failedOfferList"][0]["errorCode"] == "500_004"
    assert len(alibaba.detail(partial["orderId"])["productItems"]) == 1
    refused = alibaba.create("P-2", picks[1:])
    assert refused["success"] is False
    assert "orderId" not in refused["result"]
    market.control("stock", sku_id=picks[1][1].sku_id, stock=500)


def test_list_filters_pages_and_hides_the_reference(alibaba: Alibaba, market: Sandbox) -> None:
    numbers = [made(alibaba, f"L-{place}") for place in range(5)]
    market.control("pay", ids=numbers[:2])
    pages = [alibaba.call("alibaba.trade.getBuyerOrderList", page=str(page), pageSize="2") for page in (1, 2, 3)]
    listed = [order["baseInfo"] for page in pages for order in page["result"]]
    assert [base["idOfStr"] for base in listed] == numbers[::-1]
    assert {page["totalRecord"] for page in pages} == {5}
    assert "success" not in pages[0]
    assert all("outOrderId" not in base for base in listed)
    paid = alibaba.call("alibaba.trade.getBuyerOrderList", orderStatus="waitsellersend")
    assert paid["totalRecord"] == 2
    one = alibaba.call("alibaba.trade.getBuyerOrderList", outOrderId="L-3")
    assert [order["baseInfo"]["idOfStr"] for order in one["result"]] == [numbers[3]]


def test_list_by_modification_and_creation(alibaba: Alibaba, market: Sandbox) -> None:
    numbers = [made(alibaba, f"W-{place}") for place in range(3)]
    last = alibaba.detail(numbers[2])["baseInfo"]["createTime"]
    market.control("pay", ids=numbers[:1])
    changed = alibaba.detail(numbers[0])["baseInfo"]["modifyTime"]

    def found(**filters: str) -> set[str]:
        answer = alibaba.call("alibaba.trade.getBuyerOrderList", **filters)
        return {order["baseInfo"]["idOfStr"] for order in answer["result"]}

    assert found(modifyStartTime=changed) == {numbers[0]}
    assert found(createStartTime=last) == {numbers[2]}
    assert found(createEndTime=last) == set(numbers)
    utc = "20200101000000000-0700"
    assert found(modifyStartTime=utc, modifyEndTime=changed) == set(numbers)
    assert alibaba.call("alibaba.trade.getBuyerOrderList", modifyStartTime="today")["errorCode"] == "400"


def test_required_parameters_and_history(alibaba: Alibaba) -> None:
    number = made(alibaba, "M-1")
    assert alibaba.call("alibaba.trade.get.buyerView", orderId=number)["error_code"] == "gw.ParamMissing"
    for odd in ({"isHis": "true"}, {"bizTypes": '["cn"]'}, {"refundStatus": "refundsuccess"}):
        assert alibaba.call("alibaba.trade.getBuyerOrderList", **odd)["totalRecord"] == 0
    assert alibaba.call("alibaba.trade.getBuyerOrderList", isHis="false")["totalRecord"] == 1


def test_an_ignored_reference_filter(alibaba: Alibaba, settings) -> None:
    for place in range(3):
        made(alibaba, f"I-{place}")
    settings(reference_filter=False)
    assert alibaba.call("alibaba.trade.getBuyerOrderList", outOrderId="I-1")["totalRecord"] == 3


def test_detail_needs_the_right_account(alibaba: Alibaba, market: Sandbox) -> None:
    number = made(alibaba, "X-1")
    stranger = Alibaba(market, "stranger").call("alibaba.trade.get.buyerView", webSite="1688", orderId=number)
    assert (stranger["success"], stranger["errorCode"]) == ("false", "400_3")
    assert alibaba.call("alibaba.trade.get.buyerView", webSite="1688", orderId="5")["errorCode"] == "ORDER_NOT_EXIST"


def test_an_order_can_be_given_a_past(alibaba: Alibaba, market: Sandbox) -> None:
    old, new = made(alibaba, "Y-1"), made(alibaba, "Y-2")
    before = alibaba.detail(old)["baseInfo"]["createTime"]
    market.control("pay", ids=[old])
    market.control("age", ids=[old], seconds=3 * 86400)
    base = alibaba.detail(old)["baseInfo"]
    assert base["createTime"] < base["payTime"] < before
    recent = alibaba.call("alibaba.trade.getBuyerOrderList", createStartTime=before)["result"]
    assert [order["baseInfo"]["idOfStr"] for order in recent] == [new]
    assert alibaba.call("alibaba.trade.getBuyerOrderList", modifyEndTime=base["modifyTime"])["totalRecord"] == 1


def test_cancel(alibaba: Alibaba, market: Sandbox, settings) -> None:
    first, second = made(alibaba, "C-1"), made(alibaba, "C-2")
    settings(cancel_wait_seconds=60)
    ask = {"webSite": "1688", "tradeID": first, "cancelReason": "buyerCancel"}
    assert alibaba.call("alibaba.trade.cancel", **ask)["errorCode"] == "CLOSE_ORDER_TOO_FAST"
    settings(cancel_wait_seconds=0)
    assert alibaba.call("alibaba.trade.cancel", **ask)["success"] is True
    base = alibaba.detail(first)["baseInfo"]
    assert (base["status"], base["closeReason"], base["closeOperateType"]) == (
        "cancel",
        "buyerCancel",
        "CLOSE_TRADE_BY_BUYER",
    )
    market.control("pay", ids=[second])
    refused = alibaba.call("alibaba.trade.cancel", **{**ask, "tradeID": second})
    assert (refused["success"], refused["errorCode"]) == (False, "ORDER_STATUS_ERROR")
    assert alibaba.call("alibaba.trade.cancel", **{**ask, "tradeID": "5"})["errorCode"] == "ORDER_NOT_EXIST"
    stranger = Alibaba(market, "stranger")
    assert stranger.call("alibaba.trade.cancel", **{**ask, "tradeID": second})["errorCode"] == "400_3"


def test_pay_link_may_cover_a_part(alibaba: Alibaba, market: Sandbox) -> None:
    first, second = made(alibaba, "Z-1"), made(alibaba, "Z-2")
    market.control("pay", ids=[first])
    answer = alibaba.call("alibaba.alipay.url.get", orderIdList=dumps([int(first), int(second)]))
    assert answer["success"] is True
    assert answer["erroMsg"] == ""
    assert answer["payFailureOrderList"] == [int(first)]
    assert answer["payUrl"] == f"{market.base_url}/pay?ids={second}"
    assert alibaba.call("alibaba.alipay.url.get", orderIdList=dumps([int(first)]))["success"] is False


def test_shipping_in_parts_and_tracking(alibaba: Alibaba, market: Sandbox) -> None:
    number = alibaba.create("S-1", alibaba.goods(0, 1))["result"]["orderId"]
    none = alibaba.call("alibaba.trade.getLogisticsInfos.buyerView", webSite="1688", orderId=number)
    assert (none["success"], none["errorCode"]) == (False, "500_2")
    assert (
        alibaba.call("alibaba.trade.getLogisticsTraceInfo.buyerView", webSite="1688", orderId=number)["errorCode"]
        == "404"
    )
    market.control("pay", ids=[number])
    first = alibaba.detail(number)["productItems"][0]["subItemIDString"]
    market.control("ship", ids=[number], lines=[first])
    view = alibaba.detail(number)
    assert view["baseInfo"]["status"] == "waitsellersend"
    assert [line["logisticsStatus"] for line in view["productItems"]] == [2, 1]
    assert view["nativeLogistics"]["logisticsItems"][0]["subItemIds"] == first
    market.control("ship", ids=[number])
    market.control("sign", ids=[number])
    parcels = alibaba.call("alibaba.trade.getLogisticsInfos.buyerView", webSite="1688", orderId=number)["result"]
    assert [parcel["status"] for parcel in parcels] == ["SIGN", "SIGN"]
    trace = alibaba.call("alibaba.trade.getLogisticsTraceInfo.buyerView", webSite="1688", orderId=number)
    assert len(trace["logisticsTrace"]) == 2
    assert "签收" in trace["logisticsTrace"][0]["logisticsSteps"][-1]["remark"]
    assert alibaba.detail(number)["baseInfo"]["status"] == "signinsuccess"
    stranger = Alibaba(market, "stranger").call(
        "alibaba.trade.getLogisticsTraceInfo.buyerView", webSite="1688", orderId=number
    )
    assert stranger["errorCode"] == "order.nopermission.buyer"


@pytest.mark.parametrize(
    ("reason", "status", "words"),
    [
        ("timeout", "cancel", ("BUYER_NO_PAY", "CLOSE_TRADE_BY_SYSTEM")),
        ("seller_lack", "cancel", ("sellerGoodsLack", "CLOSE_TRADE_BY_SELLER")),
        ("platform", "cancel", ("other", "CLOSE_TRADE_BY_BOPS")),
    ],
)
def test_why_an_order_closed(alibaba: Alibaba, market: Sandbox, reason: str, status: str, words: tuple) -> None:
    number = made(alibaba, "N-1")
    market.control("close", ids=[number], reason=reason)
    view = alibaba.detail(number)
    base = view["baseInfo"]
    assert (base["status"], base["closeReason"], base["closeOperateType"]) == (status, *words)
    assert view["tradeTerms"][0]["payStatus"] == "8"
    assert view["tradeTerms"][0]["payTime"]


def test_a_full_refund_terminates(alibaba: Alibaba, market: Sandbox) -> None:
    number = made(alibaba, "N-2")
    market.control("pay", ids=[number])
    market.control("close", ids=[number], reason="refunded")
    base = alibaba.detail(number)["baseInfo"]
    assert (base["status"], base["refundStatus"]) == ("terminated", "refundsuccess")


def test_the_seller_changes_the_price(alibaba: Alibaba, market: Sandbox) -> None:
    number = made(alibaba, "V-1")
    before = alibaba.detail(number)["baseInfo"]
    assert market.control("amount", ids=[number], total=fen(before["totalAmount"]) + 333)["done"] == [number]
    after = alibaba.detail(number)
    assert fen(after["baseInfo"]["totalAmount"]) == fen(before["totalAmount"]) + 333
    assert fen(after["productItems"][0]["itemAmount"]) + fen(after["baseInfo"]["shippingFee"]) == fen(
        after["baseInfo"]["totalAmount"]
    )


def test_a_dead_token_is_http_401(alibaba: Alibaba, market: Sandbox) -> None:
    market.control("expire", market="alibaba1688", account=alibaba.account)
    answer = alibaba.raw("alibaba.account.basic")
    assert (answer.status_code, answer.json()["error_code"]) == (401, "401")
    assert "authorized" in answer.json()["error_message"]


def test_quirks_of_create_answers(alibaba: Alibaba, settings) -> None:
    settings(quirks=True)
    answers = [alibaba.create(f"K-{place}", alibaba.goods(0, 1, 2, 3)) for place in range(60)]
    flat = [answer for answer in answers if "result" not in answer]
    split = [answer for answer in answers if "orderList" in answer.get("result", {})]
    assert flat
    assert all(answer["success"] is False and answer["orderId"] for answer in flat)
    assert split
    assert all(entry["orderAmmount"] and entry["orderId"] for entry in split[0]["result"]["orderList"])
    bare = until(
        lambda: [view for view in [alibaba.detail(flat[0]["orderId"])] if isinstance(view["baseInfo"]["idOfStr"], int)]
    )
    assert bare[0]["baseInfo"]["idOfStr"] == int(flat[0]["orderId"])
    assert bare[0]["baseInfo"]["createTime"].endswith("-0700")
