"""Single rules of translation that recorded cases show badly: dates, numbers, envelopes, addresses, pay pages."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopurchase.conformance.practice import WAREHOUSE
from autopurchase.domain.errors import BadInput, BrokenAnswer, SessionRefused
from autopurchase.domain.money import Money
from autopurchase.domain.purchase import Purchase, PurchaseLine
from autopurchase.domain.session import Address, SessionConfig, Tokens
from autopurchase.providers.alibaba1688.listing import whole_list
from autopurchase.providers.alibaba1688.options import Options, options
from autopurchase.providers.alibaba1688.translate import answers, asking, scalars
from autopurchase.providers.alibaba1688.translate.envelope import Fault, fault_of

NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)


def chosen(**settings: str) -> Options:
    """Options of a session with these settings."""
    return options(SessionConfig(1, "main", "alibaba1688", "1", "s", settings=settings))


# --- scalars ---


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_aop_dates_come_back_to_the_millisecond(moment: datetime) -> None:
    kept = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert scalars.aop_date(scalars.to_aop_date(moment)) == kept


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20180802211113000+0800", datetime(2018, 8, 2, 13, 11, 13, tzinfo=UTC)),
        ("20170913231916000-0700", datetime(2017, 9, 14, 6, 19, 16, tzinfo=UTC)),
        ("20261010164552223+0800", datetime(2026, 10, 10, 8, 45, 52, 223000, tzinfo=UTC)),
        ("20150626174405", datetime(2015, 6, 26, 9, 44, 5, tzinfo=UTC)),
        (20150626174405, datetime(2015, 6, 26, 9, 44, 5, tzinfo=UTC)),
        ("20151326174405000+0800", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_aop_date(text: object, expected: datetime | None) -> None:
    assert scalars.aop_date(text) == expected


def test_local_dates_are_shanghai_time() -> None:
    assert scalars.local_date("2026-01-01 00:30:00") == datetime(2025, 12, 31, 16, 30, tzinfo=UTC)
    assert scalars.local_date("2026-13-01 00:30:00") is None


@given(st.integers(-(10**12), 10**12))
def test_fen_and_yuan_of_the_same_amount_agree(fen: int) -> None:
    yuan = Decimal(fen).scaleb(-2)
    assert scalars.from_fen(fen) == scalars.from_fen(str(fen)) == Money(fen, "CNY")
    assert scalars.from_yuan(yuan) == scalars.from_yuan(str(yuan)) == Money(fen, "CNY")


@pytest.mark.parametrize("value", [None, "", "a lot", True, {}, Decimal("NaN")])
def test_what_is_no_amount_is_none(value: object) -> None:
    assert scalars.from_fen(value) is None
    assert scalars.from_yuan(value) is None


@given(st.integers(2**53, 10**19 - 1))
def test_ids_stay_exact(number: int) -> None:
    assert json.loads(scalars.id_list([str(number)])) == [number]
    assert scalars.as_ids(f"{number},{number}") == (str(number),) * 2
    assert scalars.as_ids([number]) == scalars.as_ids(number) == (str(number),)


@pytest.mark.parametrize(("value", "expected"), [(5, 5), ("5.0", 5), (Decimal("2.5"), 3), (None, 0)])
def test_quantities(value: object, expected: int) -> None:
    assert scalars.as_quantity(value) == expected


# --- envelopes ---


@pytest.mark.parametrize(
    ("document", "found", "expected"),
    [
        ({"success": True, "errorCode": "200"}, True, None),
        ({"result": {"success": True, "code": "200"}, "success": True}, True, None),
        (
            {"success": True, "errorCode": "400_4", "errorMsg": "order does not exist"},
            False,
            ("400_4", "order does not exist"),
        ),
        ({"success": True, "errorCode": "400_4"}, True, None),
        ({"success": "false", "errorCode": "1", "errorMessage": "m"}, True, ("1", "m")),
        ({"success": False, "errorCode": "1", "erroMsg": "sic"}, False, ("1", "sic")),
        ({"result": {"success": False, "code": "2", "message": "inner"}, "success": True}, True, ("2", "inner")),
        (
            {"result": {"success": True, "result": {"success": False, "code": "3", "message": "deep"}}},
            True,
            ("3", "deep"),
        ),
        ({"result": {"success": False, "errorCode": "4", "errorInfo": "g"}}, False, ("4", "g")),
        ({"error": "invalid_grant", "error_description": "used"}, False, ("invalid_grant", "used")),
        ({"success": False}, False, ("", "")),
        ({}, True, None),
    ],
)
def test_envelopes(document: dict[str, Any], found: bool, expected: tuple[str, str] | None) -> None:
    assert fault_of(document, found) == (None if expected is None else Fault(*expected))


# --- asking ---


def test_address_by_words_takes_chinese_out_of_the_telephone() -> None:
    text = asking.address(replace(WAREHOUSE, phone="电话0517-88990077转8", zip=""), chosen())
    assert json.loads(text) == {
        "fullName": "仓库收货组",
        "mobile": "13800000000",
        "phone": "0517-889900778",
        "postCode": "000000",
        "provinceText": "广东省",
        "cityText": "广州市",
        "areaText": "白云区",
        "townText": "",
        "address": "石井大道18号",
    }


def test_address_by_district_code() -> None:
    found = json.loads(asking.address(Address(name="A", phone="1", address="B"), chosen(district_code="440111")))
    assert found["districtCode"] == "440111"
    assert "provinceText" not in found
    assert found["mobile"] == "1"


def test_message_holds_each_remark_once_and_is_bounded() -> None:
    lines = tuple(PurchaseLine(f"53-{n}", "1", 1, remark=text) for n, text in enumerate(("a", "b", "a", "x" * 600)))
    text = asking.message(Purchase("s", WAREHOUSE, lines, remark=" a "))
    assert text.startswith("a\nb\nxxx")
    assert len(text) == 500


def test_encrypted_offer_id_goes_under_its_own_key_and_no_spec_is_left_out() -> None:
    purchase = Purchase("s", WAREHOUSE, (PurchaseLine("53-1", "Ab3x==", 2), PurchaseLine("53-2", "77", 1)))
    assert json.loads(asking.cargo(purchase)) == [
        {"openOfferId": "Ab3x==", "quantity": 2},
        {"offerId": 77, "quantity": 1},
    ]


# --- pay pages ---


@pytest.mark.parametrize(
    ("url", "own", "safe"),
    [
        ("https://trade.1688.com/order/cashier.htm?orderId=1;2", "", True),
        ("https://alipay.com/x", "", True),
        ("http://trade.1688.com/x", "", False),
        ("https://1688.com.evil.example/x", "", False),
        ("https://evil1688.com/x", "", False),
        ("https://trade.1688.com@evil.example/x", "", False),
        ("https://user@trade.1688.com/x", "", False),
        ("https://trade.1688.com:8443/x", "", False),
        ("javascript:alert(1)", "", False),
        ("https://[", "", False),
        ("http://127.0.0.1:9/pay?ids=1", "http://127.0.0.1:9", True),
        ("http://127.0.0.1:9/pay?ids=1", "", False),
        ("http://127.0.0.1:9@evil.example/", "http://127.0.0.1:9", False),
        ("http://127.0.0.1:99/pay", "http://127.0.0.1:9", False),
    ],
)
def test_safe_pay_url(url: str, own: str, safe: bool) -> None:
    assert answers.safe_pay_url(url, own) is safe


# --- tokens ---


def test_tokens_of_an_authorisation() -> None:
    given_ = {
        "access_token": "a",
        "refresh_token": "r",
        "expires_in": "36000",
        "refresh_token_timeout": "20270520120000000+0800",
    }
    found = answers.tokens(given_, "", NOW)
    assert found == Tokens("a", "r", NOW + timedelta(hours=10), datetime(2027, 5, 20, 4, tzinfo=UTC))


def test_a_renewal_without_refresh_token_keeps_the_old_one() -> None:
    old = Tokens("a", "r", NOW, NOW + timedelta(days=9))
    found = answers.tokens({"access_token": "b", "expires_in": "36000"}, "", NOW, old)
    assert (found.refresh_token, found.refresh_expires_at) == ("r", NOW + timedelta(days=9))


def test_a_new_refresh_token_does_not_inherit_the_old_end() -> None:
    old = Tokens("a", "r", NOW, NOW + timedelta(days=9))
    assert answers.tokens({"access_token": "b", "refresh_token": "r2"}, "", NOW, old).refresh_expires_at is None


@pytest.mark.parametrize(
    ("document", "error"),
    [
        ({"error": "invalid_grant", "error_description": "expired"}, SessionRefused),
        ({"error": "temporarily_unavailable"}, BrokenAnswer),
        ({}, BrokenAnswer),
    ],
)
def test_no_token(document: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        answers.tokens(document, "", NOW)


# --- settings ---


@pytest.mark.parametrize(
    "settings",
    [
        {"create_api": "pay"},
        {"page_size": "51"},
        {"pay_batch": "many"},
        {"takein_state": "lost"},
        {"item_lookup": "never"},
        {"address_id": "home"},
        {"refusal_table": "nonsense"},
        {"keyword_rules_off": "stock"},
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, str]) -> None:
    with pytest.raises(BadInput):
        chosen(**settings)


def test_more_codes_and_rules_switched_off_decide_causes() -> None:
    rules = chosen(refusal_table="create X1 = limit_reached", keyword_rules_off="price").rules
    assert rules.cause("create", Fault("X1", "库存")) == "limit_reached"
    assert rules.cause("create", Fault("X2", "价格")) == "unknown_refusal"
    assert rules.cause("cancel", Fault("X1", "")) == "unknown_refusal"


# --- lists that change while they are read ---


class Rows:
    """A list, newest first, in pages of two; ``before`` is called before each page."""

    def __init__(self, count: int, total: bool = True) -> None:
        self.rows = [str(number) for number in range(count)]
        self.total = total
        self.asked: list[int] = []

    def fetch(self, number: int) -> answers.Page:
        """One page."""
        self.asked.append(number)
        self.before(number)
        shown = self.rows[(number - 1) * 2 : number * 2]
        return answers.Page([{"baseInfo": {"idOfStr": row}} for row in shown], len(self.rows) if self.total else None)

    def before(self, number: int) -> None:
        """What happens before a page is read."""

    def read(self) -> tuple[set[str], bool]:
        """All ids, and whether the list was whole."""
        found = whole_list(self.fetch, self.fetch(1))
        return {entry["baseInfo"]["idOfStr"] for entry in found.entries}, found.whole


@pytest.mark.parametrize(("count", "pages"), [(0, [1]), (2, [1]), (5, [1, 3, 2, 1])])
def test_list_at_rest(count: int, pages: list[int]) -> None:
    rows = Rows(count)
    assert rows.read() == ({str(number) for number in range(count)}, True)
    assert rows.asked == pages


def test_rows_that_leave_hide_none() -> None:
    class Leaving(Rows):
        def before(self, number: int) -> None:
            if len(self.asked) > 1:
                self.rows.pop(0)

    rows = Leaving(9)
    stay = set(rows.rows[5:])
    found, whole = rows.read()
    assert stay <= found
    assert whole


def test_rows_that_enter_make_it_read_again() -> None:
    class Entering(Rows):
        def before(self, number: int) -> None:
            if len(self.asked) in (3, 4):
                self.rows.insert(0, f"new{number}")

    rows = Entering(6)
    every = set(rows.rows)
    found, whole = rows.read()
    assert every <= found
    assert whole


def test_a_total_that_is_never_reached_is_told() -> None:
    class Short(Rows):
        def fetch(self, number: int) -> answers.Page:
            page = super().fetch(number)
            return answers.Page(page.entries, 9)

    found, whole = Short(3).read()
    assert found == {"0", "1", "2"}
    assert not whole


def test_a_list_without_a_total_is_read_to_its_end() -> None:
    assert Rows(5, total=False).read() == ({"0", "1", "2", "3", "4"}, True)
