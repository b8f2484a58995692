"""The marketplace's many answer envelopes, read in one place, and the errors they stand for.

An answer fails when the gateway says so (``error_code``), when any level says ``success`` false (boolean or text), or
when it carries an error code and lacks what was asked for: ``success`` alone lies both ways.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from autopurchase.domain.errors import AutopurchaseError, BrokenAnswer
from autopurchase.providers.alibaba1688.tables import CODES
from autopurchase.providers.lenient import as_flag, as_text
from autopurchase.providers.refusals import Table, business_cause, gateway_cause, refusal

Document = Mapping[str, Any]

_GOOD_CODES = frozenset({"", "0", "200"})
_CODE_KEYS = ("errorCode", "code", "error")
_TEXT_KEYS = (
    "errorMsg", "erroMsg", "errorMessage", "message", "errorInfo", "error_description", "extErrorMessage",
)  # fmt: skip
#: unlisted gateway codes that speak of the back end: the call may have been executed
_BACK_END = re.compile(r"isp|timeout|invoke|internal|busy|service", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fault:
    """What a failed answer says: its code and text, either may be empty."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Rules:
    """The session's own additions to the refusal tables: more exact codes, keyword rules switched off."""

    more: Table = field(default_factory=dict)
    off: frozenset[str] = frozenset()

    def cause(self, api: str, fault: Fault) -> str:
        """Our cause for a fault of ``api`` (a short name of the refusal table)."""
        found = gateway_cause(CODES, fault.code, fault.text)
        if found != "unknown_refusal":
            return found
        return business_cause(CODES, api, fault.code, fault.text, self.more, self.off)

    def error(self, api: str, fault: Fault, raw: str) -> AutopurchaseError:
        """The error to raise for a fault of ``api``; ``raw`` is redacted already."""
        token = gateway_cause(CODES, fault.code, fault.text) == "session_expired"
        return refusal(self.cause(api, fault), fault.text, fault.code, raw, gateway=token)


def gateway_error(status: int, document: Document, raw: str, wait: float | None = None) -> AutopurchaseError | None:
    """The gateway's own refusal, by its code before the HTTP status; None when the call went through to the API.

    ``wait`` is how many seconds the answer asks to wait. Everything but ``provider_down`` (BrokenAnswer) was refused
    before execution.
    """
    code, text = as_text(document.get("error_code")), as_text(document.get("error_message"))
    if not code and status not in (401, 403, 429):
        return None
    code = code or str(status)
    cause = gateway_cause(CODES, code, text)
    if cause == "unknown_refusal" and (status >= 500 or _BACK_END.search(code)):
        cause = "provider_down"
    return refusal(cause, text, code, raw, retry_after=wait, gateway=True)


def fault_of(document: Document, found: bool) -> Fault | None:
    """What the answer says went wrong; ``found`` tells whether what was asked for is in it. None: nothing."""
    levels = list(_levels(document))
    refused = any(as_flag(level.get("success")) is False for level in levels)
    guilty = next((level for level in levels if _code(level)), None)
    if not refused and (guilty is None or found):
        return None
    return Fault(_code(guilty or {}), _text([guilty or {}, *levels]))


def require(document: Document, found: bool, rules: Rules, api: str, raw: str) -> None:
    """Raise what a failed answer stands for, or BrokenAnswer when it lacks what was asked for without saying why."""
    fault = fault_of(document, found)
    if fault is not None:
        raise rules.error(api, fault, raw)
    if not found:
        raise BrokenAnswer("The marketplace's answer lacks what was asked for.", raw=raw)


def _levels(document: Document) -> Iterator[Document]:
    level: object = document
    for _ in range(3):
        if not isinstance(level, Mapping):
            return
        yield level
        level = level.get("result")


def _code(level: Document) -> str:
    codes = (as_text(level.get(key)) for key in _CODE_KEYS)
    return next((code for code in codes if code not in _GOOD_CODES), "")


def _text(levels: list[Document]) -> str:
    texts = (as_text(level.get(key)) for level in levels for key in _TEXT_KEYS)
    return next((text for text in texts if text), "")
