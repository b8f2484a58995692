"""From a marketplace's refusal to our cause and our error. A provider's tables are in its folder, as `Codes`.

Order of decision: gateway table, exact (API, code) table, keyword rules on the text, ``unknown_refusal``.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping

from autopurchase.domain.causes import CAUSES
from autopurchase.domain.causes import cause as cause_of
from autopurchase.domain.errors import (
    AutopurchaseError,
    BadInput,
    BrokenAnswer,
    LimitReached,
    Refused,
    SessionRefused,
)
from autopurchase.ports import Field
from autopurchase.providers.common import throttled
from autopurchase.providers.refusal_table import (
    CONFIGURATION,
    GATEWAY_WORDS,
    KEYWORDS,
    WEAK_KEYWORDS,
    Codes,
)
from autopurchase.providers.tokens import TokenRejected

log = logging.getLogger(__name__)

Table = Mapping[tuple[str, str], str]

#: the settings every provider offers for its refusals
REFUSAL_SETTINGS: tuple[Field, ...] = (
    Field(
        "refusal_table",
        "More refusal codes",
        "One per line or comma: API CODE = cause, for example “create NO_STOCK = out_of_stock”.",
    ),
    Field(
        "keyword_rules_off",
        "Keyword rules switched off",
        f"Weak rules, separated by commas: {', '.join(WEAK_KEYWORDS)}.",
    ),
)


def gateway_cause(codes: Codes, code: str, text: str = "", kind: str = "") -> str:
    """Cause of a gateway refusal; ``kind`` is the gateway's error class (ISP, ISV, SYSTEM) where it gives
    one.

    Unlisted codes are ``unknown_refusal``, but of class SYSTEM or ISP ``provider_down``.
    """
    table = codes.gateway
    if code in table:
        return table[code]
    if any(mark.endswith("*") and code.startswith(mark[:-1]) for mark in table):
        return next(table[mark] for mark in table if mark.endswith("*") and code.startswith(mark[:-1]))
    for words, found in GATEWAY_WORDS:
        if words in text.lower():
            return found
    return "provider_down" if kind.upper() in {"SYSTEM", "ISP"} else "unknown_refusal"


def business_cause(
    codes: Codes, api: str, code: str, text: str = "", more: Table | None = None, off: Collection[str] = ()
) -> str:
    """Cause of a refusal by the marketplace's business side.

    ``more`` is the session's own table (`more_codes`), ``off`` names keyword rules switched off. ``text``
    must be free of secrets: a keyword match is logged with it, so that an exact entry can be added.
    """
    exact = {**codes.exact, **(more or {})}
    if (api, code) in exact:
        return exact[(api, code)]
    lower = f"{code} {text}".lower()
    for rule in KEYWORDS:
        if rule.name not in off and any(word in lower for word in rule.words):
            log.info("%s %s: keyword rule %s, text %.200s", api, code, rule.name, text)
            return rule.cause
    return "unknown_refusal"


def refusal(
    cause: str,
    text: str,
    code: str = "",
    raw: str = "",
    retry_after: float | None = None,
    gateway: bool = False,
) -> AutopurchaseError:
    """The error to raise for ``cause`` with the marketplace's own ``text`` and ``code`` in the sentence.

    ``throttled`` gives RateLimited, ``provider_down`` BrokenAnswer (a write proves nothing;
    `Transport.read` turns it into ProviderDown), ``limit_reached`` and ``risk_control`` LimitReached,
    ``session_expired`` and ``permission_missing`` SessionRefused (TokenRejected, which is renewed and
    repeated, only with ``gateway``), everything else Refused.
    """
    if cause == "throttled":
        return throttled(retry_after, raw)
    if cause == "provider_down":
        return BrokenAnswer(_sentence("The marketplace failed; it will be looked up.", text, code), raw=raw)
    sentence = _sentence(_advice(cause, code), text, code)
    if cause == "session_expired" and gateway:
        return TokenRejected(sentence, cause=cause, raw=raw)
    if cause in {"session_expired", "permission_missing"}:
        return SessionRefused(sentence, cause=cause, raw=raw)
    kind = LimitReached if cause in {"limit_reached", "risk_control"} else Refused
    return kind(sentence, cause=cause, raw=raw)


def _advice(cause: str, code: str) -> str:
    if code in CONFIGURATION:
        return "The app's configuration was refused: check its key, its secret, the address and the clock."
    known = cause_of(cause)
    return f"{known.label}. {known.action}"


def _sentence(advice: str, text: str, code: str) -> str:
    words = " ".join(part for part in (code, text.strip()[:300]) if part)
    return f"{advice} The marketplace says: {words}" if words else advice


def more_codes(settings: Mapping[str, str]) -> dict[tuple[str, str], str]:
    """The ``refusal_table`` setting as a table; raises BadInput naming the entry that cannot be read."""
    found: dict[tuple[str, str], str] = {}
    for entry in settings.get("refusal_table", "").replace(",", "\n").splitlines():
        if not entry.strip():
            continue
        key, _, cause = (part.strip() for part in entry.partition("="))
        words = key.split()
        if len(words) != 2 or cause not in CAUSES:
            raise BadInput(f"Refusal code “{entry.strip()}”: write it like “create NO_STOCK = out_of_stock”.")
        found[(words[0], words[1])] = cause
    return found


def rules_off(settings: Mapping[str, str]) -> frozenset[str]:
    """The names in the ``keyword_rules_off`` setting; raises BadInput for a rule that has no switch."""
    names = frozenset(name.strip() for name in settings.get("keyword_rules_off", "").split(",") if name.strip())
    if not names <= set(WEAK_KEYWORDS):
        raise BadInput(f"Keyword rules that can be switched off: {', '.join(WEAK_KEYWORDS)}.")
    return names
