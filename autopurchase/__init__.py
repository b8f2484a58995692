"""Orders paid lines at Taobao and 1688, never twice, and follows them to the warehouse.

    import autopurchase as ap
    shop = ap.connect()

Names are loaded when they are first used, so that a part of the package costs only itself.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autopurchase.api import Journal, Plan, Run, Table, Workspace, connect
    from autopurchase.domain.errors import (
        AutopurchaseError,
        BadInput,
        Drifted,
        LimitReached,
        Misuse,
        NotAllowed,
        NotSent,
        NotSupported,
        Refused,
        SessionRefused,
        Unknown,
    )

_ERRORS = (
    "AutopurchaseError", "BadInput", "Drifted", "LimitReached", "Misuse", "NotAllowed", "NotSent", "NotSupported",
    "Refused", "SessionRefused", "Unknown",
)  # fmt: skip
_HOMES = {
    **dict.fromkeys(("Journal", "Plan", "Run", "Table", "Workspace", "connect"), "autopurchase.api"),
    **dict.fromkeys(_ERRORS, "autopurchase.domain.errors"),
}

__all__ = [
    "AutopurchaseError",
    "BadInput",
    "Drifted",
    "Journal",
    "LimitReached",
    "Misuse",
    "NotAllowed",
    "NotSent",
    "NotSupported",
    "Plan",
    "Refused",
    "Run",
    "SessionRefused",
    "Table",
    "Unknown",
    "Workspace",
    "connect",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
