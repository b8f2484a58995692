"""What both protocols share: one call being answered, and the two ways it can end early."""

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autopurchase.sandbox.accounts import Accounts
    from autopurchase.sandbox.market import Market

Answer = dict[str, Any]


class GatewayRefusal(Exception):
    """The gateway turns the call away before anything is done; carries the whole answer."""

    def __init__(self, body: Answer, status: int = 200) -> None:
        super().__init__(str(body))
        self.body, self.status = body, status


class BusinessRefusal(Exception):
    """The market refuses what was asked: a code and a sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass
class Call:
    """One API call with its checked caller."""

    market: "Market"
    accounts: "Accounts"
    origin: str
    provider: str
    api: str
    params: dict[str, str]
    account: str = ""
    fault: dict[str, Any] = field(default_factory=dict)
    request_id: str = ""
    namespace: str = ""  # 1688 only

    def refuse_if_told(self) -> None:
        """Refuse, when a fault says so, with its ``code`` and ``message``."""
        if self.fault.get("kind") == "refuse":
            raise BusinessRefusal(str(self.fault.get("code", "999")), str(self.fault.get("message", "")))

    def text(self, name: str) -> str:
        """A parameter as text, empty when absent."""
        return self.params.get(name, "").strip()

    def number(self, name: str, default: int) -> int:
        """A whole-number parameter."""
        try:
            return int(self.params.get(name) or default)
        except ValueError:
            raise BusinessRefusal("PARAM_ERROR", f"{name} is not a number") from None

    def json(self, name: str) -> Any:
        """A parameter holding JSON text; None when absent."""
        if not self.text(name):
            return None
        try:
            return json.loads(self.params[name])
        except ValueError:
            raise BusinessRefusal("PARAM_ERROR", f"{name} is not valid JSON") from None

    def objects(self, name: str) -> list[dict[str, Any]]:
        """A parameter holding a JSON list of objects."""
        value = self.json(name)
        if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
            raise BusinessRefusal("PARAM_ERROR", f"{name} must be a list of objects")
        return value

    def numbers(self, name: str) -> list[int]:
        """A parameter holding a JSON list of ids (numbers or text)."""
        value = self.json(name)
        try:
            return [int(entry) for entry in value or []]
        except (TypeError, ValueError):
            raise BusinessRefusal("PARAM_ERROR", f"{name} must be a list of ids") from None

    def check_account(self, code: str) -> None:
        """Raise BusinessRefusal under ``code`` where a fault says that the account may not order now."""
        if self.struck("limit"):
            raise BusinessRefusal(code, "今日下单数量已达上限 the daily order limit of this account is reached")
        if self.struck("risk"):
            raise BusinessRefusal(code, "账号存在风险,下单被拦截 stopped by risk control")

    def struck(self, kind: str) -> bool:
        """Is this the fault chosen for this call?"""
        return self.fault.get("kind") == kind
