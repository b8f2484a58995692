"""The conformance kit itself: it bites, it is honest where it cannot look, it changes nothing it need not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autopurchase.cli.main import main
from autopurchase.conformance.practice import PracticeBench
from autopurchase.conformance.report import FAILED, NOT_EARNED, NOT_TESTABLE, PASSED, Check, Report, earned
from autopurchase.conformance.run import examine
from autopurchase.domain.errors import Unknown
from autopurchase.domain.session import Grade
from autopurchase.ports import ProviderKind
from autopurchase.providers import PROVIDERS
from autopurchase.sandbox import Sandbox
from tests.sources.contract.proxy import Fault, proxy_before
from tests.sources.stubs.server import Reply

TAOBAO, ALIBABA = PROVIDERS["taobao"], PROVIDERS["alibaba1688"]
SHIP_TO = {"name": "陈伟", "mobile_phone": "13800138000", "state": "广东省", "city": "广州市", "address": "物流园3号"}


def of(**outcomes: str) -> tuple[Check, ...]:
    """Checks of grade A, B and C with these outcomes."""
    tested = {"A": ("find_by_reference",), "B": ("find_by_reference", "list_orders"), "C": ()}
    return tuple(
        Check(f"{grade} check", "lookup", grade, outcome, abilities=tested[grade])
        for grade, outcome in outcomes.items()
    )


@pytest.mark.parametrize(
    ("outcomes", "abilities", "grade"),
    [
        ({"A": PASSED, "B": PASSED, "C": PASSED}, "find_by_reference list_orders", "A"),
        ({"A": PASSED, "B": NOT_TESTABLE, "C": PASSED}, "find_by_reference", "A"),
        ({"A": NOT_EARNED, "B": PASSED, "C": PASSED}, "find_by_reference list_orders", "B"),
        ({"A": NOT_TESTABLE, "B": PASSED, "C": PASSED}, "find_by_reference list_orders", "B"),
        ({"A": PASSED, "B": FAILED, "C": PASSED}, "find_by_reference list_orders", "C"),
        ({"A": NOT_TESTABLE, "B": NOT_TESTABLE, "C": PASSED}, "find_by_reference list_orders", "C"),
        ({"A": PASSED, "B": PASSED, "C": PASSED}, "list_orders", "C"),
        ({"A": PASSED, "B": PASSED, "C": FAILED}, "find_by_reference list_orders", ""),
        ({"A": NOT_TESTABLE, "B": NOT_TESTABLE, "C": NOT_TESTABLE}, "", ""),
    ],
)
def test_grade_follows_from_the_checks(outcomes: dict[str, str], abilities: str, grade: str) -> None:
    manifest = replace(TAOBAO.manifest, abilities=frozenset(abilities.split()))
    assert earned(of(**outcomes), manifest) == grade


@pytest.mark.parametrize(
    ("claimed", "got", "ok"), [("A", "A", True), ("B", "A", True), ("A", "B", False), ("C", "", False)]
)
def test_a_claim_above_what_was_earned_is_not_ok(claimed: str, got: str, ok: bool) -> None:
    report = Report("x", "X", "", True, claimed, got, of(C=PASSED), 1.0)
    assert report.ok is ok
    assert not replace(report, checks=of(C=FAILED)).ok


class Altered:
    """A kind of provider with another manifest, or whose sessions are tampered with."""

    def __init__(self, kind: ProviderKind, tamper: Callable[[Any], Any] = lambda provider: provider, **manifest: Any):
        self._kind, self._tamper = kind, tamper
        self.manifest = replace(kind.manifest, **manifest)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kind, name)

    def open(self, *args: Any) -> Any:
        return self._tamper(self._kind.open(*args))


class Careless:
    """A provider that sends a create again when no answer came."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def create(self, *args: Any) -> Any:
        try:
            return self.inner.create(*args)
        except Unknown:
            return self.inner.create(*args)


class Chatty(Careless):
    """A provider that talks of its token."""

    def get(self, number: str) -> Any:
        raise ValueError(f"no order {number} for {self.inner._authorised.secrets()[0]}")


def test_a_claim_that_is_not_earned_fails_and_shows_why(market: Sandbox) -> None:
    before = market.control("settings")
    report, _ = examine(Altered(ALIBABA, grade=Grade.A), base_url=market.base_url, subjects=("lookup",))
    assert (report.claimed, report.earned, report.ok) == ("A", "B", False)
    assert "claims grade A and earned only B" in report.sentence
    (leaning,) = [each for each in report.checks if each.name == "look up leans on no list of orders"]
    assert leaning.outcome == FAILED
    assert "find_by_reference" in leaning.seen
    assert leaning.calls > 10
    assert market.control("settings") == before
    assert not market.orders(account="main")


def test_the_same_provider_earns_what_it_claims(market: Sandbox) -> None:
    report, tokens = examine(ALIBABA, base_url=market.base_url, subjects=("lookup",))
    assert (report.claimed, report.earned, report.ok, tokens) == ("B", "B", True, None)
    assert {each.name for each in report.checks if each.outcome == NOT_EARNED} == {
        "look up leans on no list of orders",
        "an order is found in one call",
    }


def test_a_create_that_is_repeated_is_caught(market: Sandbox) -> None:
    faulty = "unknown::test_create_without_a_readable_answer_is_unknown_and_sent_once"
    subjects = [f"{faulty}[{fault}]" for fault in ("error_after", "html", "drop_before")]
    report, _ = examine(Altered(TAOBAO, Careless), base_url=market.base_url, subjects=subjects)
    assert report.earned == ""
    assert "broke the contract" in report.sentence
    failed = [each for each in report.checks if each.outcome == FAILED]
    assert len(failed) == 3
    assert all("2 == 1" in each.seen for each in failed)


def test_evidence_holds_no_secret(market: Sandbox) -> None:
    report, _ = examine(Altered(TAOBAO, Chatty), base_url=market.base_url, subjects=("secrecy",))
    failed = [each for each in report.checks if each.outcome == FAILED]
    assert failed
    assert any("[removed]" in each.seen for each in failed)


def test_faults_of_others_stay_and_goods_go_back(market: Sandbox) -> None:
    rule = {"kind": "html", "account": "somebody"}
    market.control("faults", rules=[rule])
    examine(TAOBAO, base_url=market.base_url, subjects=("preview", "secrecy"))
    assert market.control("faults")["rules"] == [rule]
    asked = (bench := PracticeBench(market, TAOBAO)).purchase(lines=2)
    prices = [bench.money(sku.price) for _, sku in bench.goods(lines=2)[0]]
    assert [(line.cause, line.price) for line in bench.open().preview(asked).lines] == [("", price) for price in prices]


# --- another marketplace ---


@pytest.fixture
def elsewhere(market: Sandbox, tmp_path: Path) -> Any:
    """A marketplace that cannot be told what to do: the same one, without its control. (address, credentials, item)"""
    item = next(item for item in market.catalogue() if item.market == "taobao" and item.skus[0].stock > 500)
    given = {**market.credentials("taobao"), "ship_to": SHIP_TO, "rate_per_second": 100}
    file = tmp_path / "taobao.json"
    file.write_text(json.dumps(given), encoding="utf-8")
    with proxy_before(market.base_url) as found:
        found.fault = Fault(lambda request: request.path.startswith("/_control"), Reply(404, {}))
        yield found, file, f"{item.item_id}:{item.skus[0].sku_id}"


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    """The command's exit code and its JSON."""
    capsys.readouterr()
    code = main(["conformance", "--provider", "taobao", *words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_at_another_marketplace_it_reads_only_and_says_what_was_not_seen(
    elsewhere: Any, market: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    there, file, _ = elsewhere
    code, report = run(capsys, "--base-url", there.url, "--credentials", str(file))
    assert (code, report["ok"], report["earned"], report["practice"]) == (1, False, "C", False)
    assert report["counts"]["failed"] == 0
    assert report["counts"]["not testable"] > 50
    assert "Faults cannot be tested" in report["sentence"]
    assert "No order was placed" in report["sentence"]
    assert market.orders() == []


def test_one_order_is_placed_followed_and_cancelled(
    elsewhere: Any, market: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there, file, item = elsewhere
    out = tmp_path / "report.txt"
    words = ("--base-url", there.url, "--credentials", str(file), "--item", item, "--place", "--out", str(out))
    code, report = run(capsys, *words)
    assert (code, report["earned"], report["counts"]["failed"], report["orders_left"]) == (0, "A", 0, [])
    assert [order["status"] for order in market.orders()] == ["closed"]
    assert "claims grade A and earned A" in out.read_text(encoding="utf-8")


def test_renewed_tokens_go_back_into_the_file(
    elsewhere: Any, market: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    there, file, _ = elsewhere
    old = json.loads(file.read_text(encoding="utf-8"))
    market.control("expire", market="taobao", account="main")
    run(capsys, "--base-url", there.url, "--credentials", str(file))
    new = json.loads(file.read_text(encoding="utf-8"))
    assert new["access_token"] != old["access_token"]
    assert {**new, "access_token": "", "expires_at": ""} == {
        **old,
        "access_token": "",
        "expires_at": "",
        "refresh_expires_at": new["refresh_expires_at"],
    }
    assert file.stat().st_mode & 0o077 == 0


def test_without_credentials_it_says_what_to_give(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = run(capsys, "--base-url", "https://127.0.0.1:9")
    assert code == 2
    assert "credentials" in said["error"]["sentence"]
