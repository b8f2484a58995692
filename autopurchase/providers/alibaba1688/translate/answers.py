"""The smaller answers: lists, details, parcels, cancels, payment links, accounts, tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from autopurchase.domain.errors import BrokenAnswer, NoSuchOrder, NotSent, Refused, SessionRefused
from autopurchase.domain.purchase import Account, Cancelled, PayLink
from autopurchase.domain.session import Tokens
from autopurchase.providers.alibaba1688 import tables
from autopurchase.providers.alibaba1688.translate.envelope import Fault, Rules, fault_of, require
from autopurchase.providers.alibaba1688.translate.scalars import aop_date, as_ids, later
from autopurchase.providers.lenient import as_dict, as_flag, as_int, as_list, as_text

Document = Mapping[str, Any]

CANCEL_WAIT = 10.0  # seconds after creation in which an order cannot be cancelled
PASSING = frozenset({"server_error", "temporarily_unavailable"})  # OAuth errors that say nothing of the token
SAFE_PAY_HOSTS = ("1688.com", "alipay.com")


@dataclass(frozen=True, slots=True)
class Page:
    """One page of an order list: raw entries, and how many orders match in all (None: not said)."""

    entries: list[dict[str, Any]]
    total: int | None


def order_page(document: Document, raw: str, rules: Rules) -> Page:
    """A page of the order list; the answer carries no ``success``."""
    found = isinstance(document.get("result"), list) or as_int(document.get("totalRecord")) == 0
    require(document, found, rules, "list", raw)
    return Page(as_list(document.get("result")), as_int(document.get("totalRecord")))


def order_detail(document: Document, raw: str, rules: Rules) -> dict[str, Any]:
    """The order of a detail answer."""
    info = as_dict(document.get("result"))
    _about_the_order("detail", fault_of(document, bool(info)), raw)
    require(document, bool(as_dict(info.get("baseInfo"))), rules, "detail", raw)
    return info


def shipments(document: Document, raw: str, rules: Rules) -> list[dict[str, Any]]:
    """Parcels of the logistics answer; “not shipped yet” is no error."""
    fault = fault_of(document, isinstance(document.get("result"), list))
    if fault is not None and fault.code == "500_2":
        return []
    require(document, isinstance(document.get("result"), list), rules, "logistics", raw)
    return as_list(document.get("result"))


def cancelled(document: Document, raw: str, rules: Rules, provider_order_id: str) -> Cancelled:
    """Answer to a cancel, which is done at once. Raises NotSent in the order's first seconds: it alone has to wait."""
    done = as_flag(document.get("success")) is True
    fault = fault_of(document, done)
    if fault is not None and fault.code == "CLOSE_ORDER_TOO_FAST":
        raise NotSent(
            f"The marketplace cancels an order only {CANCEL_WAIT:g} seconds after it was made.",
            cause="throttled",
            retry_after=CANCEL_WAIT,
            raw=raw,
        )
    _about_the_order("cancel", fault, raw)
    require(document, done, rules, "cancel", raw)
    return Cancelled(provider_order_id, done=True, raw=raw)


def _about_the_order(api: str, fault: Fault | None, raw: str) -> None:
    """Raise Refused for a fault that concerns this one order; the session and its token are good."""
    sentence = tables.ABOUT_THE_ORDER.get((api, fault.code)) if fault is not None else None
    if sentence and fault is not None:
        kind = NoSuchOrder if sentence in (tables.NO_SUCH_ORDER, tables.NOT_OURS) else Refused
        raise kind(f"{sentence} The marketplace says: {fault.code} {fault.text}".rstrip(), raw=raw)


# payment links


def pay_link(document: Document, raw: str, rules: Rules, ids: Sequence[str], own_origin: str = "") -> PayLink:
    """One cashier page; ``success`` may be partial. Raises Refused for an address that is not the marketplace's.

    ``own_origin`` is the session's origin where it is not the marketplace's own.
    """
    failed = set(_failed_ids(document.get("payFailureOrderList")))
    url = as_text(document.get("payUrl"))
    fault = fault_of(document, bool(url))
    if not url and failed >= set(ids):
        return PayLink("", (), tuple(ids))
    if fault is not None or not url:
        raise pay_error(fault, raw, rules)
    if not safe_pay_url(url, own_origin):
        raise Refused("The payment address is not the marketplace's: pay on its own site.", raw=raw)
    return PayLink(url, tuple(one for one in ids if one not in failed), tuple(one for one in ids if one in failed))


def pay_error(fault: Fault | None, raw: str, rules: Rules) -> Exception:
    """The error of a payment link that was not given."""
    if fault is None:
        return BrokenAnswer("The marketplace gave no payment address.", raw=raw)
    return rules.error("pay", fault, raw)


def must_be_paid_singly(document: Document) -> bool:
    """Whether the batch was refused because an invited order in it cannot be combined with others."""
    fault = fault_of(document, bool(document.get("payUrl")))
    return fault is not None and "MANUAL-TRADE" in f"{fault.code} {fault.text}".upper()


def _failed_ids(value: object) -> tuple[str, ...]:
    objects = as_list(value)
    return tuple(as_text(one.get("orderId")) for one in objects) if objects else as_ids(value)


def safe_pay_url(url: str, own_origin: str = "") -> bool:
    """https at the marketplace or its payment house without a user part, or the session's own origin."""
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        return False
    if own_origin and f"{parts.scheme}://{parts.netloc}" == own_origin:
        return True
    ours = any(host == name or host.endswith("." + name) for name in SAFE_PAY_HOSTS)
    return parts.scheme == "https" and ours and port in (None, 443) and "@" not in parts.netloc


# who we are


def account(document: Document, raw: str, rules: Rules, expected: str, now: datetime, server: datetime) -> Account:
    """Who the token belongs to. Raises SessionRefused when it is another account than ``expected`` (memberId)."""
    found = as_dict(document.get("result"))
    member = as_text(found.get("memberId"))
    require(document, bool(member), rules, "account", raw)
    if expected and member != expected:
        raise SessionRefused(
            f"The token belongs to account {member}, not to {expected}: authorise again with the right account.",
            cause="permission_missing",
            raw=raw,
        )
    details = {
        "member_id": member,
        "user_id": as_text(found.get("userId")),
        "company": as_text(found.get("companyName")),
        "sub_account_state": as_text(found.get("status")),
        "kuajingbao": as_text(found.get("kuaJingBao")),
        "clock_skew_seconds": f"{(server - now).total_seconds():.1f}",
    }
    details = {key: value for key, value in details.items() if value}
    return Account(as_text(found.get("loginId")), member, now, details)


def tokens(document: Document, raw: str, now: datetime, previous: Tokens | None = None) -> Tokens:
    """Tokens of an authorisation or a renewal, which normally keeps the ``previous`` refresh token."""
    access = as_text(document.get("access_token"))
    if not access:
        word = as_text(document.get("error"))
        words = as_text(document.get("error_description")) or word
        if not words or word in PASSING:
            raise BrokenAnswer("The answer holds no token.", raw=raw)
        raise SessionRefused(f"The marketplace gave no token ({words}): authorise the session again.", raw=raw)
    fresh = as_text(document.get("refresh_token"))
    kept = previous or Tokens("")
    ends = aop_date(document.get("refresh_token_timeout"))
    return Tokens(
        access_token=access,
        refresh_token=fresh or kept.refresh_token,
        expires_at=later(now, document.get("expires_in")),
        refresh_expires_at=ends or (None if fresh and fresh != kept.refresh_token else kept.refresh_expires_at),
    )
