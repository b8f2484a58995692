"""What can be turned on the sandbox, all at once and while it runs."""

from dataclasses import dataclass, fields, replace
from typing import Any


@dataclass(frozen=True)
class Settings:
    """Behaviour of the market. Seconds unless the name says otherwise; a negative delay means never."""

    latency_ms: int = 0  # added to every API call
    limit_per_second: int = 0  # calls of one account in any second before it is throttled; 0 = no limit
    deduplicate: str = "no"  # a second POST with a known reference: no = a second order, yes = the old one, refuse
    quirks: bool = True  # the odd but legal answers seen in the wild (numbers as text, flat success:false, splits)
    build_seconds: float = 0.2  # Taobao: from acceptance to "waiting for payment"
    cancel_seconds: float = 0.4  # Taobao: from an accepted cancel to the closed order
    settle_seconds: float = 0.4  # Taobao: from "will pay" to paid
    cancel_wait_seconds: float = 10  # 1688: CLOSE_ORDER_TOO_FAST before this age
    pay_deadline_seconds: float = 43200
    ship_seconds: float = -1  # from payment to shipping
    sign_seconds: float = -1  # from shipping to signature
    complete_seconds: float = -1  # from signature to the finished trade
    access_seconds: int = 0  # life of an access token; 0 = what the market usually gives
    refresh_seconds: int = 0
    code_seconds: int = 0
    push_url: str = ""  # where changes of orders are pushed to, `/<market>` is added; empty = nowhere
    reference_filter: bool = True  # 1688: does the list honour outOrderId? (a field report doubts it)
    declined_apis: tuple[str, ...] = ()  # 1688: APIs the app has no permission for

    def changed(self, values: dict[str, Any]) -> "Settings":
        """A copy with these values. ValueError names an unknown or unfit one."""
        kinds = {item.name: item.type for item in fields(self)}
        clean = {name: _fit(name, kinds.get(name), value) for name, value in values.items()}
        return replace(self, **clean)


def _fit(name: str, kind: Any, value: Any) -> Any:
    """The value in the type of its setting."""
    if kind is None:
        raise ValueError(f"no such setting: {name}")
    if name == "deduplicate":
        return _deduplicate(value)
    if name == "declined_apis":
        names = value.split(",") if isinstance(value, str) else value
        return tuple(name.strip() for name in names if name.strip())
    if kind is bool:
        return value in (True, "true", "True", "1", 1)
    return kind(value)


def _deduplicate(value: Any) -> str:
    word = {True: "yes", False: "no", "true": "yes", "false": "no", "True": "yes", "False": "no"}.get(value, value)
    if word not in ("no", "yes", "refuse"):
        raise ValueError("deduplicate is no, yes or refuse")
    return str(word)
